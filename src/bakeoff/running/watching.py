"""Watch one job: pass on what it logs, and end it when it takes too long, stands still, or the runner is to stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bakeoff.running.executors import Ended, Executor, Handle
from bakeoff.running.interrupts import Interrupts

TICK_SECONDS = 0.1
GRACE_SECONDS = 10.0
SETTLE_SECONDS = 5.0
KILL_AGAIN_SECONDS = 5.0

OnRecord = Callable[[dict[str, Any], float], None]


class Cause(StrEnum):
    """Why a job ended."""

    ITSELF = "itself"
    """It ended by itself, well or not."""
    TIME = "time"
    """The time limit of a trial passed."""
    STALL = "stall"
    """It wrote no record for too long."""
    STUDY = "study"
    """The time limit of the whole run passed."""
    INTERRUPT = "interrupt"
    """The runner was told to stop."""
    CANCEL = "cancel"
    """The user cancelled it."""
    DISK = "disk"
    """Less disk is free than the study keeps in reserve."""


@dataclass(frozen=True)
class Limits:
    """Time limits, on the monotonic clock, in seconds.

    Attributes:
        trial: for one trial, all attempts together that it needed since a user last asked for it; None means no limit.
        stall: between two records of the log; None means no limit.
        study: for the whole run; None means no limit.
        grace: between SIGTERM and SIGKILL.
        disk_reserve: free bytes on the run folder's disk below which no trial begins.
        dead: looks in a row at constant outputs after which a trial ends as diverged; None never ends it.
        checkpoint: between two checkpoints of a trial; None means none by time.
        checkpoint_steps: optimizer steps between two checkpoints; None means none by steps.
        collective: that one process of a trial waits for the others; None means what the library has.
        retries: how often a trial that the machine broke is tried again.
    """

    trial: float | None = None
    stall: float | None = None
    study: float | None = None
    grace: float = GRACE_SECONDS
    disk_reserve: int = 0
    dead: int | None = None
    checkpoint: float | None = None
    checkpoint_steps: int | None = None
    collective: float | None = None
    retries: int = 0


class Clock:
    """Measures a whole run, on the monotonic clock: setting the machine's time moves nothing.

    Args:
        limit: seconds that the run may take; None means no limit.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._began = time.monotonic()
        self._limit = limit

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Whether the run's time limit has passed."""
        return self._limit is not None and self.seconds > self._limit


@dataclass(frozen=True)
class Stop:
    """What can end a whole run before its last trial.

    Attributes:
        interrupts: the signals.
        clock: the run's time.
    """

    interrupts: Interrupts
    clock: Clock

    @property
    def cause(self) -> Cause | None:
        """Why the run is to stop now; None if it is to go on."""
        if self.interrupts.raised:
            return Cause.INTERRUPT
        return Cause.STUDY if self.clock.is_over else None


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Attributes:
        cause: why.
        exit: exit status; negative is a signal's number; None if it was lost.
        seconds: from start to end.
    """

    cause: Cause
    exit: int | None
    seconds: float


class LogFollower:
    """Reads the records that are added to a log while it is written.

    Args:
        path: the log; it may not stand yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._partial = b""

    def new_records(self) -> list[dict[str, Any]]:
        """Records added since the last call.

        Returns:
            Whole records only; a line that is no record is left out.
        """
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                block = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(block)
        *lines, self._partial = (self._partial + block).split(b"\n")
        return [record for line in lines if (record := _record(line)) is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


class Watch:
    """Watches the processes of one job: one, or one a rank. They begin together, and end together.

    The job is over when all of them have ended. Where one ends, the others get `SETTLE_SECONDS` to end as well, and are killed
    then: a rank whose partner is gone can wait for ever.

    Args:
        executor: what runs them.
        handles: the processes, the leading one first: its log is the job's.
        limits: time limits.
        progress: called with each record and the seconds since the start; None for a job whose log nobody wants.
        spent: seconds that earlier attempts took of the limit.
    """

    def __init__(
        self, executor: Executor, handles: list[Handle], limits: Limits, progress: OnRecord | None = None, spent: float = 0.0
    ) -> None:
        self.handles = handles
        self._executor = executor
        self._limits = limits
        self._progress = progress
        self._spent = spent
        self._log = LogFollower(handles[0].folder.log)
        self._exits: dict[Handle, int | None] = {}
        self._began = self._last_record = time.monotonic()
        self._ended: float | None = None
        self._cause: Cause | None = None
        self._kill_at: float | None = None
        self._left_behind: set[Handle] = set()

    @property
    def seconds(self) -> float:
        """Seconds from the start until now, or to the end."""
        return (time.monotonic() if self._ended is None else self._ended) - self._began

    @property
    def is_over(self) -> bool:
        """Whether all its processes have ended."""
        return len(self._exits) == len(self.handles)

    @property
    def is_ending(self) -> bool:
        """Whether it was asked to end."""
        return self._cause is not None

    @property
    def exits(self) -> dict[Handle, int | None]:
        """Exit status of each process that has ended."""
        return self._exits

    @property
    def left_behind(self) -> set[Handle]:
        """Processes that did not follow one of the others that had ended by itself, and were killed for that."""
        return self._left_behind

    def take(self, ended: Ended) -> None:
        """Take note of an end.

        Args:
            ended: the end; one of another job's process is passed over.
        """
        if ended.handle in self.handles:
            self._exits[ended.handle] = ended.exit
            if self.is_over:
                self._ended = time.monotonic()
            if self._kill_at is None:
                self._kill_at = time.monotonic() + SETTLE_SECONDS

    def look(self) -> None:
        """Pass on what was logged, and see to the limits; to be called every now and then, and once after the end."""
        for record in self._log.new_records():
            self._last_record = time.monotonic()
            if self._progress is not None:
                self._progress(record, self._last_record - self._began)
        if self.is_over:
            return
        now = time.monotonic()
        if self._cause is None and (cause := self._too_slow(now)) is not None:
            self.end(cause)
        if self._kill_at is not None and now > self._kill_at:
            self._kill_at = now + KILL_AGAIN_SECONDS
            if self._cause is None:
                self._left_behind.update(self._open)
            for handle in self._open:
                self._executor.kill(handle)

    def end(self, cause: Cause) -> None:
        """Ask it to stop, and have it killed after the grace; only the first cause counts.

        Args:
            cause: why.
        """
        if self._cause is not None or self.is_over:
            return
        self._cause = cause
        self._kill_at = time.monotonic() + self._limits.grace
        for handle in self._open:
            self._executor.ask(handle)

    @property
    def ending(self) -> Ending:
        """How it ended: the leading process's exit status, or the first of the others' that is not well."""
        statuses = [self._exits[handle] for handle in self.handles]
        bad = [status for status in statuses if status != 0]
        return Ending(self._cause or Cause.ITSELF, bad[0] if bad else 0, self.seconds)

    @property
    def _open(self) -> list[Handle]:
        return [handle for handle in self.handles if handle not in self._exits]

    def _too_slow(self, now: float) -> Cause | None:
        limits = self._limits
        if limits.trial is not None and self._spent + now - self._began > limits.trial:
            return Cause.TIME
        if limits.stall is not None and now - self._last_record > limits.stall:
            return Cause.STALL
        return None


def watch(executor: Executor, handle: Handle, limits: Limits, stop: Stop, progress: OnRecord | None = None) -> Ending:
    """Wait for the end of the only job that runs, and bring it about if need be.

    Args:
        executor: what runs it.
        handle: the job.
        limits: time limits.
        stop: what can end the whole run.
        progress: called with each record of its log; None where nobody wants them.

    Returns:
        How it ended.
    """
    watched = Watch(executor, [handle], limits, progress)
    while not watched.is_over:
        for ended in executor.poll(TICK_SECONDS):
            watched.take(ended)
        if stop.cause is not None:
            watched.end(stop.cause)
        watched.look()
    return watched.ending
