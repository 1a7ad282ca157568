"""Remove what a run needs no more: checkpoints of trials that ended, earlier attempts, and what was set aside as damaged."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bakeoff.records.paths import AttemptFolder, RunFolder, TrialFolder
from bakeoff.records.results import State
from bakeoff.records.specs import TrialSpec
from bakeoff.running.diskspace import size_of
from bakeoff.running.lock import RunLock
from bakeoff.running.plan_run import read_state


@dataclass(frozen=True)
class Removed:
    """Something that is removed.

    Attributes:
        trial: the trial's id; empty for what belongs to the run.
        what: in words.
        path: where it is.
        bytes: its size.
    """

    trial: str
    what: str
    path: Path
    bytes: int


def clean(run: RunFolder, trials: list[TrialSpec], dry_run: bool = False) -> list[Removed]:
    """Remove what a run needs no more.

    Results, kept models, and the last attempt's logs stay. Trials that go on keep all that they go on from.

    Args:
        run: the run folder.
        trials: its trials.
        dry_run: whether only to say what would go.

    Returns:
        What was removed.

    Raises:
        LockedError: if a runner is at work.
    """
    with RunLock(run):
        found = [item for trial in trials for item in _of_trial(run.trial(trial.id), trial.id, read_state(run, trial).state)]
        for entry in sorted(run.root.glob("*.damaged-*")):
            found.append(_removed("", "set aside as damaged", entry))
        if not dry_run:
            for item in found:
                _remove(item.path)
    return found


def _of_trial(folder: TrialFolder, trial_id: str, state: State) -> list[Removed]:
    if not folder.root.is_dir():
        return []
    paths = [("set aside as damaged", entry) for entry in sorted(folder.root.glob("*.damaged-*"))]
    attempts = [folder.attempt(number) for number in folder.attempt_numbers()]
    if state is State.COMPLETE:
        paths += [("an earlier attempt", attempt.root) for attempt in attempts[:-1]]
        paths += [part for attempt in attempts[-1:] for part in _parts(attempt)]
    elif state.ended:
        paths += [part for attempt in attempts for part in _parts(attempt)]
    return [_removed(trial_id, what, path) for what, path in paths]


def _parts(attempt: AttemptFolder) -> list[tuple[str, Path]]:
    parts = [("checkpoints", attempt.checkpoints), ("an unfinished product", attempt.product)]
    return [(what, path) for what, path in parts if path.is_dir() and any(path.iterdir())]


def _removed(trial_id: str, what: str, path: Path) -> Removed:
    return Removed(trial_id, what, path, size_of(path))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
