"""From the way in which an attempt ended to the state of its trial, with a reason that a user can act on."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from bakeoff.errors import BakeoffError, FormatError, JobError
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import Outcome, Result, State
from bakeoff.records.specs import TrialSpec
from bakeoff.running.landing import land
from bakeoff.running.processes import describe_exit
from bakeoff.running.watching import Cause, Ending, Limits


@dataclass(frozen=True)
class Judged:
    """What an attempt's end means.

    Attributes:
        outcome: how it ended: the child's own word where it left one.
        result: the result of a complete trial.
        lost: whether the child left no word, or not what its word says: a fault of the machine, as far as anyone can tell.
    """

    outcome: Outcome
    result: Result | None = None
    lost: bool = False


def judge(
    trial: TrialSpec, folder: TrialFolder, attempt: AttemptFolder, ending: Ending, limits: Limits, outcome: Outcome | None
) -> Judged:
    """Say how an attempt ended; a product that is whole is put into place, whatever else happened.

    Args:
        trial: what was asked for.
        folder: the trial's folder.
        attempt: the attempt's folder.
        ending: how its process ended.
        limits: the limits that it had.
        outcome: the word that the child left, or, of several, the one that counts; None if there is none.

    Returns:
        The outcome, and the result of a complete trial.
    """
    if outcome is not None and outcome.state is State.COMPLETE:
        try:
            return Judged(outcome, land(trial, folder, attempt))
        except (JobError, OSError) as error:
            return Judged(outcome.model_copy(update=_fault(error)), lost=True)
    stopped = _stopped(ending, limits)
    if stopped is not None:
        return Judged((outcome or stopped).model_copy(update={"state": stopped.state, "reason": stopped.reason}))
    if outcome is not None:
        return Judged(outcome)
    return Judged(_without_outcome(ending), lost=True)


def read_outcome(attempt: AttemptFolder) -> Outcome | None:
    """The child's last word.

    Args:
        attempt: its folder.

    Returns:
        The outcome, or None if there is none that can be read.
    """
    try:
        return Outcome.read(attempt.outcome)
    except (FormatError, ValueError, KeyError, TypeError):
        return None


def _fault(error: JobError | OSError) -> dict[str, object]:
    if isinstance(error, BakeoffError):
        return {"state": State.FAILED, "reason": error.what, "where": error.where, "remedy": error.remedy}
    reason = f"its result could not be put into place: {os.strerror(error.errno or 0)}"
    facts = {"errno": errno.errorcode.get(error.errno or 0, "")}
    return {
        "state": State.FAILED,
        "reason": reason,
        "where": str(error.filename or ""),
        "remedy": "mend the disk",
        "facts": facts,
    }


def _stopped(ending: Ending, limits: Limits) -> Outcome | None:
    """What it means that the runner ended an attempt; None if it did not."""
    goes_on = "the same `bakeoff run` goes on"
    words = {
        Cause.TIME: (State.TIMEOUT, f"the time limit of {limits.trial or 0:g} s passed", "raise limits.trial"),
        Cause.STALL: (
            State.TIMEOUT,
            f"it logged nothing for {limits.stall or 0:g} s",
            "raise limits.stall if such a pause is normal",
        ),
        Cause.STUDY: (
            State.PREEMPTED,
            f"the study's time limit of {limits.study or 0:g} s passed",
            f"{goes_on}; or raise limits.study",
        ),
        Cause.INTERRUPT: (State.PREEMPTED, "the runner was told to stop", goes_on),
        Cause.DISK: (State.PREEMPTED, "the disk was nearly full", f"free some space; {goes_on}"),
        Cause.CANCEL: (State.CANCELLED, "it was cancelled", "`bakeoff retry` runs it again"),
    }
    if ending.cause is Cause.ITSELF:
        return None
    state, reason, remedy = words[ending.cause]
    return Outcome(state=state, reason=reason, remedy=remedy)


def _without_outcome(ending: Ending) -> Outcome:
    reason = describe_exit(ending.exit)
    if ending.exit == 0:
        reason += " without a result"
    remedy = "see the last lines of its log"
    if ending.exit == -9:
        remedy = "it may have been the system's answer to a shortage of memory: free some, or lower micro_batch_size"
    return Outcome(state=State.FAILED, reason=reason, remedy=remedy)
