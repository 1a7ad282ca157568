"""Watch one job: pass on what it logs, and end it when it takes too long, stands still, or the runner is to stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bakeoff.running.executors import Executor, Handle
from bakeoff.running.interrupts import Interrupts

TICK_SECONDS = 0.1
GRACE_SECONDS = 10.0


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


@dataclass(frozen=True)
class Limits:
    """Time limits, on the monotonic clock, in seconds.

    Attributes:
        trial: for one attempt; None means no limit.
        stall: between two records of the log; None means no limit.
        study: for the whole run; None means no limit.
        grace: between SIGTERM and SIGKILL.
        disk_reserve: free bytes on the run folder's disk below which no trial begins.
        dead: looks in a row at constant outputs after which a trial ends as diverged; None never ends it.
    """

    trial: float | None = None
    stall: float | None = None
    study: float | None = None
    grace: float = GRACE_SECONDS
    disk_reserve: int = 0
    dead: int | None = None


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


def watch(
    executor: Executor,
    handle: Handle,
    limits: Limits,
    stop: Stop,
    progress: Callable[[dict[str, Any], float], None] | None = None,
) -> Ending:
    """Wait for the end of a job, and bring it about if need be.

    Args:
        executor: what runs it.
        handle: the job.
        limits: time limits.
        stop: what can end the whole run.
        progress: called with each record and the seconds since the start; None for a job whose log nobody wants.

    Returns:
        How it ended.
    """
    began = last_record = time.monotonic()
    log = LogFollower(handle.folder.log)

    def pass_on() -> None:
        nonlocal last_record
        for record in log.new_records():
            last_record = time.monotonic()
            if progress is not None:
                progress(record, last_record - began)

    while True:
        ended = [item for item in executor.poll(TICK_SECONDS) if item.handle == handle]
        pass_on()
        now = time.monotonic()
        if ended:
            return Ending(Cause.ITSELF, ended[0].exit, now - began)
        cause = stop.cause or _too_slow(limits, now - began, now - last_record)
        if cause is not None:
            stopped = executor.stop(handle, limits.grace)
            pass_on()
            return Ending(cause, stopped.exit, time.monotonic() - began)


def _too_slow(limits: Limits, since_start: float, since_record: float) -> Cause | None:
    if limits.trial is not None and since_start > limits.trial:
        return Cause.TIME
    if limits.stall is not None and since_record > limits.stall:
        return Cause.STALL
    return None
