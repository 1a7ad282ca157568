"""Cancel trials of a run: by asking the runner at work, or, where none is, by marking them."""

from __future__ import annotations

import time

from bakeoff.errors import LockedError
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State, TrialState
from bakeoff.records.specs import TrialSpec
from bakeoff.running.lock import RunLock, is_held
from bakeoff.running.plan_run import again, read_state
from bakeoff.running.requests import ALL, ask_to_cancel, cancels, forget_cancels

LONGEST_WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.1


def mark_cancelled(run: RunFolder, trial_id: str) -> TrialState:
    """Mark a trial that does not run as cancelled; it stays so until a user has it run again.

    Args:
        run: the run folder.
        trial_id: the trial.

    Returns:
        Its record.
    """
    folder = run.trial(trial_id)
    attempt = next(reversed(folder.attempt_numbers()), 0)
    state = TrialState(
        state=State.CANCELLED,
        reason="it was cancelled" if attempt else "it was cancelled before it began",
        remedy="`bakeoff retry` runs it again",
        attempt=attempt,
        again=again(run, trial_id),
    )
    state.write(folder.state)
    return state


def cancel(
    run: RunFolder, trials: list[TrialSpec], everything: bool, wait_seconds: float = LONGEST_WAIT_SECONDS
) -> list[State]:
    """Cancel what of some trials has not ended. Where a runner is at work, it ends them, with their checkpoints kept.

    Args:
        run: the run folder.
        trials: which.
        everything: whether they are all of the plan, so that the runner itself ends as well.
        wait_seconds: how long to wait for the runner at most.

    Returns:
        How each stands now; `running` if the runner has not answered in time.
    """
    open_ids = [trial.id for trial in trials if not read_state(run, trial).state.ended]
    if open_ids and not _mark(run, open_ids):
        ask_to_cancel(run, [] if everything else open_ids)
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline and not _is_done(run, trials):
            time.sleep(LOOK_SECONDS)
    return [read_state(run, trial).state for trial in trials]


def _is_done(run: RunFolder, trials: list[TrialSpec]) -> bool:
    still = [trial.id for trial in trials if not read_state(run, trial).state.ended]
    if not still:
        return True
    if cancels(run) and is_held(run):
        return False
    # the runner has taken the request, or is gone: what it left open is ours to mark
    return _mark(run, still)


def _mark(run: RunFolder, ids: list[str]) -> bool:
    """Mark trials under the run's lock; False if a runner holds it."""
    try:
        with RunLock(run, patience_seconds=0.2):
            for trial_id in ids:
                mark_cancelled(run, trial_id)
            forget_cancels(run, {*ids, ALL})
    except LockedError:
        return False
    return True
