"""`bakeoff cancel`: end trials for good."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli.options import AsJson

NAME = "cancel"
SHORT = "End trials for good, running or not."
HELP = """End trials for good: one, or all that have not ended, and then the runner as well. Complete trials stay as they are.

A runner at work ends them itself, on this machine or another that shares the run folder. A cancelled trial stays cancelled
until `bakeoff retry` runs it again, from its last checkpoint.

\b
Examples:
  bakeoff cancel runs/demo-default                  the whole run
  bakeoff cancel demo-default demo-bce-s42          one trial, by its id or a part of it
"""
COLUMNS = {"trial": "trial", "state": "state"}


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or the name of one in runs/.")],
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="A trial's id, or a part of it. [default: all that have not ended]")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """End trials for good."""
    from bakeoff import api
    from bakeoff.cli.shown import show

    show(COLUMNS, [{"trial": one.id, "state": state.value} for one, state in api.cancel(run, trial)], as_json=as_json)
