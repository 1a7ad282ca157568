"""What a run says while it goes on: plain records, handed to one listener. The command line prints them, tests read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.records.decisions import Decision
from bakeoff.records.results import State
from bakeoff.records.specs import Plan, TrialSpec


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class RunBegan(Event):
    """The run folder is ours, and the plan stands in it.

    Attributes:
        run: the run folder.
        trials: trials in the plan.
        complete: trials that earlier runs completed.
        todo: trials that this run will begin, in this order.
        passed_over: trials that failed before and are not run again.
        workers: trials that run at a time.
    """

    run: Path
    trials: int
    complete: int
    todo: list[TrialSpec]
    passed_over: int
    workers: int = 1


@dataclass(frozen=True)
class PhaseBegan(Event):
    """A phase of a study begins, or goes on; `RunBegan` follows with its trials.

    Attributes:
        plan: its plan, as it is now.
        phases: phases that are carried out in all.
    """

    plan: Plan
    phases: int


@dataclass(frozen=True)
class Decided(Event):
    """Every trial of a phase has ended, and what goes on is settled.

    Attributes:
        decision: what was decided.
    """

    decision: Decision


@dataclass(frozen=True)
class JobBegan(Event):
    """A job that fills no trial was started.

    Attributes:
        job: its id.
        purpose: what it is for, in words.
    """

    job: str
    purpose: str


@dataclass(frozen=True)
class JobEnded(Event):
    """That job ended.

    Attributes:
        job: its id.
        fault: why it failed; empty if it did not.
        seconds: how long it took.
    """

    job: str
    fault: str
    seconds: float


@dataclass(frozen=True)
class TrialBegan(Event):
    """A trial's child was asked for.

    Attributes:
        trial: what is run.
        number: its place among the trials of this run, from 1.
        total: trials of this run.
        attempt: number of the attempt, from 1.
    """

    trial: TrialSpec
    number: int
    total: int
    attempt: int


@dataclass(frozen=True)
class Progress(Event):
    """The child wrote a record to its log.

    Attributes:
        trial: the trial's id.
        record: the record, as `docs/formats.md` documents it.
        seconds: since the child's start.
    """

    trial: str
    record: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class TrialGoesOn(Event):
    """An attempt ended, and the trial is begun again by this runner, from its last checkpoint.

    Attributes:
        trial: what was run.
        number: its place among the trials of this run, from 1.
        total: trials of this run.
        reason: why the attempt ended, one line.
        remedy: how it goes on, a clause.
        seconds: how long the attempt took.
    """

    trial: TrialSpec
    number: int
    total: int
    reason: str
    remedy: str
    seconds: float


@dataclass(frozen=True)
class Warned(Event):
    """Something that the user should know early.

    Attributes:
        kind: `time`, `disk` or `damaged`.
        text: what, with numbers and the way out.
        trial: the trial's id; empty if it is about the whole run.
    """

    kind: str
    text: str
    trial: str = ""


@dataclass(frozen=True)
class TrialEnded(Event):
    """A trial ended, or was interrupted.

    Attributes:
        trial: what was run.
        number: its place among the trials of this run, from 1.
        total: trials of this run.
        state: how it ended.
        reason: one line; empty when all is well.
        score: the task's metric on validation; None without a result.
        seconds: how long the attempt took.
        again: the command that runs just this trial again.
    """

    trial: TrialSpec
    number: int
    total: int
    state: State
    reason: str
    score: float | None
    seconds: float
    again: str


Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A listener that does not listen.

    Args:
        event: what is said.
    """
