"""How a run stands, read from its folder alone: for `status`, from any process, while a runner works or not."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.errors import FormatError, RunError
from bakeoff.records.paths import RunFolder, TrialFolder
from bakeoff.records.results import Circumstances, Result, State
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.running.estimate import Estimate, left_of_trial
from bakeoff.running.keeping import validation_score
from bakeoff.running.lock import Owner, is_held, read_owner
from bakeoff.running.plan_run import read_state
from bakeoff.running.watching import LogFollower

WARNINGS_SHOWN = 5
RECORD_BYTES = 2_000


@dataclass(frozen=True)
class Row:
    """How one trial stands.

    Attributes:
        id: the trial's id.
        task: the task's name.
        recipe: the recipe's name.
        seed: the seed.
        state: its state.
        reason: why, where it is not well.
        attempt: number of the last attempt; 0 before the first.
        step: steps made in it.
        steps: steps in all; 0 while unknown.
        metric: the task's metric.
        score: that metric on validation: of the result, or of the last validation of a trial that runs.
        seconds: how long the last attempt took, or has taken; None if unknown.
        left_seconds: what is left of it; None if unknown or ended.
        again: the command that runs just this trial again; empty while there is nothing to run again.
        monitor: the last sample of what a trial that runs uses of the machine, by the keys of `monitor.jsonl`.
    """

    id: str
    task: str
    recipe: str
    seed: int
    state: State
    reason: str
    attempt: int
    step: int
    steps: int
    metric: str
    score: float | None
    seconds: float | None
    left_seconds: float | None
    again: str
    monitor: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Attributes:
        run: the run folder.
        study: the study's name.
        profile: its profile, or empty.
        owner: the runner at work; None if none is.
        rows: a row a trial, in the plan's order.
        left_seconds: what is left of the whole; None if unknown.
        warnings: what the runner warned of, the last few.
    """

    run: Path
    study: str
    profile: str
    owner: Owner | None
    rows: list[Row] = field(default_factory=list)
    left_seconds: float | None = None
    warnings: list[str] = field(default_factory=list)


def read_phases(run: RunFolder) -> list[Plan]:
    """The plans of a run, in the order of its phases.

    Args:
        run: the run folder.

    Returns:
        A plan for each phase that was begun.

    Raises:
        RunError: if the folder is no run folder.
    """
    paths = sorted(run.plans.glob("*.json")) if run.plans.is_dir() else []
    if not paths:
        raise RunError("this is no run folder: it has no plan", str(run.root), "`bakeoff runs` lists run folders")
    return sorted(map(Plan.read, paths), key=lambda plan: plan.place)


def read_plan(run: RunFolder) -> Plan:
    """All trials of a run that are planned by now.

    Args:
        run: the run folder.

    Returns:
        The plan of the last phase that was begun, with the trials of the phases before it in front.

    Raises:
        RunError: if the folder is no run folder.
    """
    phases = read_phases(run)
    trials = {trial.id: trial for plan in phases for trial in plan.trials}
    return phases[-1].model_copy(update={"trials": list(trials.values())})


def read_standing(run: RunFolder) -> Standing:
    """How a run stands now.

    Args:
        run: the run folder.

    Returns:
        The standing. A trial that says that it runs, while no runner lives, is shown as preempted.
    """
    plan, held = read_plan(run), is_held(run)
    estimate = Estimate()
    rows = [_row(run, trial, held, estimate) for trial in plan.trials]
    lefts = [row.left_seconds for row in rows if row.state is State.RUNNING]
    pending = [trial for trial, row in zip(plan.trials, rows, strict=True) if row.state in (State.PENDING, State.PREEMPTED)]
    known = [left for left in lefts if left is not None]
    total = estimate.left(pending, None if len(known) < len(lefts) else sum(known))
    return Standing(
        run=run.root,
        study=plan.study,
        profile=plan.profile,
        owner=read_owner(run) if held else None,
        rows=rows,
        left_seconds=None if total is None else max([total / max(1, len(lefts)), *known]),
        warnings=[str(record.get("text", "")) for record in _last_records(run.warnings, WARNINGS_SHOWN)],
    )


def _last_records(path: Path, count: int) -> list[dict[str, Any]]:
    """The last records of a log, from its last bytes alone: it may be long, and it is read every second."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - count * RECORD_BYTES))
            lines = stream.read().split(b"\n")
    except OSError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # the first may be cut, the last unfinished
            continue
        if isinstance(record, dict):
            records.append(record)
    return records[-count:]


def _row(run: RunFolder, trial: TrialSpec, held: bool, estimate: Estimate) -> Row:
    folder, record = run.trial(trial.id), read_state(run, trial)
    state, reason = record.state, record.reason
    if state is State.RUNNING and not held:
        state, reason = State.PREEMPTED, "its runner has died; the same `bakeoff run` goes on"
    score, step, steps, at = _logged(folder, record.attempt, trial.task.metric)
    seconds = _seconds(folder) if state.ended else at
    if state is State.COMPLETE:
        score = _score(folder, trial)
        if seconds is not None:
            estimate.learn(trial, seconds)
    return Row(
        id=trial.id,
        task=trial.task.name,
        recipe=trial.recipe.name,
        seed=trial.seed,
        state=state,
        reason=reason,
        attempt=record.attempt,
        step=step,
        steps=steps,
        metric=trial.task.metric,
        score=score,
        seconds=seconds,
        left_seconds=left_of_trial(step, steps, at or 0.0) if state is State.RUNNING else None,
        again=record.again,
        monitor=_sample(folder, record.attempt) if state is State.RUNNING else {},
    )


def _sample(folder: TrialFolder, attempt: int) -> dict[str, Any]:
    return next(iter(_last_records(folder.attempt(attempt).monitor, 1)), {})


def _score(folder: TrialFolder, trial: TrialSpec) -> float | None:
    try:
        return validation_score(trial, Result.read(folder.result))
    except (FormatError, ValueError):
        return None


def _seconds(folder: TrialFolder) -> float | None:
    try:
        return Circumstances.read(folder.circumstances).seconds
    except (FormatError, ValueError):
        return None


def _logged(folder: TrialFolder, attempt: int, metric: str) -> tuple[float | None, int, int, float | None]:
    """Last validation score, steps made, steps in all, and seconds since the start, by the log of an attempt."""
    score, step, steps, seconds = None, 0, 0, None
    for record in LogFollower(folder.attempt(attempt).log).new_records():
        steps = int(record.get("steps", steps))
        step = int(record.get("step", step))
        seconds = record.get("seconds", seconds)
        score = record.get("scores", {}).get(metric, score)
    return score, step, steps, seconds


def is_run(folder: Path) -> bool:
    """Whether a folder is a run folder.

    Args:
        folder: any path.

    Returns:
        True if a plan and a study stand in it.
    """
    run = RunFolder(folder)
    return run.study.is_file() and run.plans.is_dir() and any(run.plans.glob("*.json"))


def known_runs(folders: list[Path]) -> list[RunFolder]:
    """Run folders that stand directly in some folders.

    Args:
        folders: where to look; missing ones are passed over.

    Returns:
        Runs, the one that was begun or continued last first.
    """
    found = {}
    for folder in folders:
        for entry in folder.iterdir() if folder.is_dir() else ():
            run = RunFolder(entry.absolute())
            if is_run(run.root):
                found[run.root] = run.study.stat().st_mtime
    return [RunFolder(root) for root in sorted(found, key=lambda root: found[root], reverse=True)]
