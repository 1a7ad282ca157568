"""From the way in which an attempt ended to the state of its trial, with a reason that a user can act on."""

from __future__ import annotations

import os

from bakeoff.errors import BakeoffError, FormatError, JobError
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import Outcome, Result, State
from bakeoff.records.specs import TrialSpec
from bakeoff.running.landing import land
from bakeoff.running.processes import describe_exit
from bakeoff.running.watching import Cause, Ending, Limits


def judge(
    trial: TrialSpec, folder: TrialFolder, attempt: AttemptFolder, ending: Ending, limits: Limits
) -> tuple[Outcome, Result | None]:
    """Say how an attempt ended; a product that is whole is put into place, whatever else happened.

    Args:
        trial: what was asked for.
        folder: the trial's folder.
        attempt: the attempt's folder.
        ending: how its process ended.
        limits: the limits that it had.

    Returns:
        The outcome (the child's own where it left one), and the result of a complete trial.
    """
    outcome = read_outcome(attempt)
    if outcome is not None and outcome.state is State.COMPLETE:
        try:
            return outcome, land(trial, folder, attempt)
        except (JobError, OSError) as error:
            return outcome.model_copy(update=_fault(error)), None
    stopped = _stopped(ending, limits)
    if stopped is not None:
        return (outcome or stopped).model_copy(update={"state": stopped.state, "reason": stopped.reason}), None
    if outcome is not None:
        return outcome, None
    return _without_outcome(ending), None


def read_outcome(attempt: AttemptFolder) -> Outcome | None:
    """The child's last word.

    Args:
        attempt: its folder.

    Returns:
        The outcome, or None if there is none that can be read.
    """
    try:
        return Outcome.read(attempt.outcome)
    except (FormatError, ValueError):
        return None


def _fault(error: JobError | OSError) -> dict[str, object]:
    if isinstance(error, BakeoffError):
        return {"state": State.FAILED, "reason": error.what, "where": error.where, "remedy": error.remedy}
    reason = f"its result could not be put into place: {os.strerror(error.errno or 0)}"
    return {"state": State.FAILED, "reason": reason, "where": str(error.filename or ""), "remedy": "mend the disk"}


def _stopped(ending: Ending, limits: Limits) -> Outcome | None:
    if ending.cause is Cause.TIME:
        return Outcome(state=State.TIMEOUT, reason=f"the time limit of {limits.trial:g} s passed", remedy="raise limits.trial")
    if ending.cause is Cause.STALL:
        reason = f"it logged nothing for {limits.stall:g} s"
        return Outcome(state=State.TIMEOUT, reason=reason, remedy="raise limits.stall if such a pause is normal")
    if ending.cause is Cause.STUDY:
        reason = f"the study's time limit of {limits.study:g} s passed"
        return Outcome(state=State.PREEMPTED, reason=reason, remedy="the same `bakeoff run` goes on; or raise limits.study")
    if ending.cause is Cause.INTERRUPT:
        return Outcome(state=State.PREEMPTED, reason="the runner was told to stop", remedy="the same `bakeoff run` goes on")
    return None


def _without_outcome(ending: Ending) -> Outcome:
    reason = describe_exit(ending.exit)
    if ending.exit == 0:
        reason += " without a result"
    remedy = "see the last lines of its log"
    if ending.exit == -9:
        remedy = "it may have been the system's answer to a shortage of memory: free some, or lower micro_batch_size"
    return Outcome(state=State.FAILED, reason=reason, remedy=remedy)
