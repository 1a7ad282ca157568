"""`bakeoff runs`: the runs near here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bakeoff.cli.options import AsJson
from bakeoff.errors import BakeoffError

if TYPE_CHECKING:
    from bakeoff.records.paths import RunFolder

NAME = "runs"
SHORT = "List the runs near here."
HELP = """List the run folders in runs/ and beside it, the newest first.

\b
Example:
  bakeoff runs
"""
COLUMNS = {"run": "run", "study": "study", "profile": "profile", "trials": ">trials", "states": "states", "runner": "runner"}


def command(as_json: AsJson = False) -> None:
    """List the runs near here."""
    from bakeoff import api
    from bakeoff.cli.shown import show, write_json

    rows = [_row(run) for run in api.runs()]
    if as_json:
        write_json(rows)
        return
    shown = [row | {"states": ", ".join(f"{count} {state}" for state, count in row["states"].items())} for row in rows]
    show(COLUMNS, shown, as_json=False, title="" if rows else "there is no run here; begin one with `bakeoff run demo`")


def _row(run: RunFolder) -> dict[str, Any]:
    from bakeoff.cli.shown import shown_path
    from bakeoff.running.standing import read_standing

    body: dict[str, Any] = {"run": shown_path(run.root), "study": "", "profile": "", "trials": None, "states": {}, "runner": ""}
    try:
        standing = read_standing(run)
    except BakeoffError as error:
        # one folder that cannot be read must not hide the others
        return body | {"runner": error.what}
    return body | {
        "study": standing.study,
        "profile": standing.profile,
        "trials": len(standing.rows),
        "states": dict(Counter(row.state.value for row in standing.rows)),
        "runner": str(standing.owner or ""),
    }
