"""What must hold of a run that is over: every trial complete, none run twice, and the hash of all results."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bakeoff.errors import FormatError
from bakeoff.records.paths import RunFolder, TrialFolder
from bakeoff.records.results import Outcome, Result, State, TrialState, read_complete
from bakeoff.records.specs import Plan


def complete_attempts(folder: TrialFolder) -> list[int]:
    """Attempts whose child said that it completed.

    Args:
        folder: the trial's folder.

    Returns:
        Their numbers.
    """
    found = []
    for number in folder.attempt_numbers():
        try:
            outcome = Outcome.read(folder.attempt(number).outcome)
        except (FormatError, ValueError):
            continue
        if outcome.state is State.COMPLETE:
            found.append(number)
    return found


def faults_of(run: RunFolder, trials: int | None = None, once: bool = True, only: str = "") -> list[str]:
    """What is wrong with a run that should be complete.

    Args:
        run: the run folder.
        trials: how many trials its plan must have; None means any number.
        once: whether each trial must have been completed once; no matter where its result was damaged on purpose.
        only: a part of the ids of those trials that were to run; empty means all.

    Returns:
        A line a fault.
    """
    if not run.plan("final").exists():
        return [f"there is no plan ({run.root})"]
    plan = Plan.read(run.plan("final"))
    faults = []
    if trials is not None and len(plan.trials) != trials:
        faults.append(f"the plan has {len(plan.trials)} trials in place of {trials} ({run.root})")
    for trial in (trial for trial in plan.trials if only in trial.id):
        folder = run.trial(trial.id)
        if read_complete(folder, trial.definition_hash) is None:
            faults.append(f"{trial.id} is not complete ({folder.root})")
            continue
        if TrialState.read(folder.state).state is not State.COMPLETE:
            faults.append(f"{trial.id} is complete, and its state says otherwise ({folder.state})")
        if once and len(numbers := complete_attempts(folder)) != 1:
            faults.append(f"{trial.id} was completed {len(numbers)} times ({folder.attempts})")
    return faults


def results_hash(run: RunFolder) -> str:
    """H: the hash of all results.

    Args:
        run: the run folder.

    Returns:
        64 hexadecimal digits, of the bytes of every `result.json` in the order of the trials' ids.
    """
    digest = hashlib.sha256()
    for path in sorted(run.trials.glob("*/result.json")):
        digest.update(path.parent.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def result_hashes(run: RunFolder) -> dict[str, str]:
    """The hash of each result.

    Args:
        run: the run folder.

    Returns:
        By trial id.
    """
    return {path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.trials.glob("*/result.json")}


def state_of(run: RunFolder, trial: str) -> TrialState:
    """How a trial stands by its record.

    Args:
        run: the run folder.
        trial: its id.

    Returns:
        The record.
    """
    return TrialState.read(run.trial(trial).state)


def read_result(path: Path) -> Result:
    """A trial's result.

    Args:
        path: `result.json`.

    Returns:
        The result.
    """
    return Result.read(path)
