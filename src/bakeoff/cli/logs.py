"""`bakeoff logs`: what a trial printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli.options import AsJson
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.records.specs import TrialSpec

NAME = "logs"
SHORT = "Print what a trial printed."
HELP = """Print the console log of a trial's last attempt.

\b
Examples:
  bakeoff logs demo-bce-s42-1a2b3c4d5e         of the newest run; a part of the id will do if only one trial has it
  bakeoff logs runs/demo-default bce-s42
"""


def command(
    first: Annotated[
        str, typer.Argument(metavar="RUN|TRIAL", help="The trial, by its id or a part of it; or a run, and then the trial.")
    ],
    second: Annotated[str | None, typer.Argument(metavar="TRIAL", help="A trial's id, or a part of it.")] = None,
    attempt: Annotated[int | None, typer.Option("--attempt", min=1, help="Which attempt. [default: the last]")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the console log of a trial."""
    from bakeoff import api
    from bakeoff.cli.shown import safe, write, write_json
    from bakeoff.running.standing import read_plan

    run, part = (first, second) if second is not None else (None, first)
    folder = api.find_run(run)
    trial = _find(read_plan(folder).trials, part)
    numbers = folder.trial(trial.id).attempt_numbers()
    number = attempt or (numbers[-1] if numbers else 0)
    path = folder.trial(trial.id).attempt(number).console
    if not path.is_file():
        raise RunError(f"the trial has no log of attempt {number}" if number else "the trial was not begun", trial.id)
    lines = path.read_bytes().decode(errors="replace").split("\n")
    if as_json:
        write_json({"trial": trial.id, "attempt": number, "path": path, "lines": lines})
    else:
        write("\n".join(safe(line) for line in lines).rstrip("\n"))


def _find(trials: list[TrialSpec], part: str) -> TrialSpec:
    exact = [trial for trial in trials if trial.id == part]
    found = exact or [trial for trial in trials if part in trial.id]
    if len(found) == 1:
        return found[0]
    problem = "no trial has this in its id" if not found else f"{len(found)} trials have this in their id"
    raise RunError(problem, part, f"trials: {', '.join(trial.id for trial in (found or trials)[:8])}")
