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
    INTERRUPT = "interrupt"
    """The runner was told to stop."""


@dataclass(frozen=True)
class Limits:
    """Time limits, on the monotonic clock, in seconds.

    Attributes:
        trial: for one attempt; None means no limit.
        stall: between two records of the log; None means no limit.
        grace: between SIGTERM and SIGKILL.
    """

    trial: float | None = None
    stall: float | None = None
    grace: float = GRACE_SECONDS


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
    interrupts: Interrupts,
    progress: Callable[[dict[str, Any], float], None] | None = None,
) -> Ending:
    """Wait for the end of a job, and bring it about if need be.

    Args:
        executor: what runs it.
        handle: the job.
        limits: time limits.
        interrupts: whether the runner is to stop.
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
        cause = _cause_to_stop(limits, interrupts, now - began, now - last_record)
        if cause is not None:
            stopped = executor.stop(handle, limits.grace)
            pass_on()
            return Ending(cause, stopped.exit, time.monotonic() - began)


def _cause_to_stop(limits: Limits, interrupts: Interrupts, since_start: float, since_record: float) -> Cause | None:
    if interrupts.raised:
        return Cause.INTERRUPT
    if limits.trial is not None and since_start > limits.trial:
        return Cause.TIME
    if limits.stall is not None and since_record > limits.stall:
        return Cause.STALL
    return None
