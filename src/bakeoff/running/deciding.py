"""What follows an attempt's end: nothing, the same again, smaller passes, one device, or the next start of the runner."""

from __future__ import annotations

from dataclasses import dataclass, field

from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import TrialSpec
from bakeoff.running.ending import Judged
from bakeoff.running.history import END, FEWER, LATER, RETRY, SMALLER, History, Settings
from bakeoff.running.memory import smaller
from bakeoff.running.watching import Cause, Ending

BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
FAULTS_OF_THE_MACHINE = ("EIO", "ESTALE", "ETIMEDOUT", "ENODEV", "ENOTCONN", "EREMOTEIO")
"""Errors of a disk or a network that may be gone at the next try."""
FULL_DISK = ("ENOSPC", "EDQUOT")
STOPPED = (Cause.INTERRUPT, Cause.STUDY, Cause.DISK)
SIGKILL = -9


@dataclass(frozen=True)
class Ended:
    """An attempt that ended, with all that decides what follows.

    Attributes:
        trial: the trial.
        ending: how its process ended.
        judged: what that means.
        settings: with what it ran.
        history: the attempts before it.
        retries: how often the machine may break a trial.
        short_of_memory: whether the kernel killed it for want of memory.
        full_disk: whether hardly anything is free on the run folder's disk.
        collective: why it cannot go on over several devices; empty if that is no matter.
    """

    trial: TrialSpec
    ending: Ending
    judged: Judged
    settings: Settings
    history: History = field(default_factory=History)
    retries: int = 0
    short_of_memory: bool = False
    full_disk: bool = False
    collective: str = ""


@dataclass(frozen=True)
class Decision:
    """What follows.

    Attributes:
        then: the word for it.
        outcome: how the attempt ended, in words for the user.
        settings: with what the next attempt goes on.
        wait_seconds: how long to wait before it.
        full_disk: whether the run has to stop because a disk is full.
    """

    then: str
    outcome: Outcome
    settings: Settings
    wait_seconds: float = 0.0
    full_disk: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the trial is begun again by this runner."""
        return self.then not in (END, LATER)


def backoff(retry: int) -> float:
    """How long to wait before a retry: a second, doubled each time, a minute at most.

    Args:
        retry: which, from 0.

    Returns:
        Seconds.
    """
    return min(BACKOFF_SECONDS * 2.0 ** min(retry, 10), LONGEST_BACKOFF_SECONDS)


def decide(ended: Ended) -> Decision:
    """Say what follows an attempt.

    Only what the machine broke is tried again, `retries` times: a lost process, a crash, no outcome, an error of disk or
    network. Never what diverged, took too long, or failed by an error of its own. A lack of memory and a dead partner are
    answered otherwise and not counted, and so is what was interrupted from outside.

    Args:
        ended: the attempt.

    Returns:
        The decision.
    """
    outcome, cause, settings = ended.judged.outcome, ended.ending.cause, ended.settings
    if outcome.state is State.COMPLETE:
        return Decision(END, outcome, settings)
    if cause in STOPPED:
        return Decision(LATER, outcome, settings)
    if cause is Cause.ITSELF and (outcome.state is State.OOM or ended.short_of_memory):
        return _after_lack_of_memory(ended)
    if ended.collective:
        lone = settings.model_copy(update={"devices": 1, "deviations": [*settings.deviations, ended.collective]})
        return Decision(FEWER, outcome.model_copy(update={"reason": ended.collective}), lone)
    return _by_itself(ended) if cause is Cause.ITSELF else Decision(END, outcome, settings)


def _by_itself(ended: Ended) -> Decision:
    outcome, settings, errno = ended.judged.outcome, ended.settings, ended.judged.outcome.facts.get("errno")
    if errno in FULL_DISK or (ended.judged.lost and ended.full_disk):
        return Decision(LATER, outcome.model_copy(update={"state": State.PREEMPTED}), settings, full_disk=True)
    if ended.judged.lost or errno in FAULTS_OF_THE_MACHINE:
        return _after_fault(ended)
    if outcome.state is State.PREEMPTED:  # somebody else asked it to stop
        return Decision(RETRY if ended.history.retries < ended.retries else LATER, outcome, settings)
    return Decision(END, outcome, settings)


def _after_fault(ended: Ended) -> Decision:
    outcome, made = ended.judged.outcome, ended.history.retries
    if made < ended.retries:
        return Decision(RETRY, outcome, ended.settings, backoff(made))
    if made:
        reason = f"{outcome.reason} (the last of {made + 1} attempts that the machine broke)"
        outcome = outcome.model_copy(update={"reason": reason})
    return Decision(END, outcome, ended.settings)


def _after_lack_of_memory(ended: Ended) -> Decision:
    outcome = ended.judged.outcome
    if ended.short_of_memory and outcome.state is not State.OOM:
        reason = "the system killed it for want of memory"
        outcome = outcome.model_copy(update={"state": State.OOM, "reason": reason, "remedy": "free some memory"})
    settings = smaller(ended.trial, ended.settings, outcome)
    if settings is not None:
        return Decision(SMALLER, outcome, settings)
    if ended.trial.recipe.training is not None:
        outcome = outcome.model_copy(update={"reason": f"{outcome.reason}; a pass of one example does not fit either"})
    return Decision(END, outcome, ended.settings)


def in_words(decision: Decision) -> str:
    """What follows, for the user.

    Args:
        decision: the decision, of an attempt after which the trial goes on.

    Returns:
        A clause such as "it goes on in 2 s".
    """
    settings = decision.settings
    if decision.then == SMALLER and decision.outcome.facts.get("phase") == "evaluation":
        return f"it goes on with evaluations of {settings.evaluation_tokens} tokens at a time"
    if decision.then == SMALLER:
        return f"it goes on with micro-batches of {settings.micro_batch_size}, the batch stays what it was"
    if decision.then == FEWER:
        return "it goes on with one device, the batch stays what it was"
    return f"it goes on in {decision.wait_seconds:g} s" if decision.wait_seconds else "it goes on"
