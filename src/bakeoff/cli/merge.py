"""`bakeoff merge`: join runs of one study that were filled on several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import AsJson

NAME = "merge"
SHORT = "Join runs of one study from several machines."
HELP = """Join runs of one study that were filled on several machines into a new run folder; theirs stay as they are. A run of
another study, other data or other settings is refused, and so are two different results of one trial.

\b
Examples:
  bakeoff merge runs/demo-default-1of2 runs/demo-default-2of2
  bakeoff merge shard1 shard2 shard3 --into runs/whole
"""


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Run folders.")],
    into: Annotated[Path | None, typer.Option("--into", help="The new run folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Join runs."""
    from bakeoff import api
    from bakeoff.cli.shown import shown_path, write, write_json

    target, merged = api.merge(runs, into)
    if as_json:
        write_json({"run": target.root, **merged.model_dump()})
        return
    for one in merged.sources:
        write(f"{one.run}: {len(one.trials)} trials, on {', '.join(one.machines) or 'an unknown machine'}")
    waiting = f"{len(merged.missing)} trials are still to run: `bakeoff run` with --run-dir goes on"
    write(f"{shown_path(target.root)}: {waiting if merged.missing else 'no trial is missing'}")
