"""Rows 1, 2 and 8: the runner killed, its trials killed, both asked to stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bakeoff.records.results import State
from soak.context import Context, RowResult
from soak.judging import state_of
from soak.processes import PATIENCE_SECONDS, Command, children_of, log_of, wait_until
from soak.subjects import CHECKPOINT_STEPS, Subject, ended_well, subject, undisturbed

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOPPED_SECONDS = 40.0
MISSED = 5
"""Studies that a kill may need: on a busy machine a trial may be over before it is met."""
WATCHED_SECONDS = 3.0
"""How long a first signal is given to bring about a checkpoint, at whose writing the second one is aimed."""


def kill_runner(context: Context) -> RowResult:
    """Kill the runner with SIGKILL at random times, and give the same command again, over consecutive studies.

    Args:
        context: what the row is given.

    Returns:
        What came of it: every trial complete, each completed once, H the same.
    """
    result, draws, studies = RowResult(), context.draws(), 0
    expected, kills = undisturbed(context), context.pick(3, 100)
    longest = 8.0 if context.full else 2.0
    while result.tried < kills:
        studies += 1
        study = subject(context, studies)
        while result.tried < kills:
            runner = study.start()
            if wait_until(lambda runner=runner: not runner.running, draws.uniform(0.1, longest)):
                break
            runner.kill()
            runner.wait()
            result.tried += 1
        _close(context, study, result, f"study {studies}", ended_well(context, study, expected))
    result.notes.append(f"{kills} kills over {studies} studies")
    return result


def _close(context: Context, study: Subject, result: RowResult, name: str, faults: list[str]) -> None:
    result.blame(faults, name)
    if not faults and not context.kept:
        shutil.rmtree(study.run)


def kill_trials(context: Context) -> RowResult:
    """Kill trials with SIGKILL at random steps, over consecutive studies; the runner lives and retries.

    Args:
        context: what the row is given.

    Returns:
        What came of it: as for the runner, and no more steps made again than a checkpoint's interval.
    """
    result, draws, studies = RowResult(), context.draws(), 0
    expected, kills = undisturbed(context), context.pick(2, 100)
    while result.tried < kills and studies < MISSED * kills:
        studies += 1
        study = subject(context, studies)
        runner, killed = study.start(), dict[str, int]()
        while runner.running and result.tried < kills:
            if wait_until(lambda runner=runner, study=study: not runner.running or bool(children_of(study.run)), 1.0, 0.05):
                time.sleep(draws.uniform(0.0, 1.0))
                result.tried += _kill_one(study, killed, context.pick(1, 3))
        runner.wait()
        _close(context, study, result, f"study {studies}", [*ended_well(context, study, expected), *_redone(study)])
    result.expect(result.tried >= kills, f"only {result.tried} trials were met alive in {studies} studies")
    result.notes.append(f"{result.tried} kills over {studies} studies; {CHECKPOINT_STEPS} steps between two checkpoints")
    return result


def _kill_one(study: Subject, killed: dict[str, int], most: int) -> int:
    """Kill the process of a trial that was not killed often enough in this study."""
    for pid in children_of(study.run):
        log = log_of(pid, study.run)
        trial = log.parents[2].name if log else ""
        if log is None or killed.get(trial, 0) >= most:
            continue
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed[trial] = killed.get(trial, 0) + 1
            return 1
    return 0


def _redone(study: Subject) -> list[str]:
    """Attempts that began further back than the interval of checkpoints."""
    faults = []
    for folder in sorted(study.folder.trials.iterdir()):
        reached = 0
        for number in study.folder.trial(folder.name).attempt_numbers():
            attempt = folder / "attempts" / str(number)
            steps = [*_records(attempt / "steps.jsonl"), *_records(attempt / "log.jsonl", "step")]
            if not steps:  # killed before it made any
                continue
            begun = max((int(record["step"]) for record in _records(attempt / "log.jsonl", "resume")), default=0)
            if reached - begun > CHECKPOINT_STEPS:
                faults.append(f"attempt {number} began at step {begun}, and {reached} had been made before ({folder})")
            reached = max([reached, *(int(record["step"]) for record in steps)])
    return faults


def _records(path: Path, event: str = "") -> list[dict[str, Any]]:
    records = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        with suppress(ValueError):  # the last one may be torn
            record = json.loads(line)
            if "step" in record and (not event or record["event"] == event):
                records.append(record)
    return records


def ask_to_stop(context: Context) -> RowResult:
    """SIGTERM, SIGINT and SIGHUP at random times; in half of the cases once more, as soon as a checkpoint is being written.

    Args:
        context: what the row is given.

    Returns:
        What came of it: the runner ends with the signal's status in time, trials are preempted, H the same.
    """
    result, draws, expected, met = RowResult(), context.draws(), undisturbed(context), 0
    for number in range(context.pick(3, 12)):
        which, twice = SIGNALS[number % 3], number % 2 == 1
        name = f"{which.name}{' twice' if twice else ''}, case {number}"
        study = subject(context, number)
        runner = study.start()
        begun = wait_until(lambda study=study: bool(children_of(study.run)), PATIENCE_SECONDS)
        if not result.expect(begun, f"{name}: no trial began", study.run):
            continue
        time.sleep(draws.uniform(0, context.pick(1, 6)))
        result.tried += 1
        faults, written = _stop(study, runner, which, WATCHED_SECONDS if twice else None)
        met += written
        _close(context, study, result, name, [*faults, *ended_well(context, study, expected)])
    result.notes.append(f"{met} second signals came while a checkpoint was being written")
    return result


def _written(study: Subject) -> bool:
    """Whether a checkpoint stands under its temporary name."""
    return any(study.run.glob("trials/*/attempts/*/checkpoints/.step-*"))


def _stop(study: Subject, runner: Command, which: signal.Signals, again: float | None) -> tuple[list[str], bool]:
    """Ask it to stop, and perhaps once more: when a checkpoint is being written, or if none is, after some seconds."""
    runner.kill(which)
    asked, met = time.monotonic(), False
    if again is not None:
        met = wait_until(lambda: _written(study), again, every=0.0005)
        runner.kill(which)
    ended, faults = runner.wait(), list[str]()
    took = time.monotonic() - asked
    # the second one may come when the runner is already leaving
    allowed = (128 + which, 0) if again is None else (128 + which, 0, -which)
    if ended.exit not in allowed or ended.traceback or took > STOPPED_SECONDS:
        faults.append(f"it ended with {ended.exit} after {took:.0f} s: {ended.err[-300:]} ({study.run})")
    if ended.exit and again is None:
        states = {state_of(study.folder, path.name).state for path in study.folder.trials.iterdir()}
        if not states <= {State.COMPLETE, State.PREEMPTED}:
            faults.append(f"trials stand as {sorted(states)} ({study.run})")
    if not wait_until(lambda: not children_of(study.run), PATIENCE_SECONDS):
        faults.append("processes live on")
    return faults, met
