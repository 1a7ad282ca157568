"""`bakeoff clean`: remove what a run needs no more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bakeoff.cli.options import AsJson

NAME = "clean"
SHORT = "Remove what a run needs no more."
HELP = """Remove what a run needs no more: checkpoints of trials that ended, earlier attempts of complete ones, and files that
were set aside as damaged. Results, kept models and last logs stay. A failed trial that is run again then begins anew.

\b
Examples:
  bakeoff clean runs/demo-default --dry-run         say what would go, and how much that is
  bakeoff clean runs/demo-default
"""
COLUMNS = {"trial": "trial", "what": "what", "path": "path", "size": ">size"}


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or the name of one in runs/.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what a run needs no more."""
    from bakeoff import api
    from bakeoff.cli.shown import show, shown_path, size, write

    found = api.clean(run, dry_run=dry_run)
    show(
        COLUMNS,
        [asdict(item) | {"path": shown_path(item.path), "size": size(item.bytes)} for item in found],
        as_json=as_json,
    )
    if not as_json:
        write(f"{size(sum(item.bytes for item in found))} {'would go' if dry_run else 'removed'}")
