"""What may decide, while a run goes on, which trials follow and which stop early: the interface. A sweep is one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from bakeoff.records.files import number, write_document
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Result, State
from bakeoff.records.specs import STOP_VERSION, TrialSpec


@dataclass(frozen=True)
class Rung:
    """A validation before the last, after which a trial may be stopped.

    Attributes:
        trial: the trial's id.
        number: which of its validations, from 1.
        count: how many it has.
        step: optimizer steps made.
        score: the task's metric on validation.
    """

    trial: str
    number: int
    count: int
    step: int
    score: float


class Guide(ABC):
    """Decides which trials follow, and which stop early.

    Guarantees that the runner gives: `follow` is asked when a place is free, and neither a trial is queued nor one waits to be
    tried again; every trial that it gave is told to `ended` once, when nothing more will happen to it; all calls come from one
    thread. What a guide has said has to stand on disk before it returns: the runner may be killed at any time.
    """

    @property
    @abstractmethod
    def total(self) -> int:
        """Trials in all, as far as can be foreseen."""

    @property
    @abstractmethod
    def alike(self) -> list[TrialSpec]:
        """Trials that are like those to come: they need the same architectures and methods."""

    @abstractmethod
    def follow(self) -> list[TrialSpec]:
        """Trials to begin next.

        Returns:
            Trials that are in the plan on disk; none if nothing is to follow before another trial has ended.
        """

    @abstractmethod
    def ended(self, trial: TrialSpec, state: State, result: Result | None) -> None:
        """A trial has ended.

        Args:
            trial: which.
            state: how.
            result: its result, if it is complete.
        """

    @abstractmethod
    def judges(self, trial: TrialSpec) -> bool:
        """Whether a trial has to ask at its validations.

        Args:
            trial: which.

        Returns:
            True if `stops` may stop it.
        """

    @abstractmethod
    def stops(self, rung: Rung) -> str:
        """Whether a trial stops at a validation.

        Args:
            rung: the validation.

        Returns:
            Why, in words; empty if it goes on.
        """


def read_rung(trial: TrialSpec, record: dict[str, Any]) -> Rung | None:
    """The validation that a trial asks about.

    Args:
        trial: the trial.
        record: what it logged.

    Returns:
        The validation; None if it asks nothing.
    """
    if record.get("event") != "validation" or not record.get("asks"):
        return None
    score = number(record["scores"][trial.task.metric])
    return Rung(trial.id, int(record["rung"]), int(record["rungs"]), int(record["step"]), score)


def answer(folder: AttemptFolder, rung: Rung, reason: str) -> None:
    """Say to a trial whether it goes on.

    Args:
        folder: its attempt.
        rung: the validation that it asks about.
        reason: why it stops; empty if it goes on.
    """
    body = {"rung": rung.number, "stop": bool(reason), "reason": reason}
    # one that is lost with the machine's power is asked for again
    write_document(folder.stop, "stop", STOP_VERSION, body, durable=False)
