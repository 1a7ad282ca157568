"""What earlier attempts at a trial tell the next one: read from disk alone, so that a killed runner forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from bakeoff.errors import FormatError
from bakeoff.records.files import read_document, write_document
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.specs import JobSpec, Spec
from bakeoff.running.watching import LogFollower

ENDING_VERSION = 1
UNREADABLE = (FormatError, ValueError, KeyError, TypeError)


class Settings(Spec):
    """What an attempt is asked for otherwise than its recipe says, because the machine forced it.

    Attributes:
        micro_batch_size: examples per forward pass; None means the recipe's.
        evaluation_tokens: tokens per forward pass of an evaluation; None means the usual number.
        devices: processes that share the trial; None means the recipe's.
        deviations: what of this its job is told to say, in words.
    """

    micro_batch_size: int | None = None
    evaluation_tokens: int | None = None
    devices: int | None = None
    deviations: list[str] = Field(default_factory=list)


class AttemptRecord(Spec):
    """`ending.json`: how an attempt ended, and what the runner made of it.

    Attributes:
        state: how the attempt ended, a state's word.
        reason: one line.
        cause: why it ended, a word of `watching.Cause`.
        exit: exit status; negative is a signal's number; None if it was lost.
        seconds: how long it took, on the monotonic clock.
        then: what follows: `end`, `retry`, `smaller`, `fewer` or `later`.
        settings: with what the next attempt goes on.
        peaks: largest figures that the runner saw while it ran.
    """

    state: str
    reason: str = ""
    cause: str = ""
    exit: int | None = None
    seconds: float = 0.0
    then: str
    settings: Settings = Settings()
    peaks: dict[str, Any] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write `ending.json`.

        Args:
            path: where.
        """
        # without it the attempt counts as lost with its runner
        write_document(path, "ending", ENDING_VERSION, self.model_dump(), durable=False)

    @staticmethod
    def read(path: Path) -> AttemptRecord:
        """Read `ending.json`.

        Args:
            path: where.

        Returns:
            The record.
        """
        return AttemptRecord.model_validate(read_document(path, "ending", ENDING_VERSION))


END, RETRY, SMALLER, FEWER, LATER = "end", "retry", "smaller", "fewer", "later"
"""What follows an attempt: nothing; the same again, counted; smaller passes; one device; the next start of the runner."""


@dataclass(frozen=True)
class History:
    """The attempts at a trial since a user last asked for it: its chain.

    Attributes:
        resume: folders of all earlier attempts that have checkpoints, newest first (of earlier chains too).
        spent: seconds that the chain's attempts took.
        retries: how many of them were retried because the machine broke them.
        settings: with what the next attempt begins.
        begun: whether the chain has an attempt.
    """

    resume: list[str] = field(default_factory=list)
    spent: float = 0.0
    retries: int = 0
    settings: Settings = field(default_factory=Settings)
    begun: bool = False


def read_history(folder: TrialFolder, before: int | None = None) -> History:
    """The history of a trial.

    Args:
        folder: the trial's folder.
        before: number of the attempt whose history it is; None means one that is still to come.

    Returns:
        Its history; an attempt without a readable record was lost with its runner, and counts as no retry.
    """
    attempts = [folder.attempt(number) for number in folder.attempt_numbers() if before is None or number < before]
    resume = [str(attempt.root) for attempt in reversed(attempts) if _has_checkpoints(attempt)]
    spent, retries, settings, begun = 0.0, 0, Settings(), False
    for attempt in attempts:
        record = read_ending(attempt)
        if record is None:
            spent, settings, begun = spent + _logged_seconds(attempt), _settings_of_job(attempt) or settings, True
        elif record.then == END:
            spent, retries, settings, begun = 0.0, 0, Settings(), False
        else:
            spent, retries = spent + record.seconds, retries + (record.then == RETRY)
            settings, begun = record.settings, True
    return History(resume, spent, retries, settings, begun)


def read_ending(attempt: AttemptFolder) -> AttemptRecord | None:
    """How an attempt ended.

    Args:
        attempt: its folder.

    Returns:
        Its record; None if there is none that can be read.
    """
    try:
        return AttemptRecord.read(attempt.ending)
    except UNREADABLE:
        return None


def _has_checkpoints(attempt: AttemptFolder) -> bool:
    # what was never finished, or stands there for a checkpoint to come, is none
    return attempt.checkpoints.is_dir() and any(attempt.checkpoints.glob("step-*"))


def _settings_of_job(attempt: AttemptFolder) -> Settings | None:
    try:
        job = JobSpec.read(attempt.job)
    except UNREADABLE:
        return None
    return Settings(
        micro_batch_size=job.micro_batch_size,
        evaluation_tokens=job.evaluation_tokens,
        devices=job.ranks if job.trial and job.ranks != job.trial.recipe.devices else None,
        deviations=job.deviations,
    )


def _logged_seconds(attempt: AttemptFolder) -> float:
    records = LogFollower(attempt.log).new_records()
    times = [record["seconds"] for record in records if isinstance(record.get("seconds"), int | float)]
    return float(max(times, default=0.0))
