"""`bakeoff run`: carry a study out, or go on with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson, Overrides, Profile, Study, Workers

if TYPE_CHECKING:
    from bakeoff import api
    from bakeoff.analysis.model import Analysis
    from bakeoff.running.runner import RunSummary

NAME = "run"
SHORT = "Carry out a study, or go on with it."
HELP = """Carry out a study, or go on with it: the same command again runs only what is not complete.

\b
Examples:
  bakeoff run demo
  bakeoff run study.yaml --profile quick
  bakeoff run study.yaml --workers 2
  bakeoff run study.yaml --workers auto             as many at a time as fit, by what they were seen to take
  RAY_ADDRESS=auto bakeoff run study.yaml --executor ray --workers 8      on a Ray cluster that shares the disk
  bakeoff run study.yaml --only recipe=bce,seed=42 --executor inline
  bakeoff run study.yaml --trials 3                 stop after three, where long jobs are killed; again for the next three

\b
Exit status:
  0  every trial that was to run completed        4  some trials failed
  2  the study or an argument has a fault         130, 143  stopped by a signal; the same command goes on
  3  not ready: `bakeoff check STUDY` says what is missing, and how to mend it
"""


def command(
    study: Study,
    profile: Profile = None,
    overrides: Overrides = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="KEY=VALUE[,…]",
            help="Begin only these trials; keys: recipe, task, seed, id. Repeatable: values of one key are alternatives.",
        ),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="The run folder. [default: runs/<name>-<profile> beside the study]")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new run folder even if one stands.")] = False,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            metavar="local|ray|inline",
            help="Where trials run: here; on the Ray cluster at $RAY_ADDRESS; or here by themselves with all they print, for "
            "debugging. Results stay the same.",
        ),
    ] = "local",
    again_failed: Annotated[bool, typer.Option("--again-failed", help="Run trials that failed before again.")] = False,
    trials: Annotated[
        int | None, typer.Option("--trials", min=0, metavar="N", help="Begin at most N trials, leave the rest for later.")
    ] = None,
    workers: Workers = 1,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Begin whatever `bakeoff check` would say; the study itself is still checked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Carry out a study, or go on with it."""
    from bakeoff import api
    from bakeoff.cli.display import display

    if not no_check:
        # packed trials see to memory themselves, and of a cluster only what this machine is like is known
        here = 1 if executor == "ray" else max(1, workers)
        _see_that_ready(study, profile, overrides or (), run_dir, here)
    options = api.RunOptions(run_dir, new, executor, tuple(only or ()), again_failed, trials, workers)
    planned = api.plan(study, profile, overrides or ())
    with display(planned.plan, *_foretold(planned)) as listener:
        summary = api.run(planned, overrides=overrides or (), options=options, listener=listener)
    words = api.run_command(planned, overrides or (), summary.run)
    conclude(summary, shlex.join(words), as_json)
    raise typer.Exit(summary.exit_code)


def _foretold(planned: api.PlannedStudy) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds that trials will take, by id: where something like them was measured here, and where that is a mere guess."""
    from bakeoff import api

    trials = api.estimate(planned).trials
    return (
        {trial.trial.id: trial.seconds.expected for trial in trials if trial.measured},
        {trial.trial.id: trial.seconds.expected for trial in trials if not trial.measured},
    )


def _see_that_ready(study: str, profile: str | None, overrides: Sequence[str], run_dir: Path | None, workers: int) -> None:
    """Say each warning in a line; end here with status 3 where an error stands against the run."""
    from bakeoff import api
    from bakeoff.cli.check import conclusion, paragraph
    from bakeoff.cli.shown import say
    from bakeoff.preflight.findings import Severity

    readiness = api.check(study, profile, overrides, run_dir=run_dir, workers=workers)
    if readiness.subject.faults:
        return  # planning says them all, as it does without a check
    asked = readiness.subject.study
    if asked is not None and asked.has_to_be_sane and readiness.ready and readiness.subject.waiting:
        readiness = api.check(study, profile, overrides, run_dir=run_dir, workers=workers, smoke=("steps", "sanity"), told=say)
    for finding in readiness.of(Severity.WARNING):
        say(finding.line)
    if not readiness.ready:
        for check, finding in readiness.findings:
            if finding.severity is Severity.ERROR:
                say(paragraph(check, finding))
        say(f"{conclusion(readiness)}\n--no-check begins all the same")
        raise typer.Exit(readiness.exit_code)


def conclude(summary: RunSummary, goes_on: str, as_json: bool) -> None:
    """Print what a run came to: ranking, report, and how to go on with what is left.

    Args:
        summary: how it stands.
        goes_on: the command that goes on with it.
        as_json: whether to print JSON.
    """
    from bakeoff import api
    from bakeoff.cli.shown import say, shown_path, write, write_json

    analysis = None if summary.signal else api.analyse(summary.run.root)
    path = api.write_report(summary.run, analysis) if analysis else None
    if as_json:
        write_json(_as_json(summary, analysis, path))
    elif analysis is not None:
        from bakeoff.cli.ranking import print_ranking

        print_ranking(analysis)
        write(f"report: {shown_path(path)}" if path else "")
    if not summary.finished:
        say(f"{_waiting(summary)} still to run; to go on:\n  {goes_on}")


def _waiting(summary: RunSummary) -> str:
    count = sum(not state.ended for state in summary.states.values())
    return f"{count} of {len(summary.states)} trials are" if count != 1 else f"1 of {len(summary.states)} trials is"


def _as_json(summary: RunSummary, analysis: Analysis | None, report: Path | None) -> dict[str, Any]:
    from bakeoff.cli.ranking import ranking_rows

    return {
        "run": summary.run.root,
        "seconds": round(summary.seconds, 3),
        "exit": summary.exit_code,
        "finished": summary.finished,
        "trials": {trial: state.value for trial, state in summary.states.items()},
        "ranking": [row for task in analysis.tasks for row in ranking_rows(task)] if analysis else [],
        "report": report,
    }
