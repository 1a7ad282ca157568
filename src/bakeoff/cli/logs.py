"""`bakeoff logs`: what a trial printed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli.options import AsJson
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.records.paths import AttemptFolder, RunFolder
    from bakeoff.records.specs import TrialSpec

NAME = "logs"
SHORT = "Print what a trial printed."
HELP = """Print the console log of a trial's last attempt.

\b
Examples:
  bakeoff logs                                 of the trial of the newest run that printed last
  bakeoff logs demo-bce-s42-1a2b3c4d5e         of the newest run; a part of the id will do if only one trial has it
  bakeoff logs runs/demo-default bce-s42
  bakeoff logs bce-s42 --attempt 1
  bakeoff logs bce-s42 --follow                 go on printing until the attempt ends
"""
FOLLOW_SECONDS = 0.2


def command(
    first: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|TRIAL",
            help="The trial, by its id or a part of it; or a run, and then the trial; without one, that which printed last.",
        ),
    ] = None,
    second: Annotated[str | None, typer.Argument(metavar="TRIAL", help="A trial's id, or a part of it.")] = None,
    attempt: Annotated[int | None, typer.Option("--attempt", min=1, help="Which attempt. [default: the last]")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until the attempt has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the console log of a trial."""
    from bakeoff import api
    from bakeoff.cli.shown import safe, write, write_json
    from bakeoff.running.plan_run import find_trial
    from bakeoff.running.standing import read_plan

    names_run = second is not None or (first is not None and _is_run(first))
    run, part = (first, second) if names_run else (None, first)
    folder = api.find_run(run)
    trials = read_plan(folder).trials
    trial = find_trial(trials, part) if part is not None else _printed_last(folder, trials)
    numbers = folder.trial(trial.id).attempt_numbers()
    number = attempt or (numbers[-1] if numbers else 0)
    chosen = folder.trial(trial.id).attempt(number)
    path = chosen.console
    if not path.is_file():
        raise RunError(f"the trial has no log of attempt {number}" if number else "the trial was not begun", trial.id)
    if follow and not as_json:
        _follow(folder, chosen)
        return
    lines = path.read_bytes().decode(errors="replace").split("\n")
    if as_json:
        write_json({"trial": trial.id, "attempt": number, "path": path, "lines": lines})
    else:
        write("\n".join(safe(line) for line in lines).rstrip("\n"))


def _is_run(name: str) -> bool:
    from bakeoff import api
    from bakeoff.running.standing import is_run

    return is_run(Path(name)) or name in [run.root.name for run in api.runs()]


def _printed_last(run: RunFolder, trials: list[TrialSpec]) -> TrialSpec:
    """The trial whose log was written to last."""
    times = {}
    for trial in trials:
        folder = run.trial(trial.id)
        consoles = [folder.attempt(number).console for number in folder.attempt_numbers()]
        times[trial.id] = max((console.stat().st_mtime_ns for console in consoles if console.is_file()), default=0)
    last = max(trials, key=lambda trial: times[trial.id])
    if not times[last.id]:
        raise RunError("no trial was begun", str(run.root), "begin with `bakeoff run`; `bakeoff status` shows it")
    return last


def _follow(run: RunFolder, attempt: AttemptFolder) -> None:
    """Print a log while it grows: until `ending.json` stands, or nobody is at work who could write it."""
    from bakeoff.cli.shown import safe
    from bakeoff.running.lock import is_held

    rest = b""
    with attempt.console.open("rb") as stream:
        while True:
            is_over = attempt.ending.is_file() or not is_held(run)
            *lines, rest = (rest + stream.read()).split(b"\n")
            if is_over and rest:
                lines.append(rest)
            for line in lines:
                sys.stdout.write(safe(line.decode(errors="replace")) + "\n")
            sys.stdout.flush()
            if is_over:
                return
            time.sleep(FOLLOW_SECONDS)
