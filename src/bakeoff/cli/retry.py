"""`bakeoff retry`: run trials again that failed."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from bakeoff.cli.options import AsJson, Workers

NAME = "retry"
SHORT = "Run trials again that failed."
HELP = """Run trials of a run again that ended otherwise than complete: all of them, or one. They go on from their checkpoints.

The trials are those that stand in the run folder, whatever has become of the study file since.

\b
Examples:
  bakeoff retry                                     all that failed of the newest run
  bakeoff retry runs/demo-default
  bakeoff retry demo-default demo-bce-s42           one trial, by its id or a part of it

\b
Exit status: as of `bakeoff run`.
"""


def command(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run folder, or the name of one in runs/; the newest without it.")
    ] = None,
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="A trial's id, or a part of it. [default: all that failed]")
    ] = "",
    executor: Annotated[
        str, typer.Option("--executor", help="local, or inline: each job by itself, with all it prints, for debugging.")
    ] = "local",
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Run trials again that failed."""
    from bakeoff import api
    from bakeoff.cli.display import display
    from bakeoff.cli.run import conclude
    from bakeoff.running.standing import read_plan

    folder = api.find_run(run)
    options = api.RunOptions(executor=executor, workers=workers)
    with display(read_plan(folder)) as listener:
        summary = api.retry(folder.root, trial, options=options, listener=listener)
    conclude(summary, shlex.join(["bakeoff", "run", str(folder.study), "--run-dir", str(folder.root)]), as_json)
    raise typer.Exit(summary.exit_code)
