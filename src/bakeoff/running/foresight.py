"""Two warnings that are of use only if they come early: a trial that will not finish in its time, a disk that will not last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEAST_SHARE = 0.02
"""Share of the limit, and of the steps, that must have passed before a pace means anything."""
ENOUGH_SHARE = 0.1
"""Share of the limit, within an attempt, after which a pace is told though few steps were made."""
LEAST_STEPS = 3
WINDOW_SECONDS = 600.0
LEAST_WINDOW_SECONDS = 60.0


class Pace:
    """Says once that a trial will not finish within its limit at its present pace.

    Args:
        limit: seconds that the trial may take; None means no limit.
        spent: seconds that earlier attempts took of it.
    """

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        self._limit = limit
        self._spent = spent
        self._steps = 0
        self._first: tuple[int, float] | None = None
        self._said = False

    def take(self, record: dict[str, Any], seconds: float) -> str:
        """Take up a record of the trial's log.

        Args:
            record: the record.
            seconds: since the attempt's start.

        Returns:
            The warning; empty if there is none, or it was said.
        """
        self._steps = int(record.get("steps", self._steps))
        if self._limit is None or self._said or record.get("event") != "step" or not self._steps:
            return ""
        step = int(record["step"])
        if self._first is None:
            self._first = (step, seconds)
            return ""
        made, took = step - self._first[0], seconds - self._first[1]
        if made < LEAST_STEPS or took <= 0 or self._spent + seconds < LEAST_SHARE * self._limit:
            return ""
        if made < LEAST_SHARE * self._steps and seconds < ENOUGH_SHARE * self._limit:
            return ""
        needed = self._spent + seconds + (self._steps - step) * took / made
        if needed <= self._limit:
            return ""
        self._said = True
        return (
            f"at its present pace ({made / took:.3g} steps a second) it needs {needed:.0f} s, and its limit is"
            f" {self._limit:.0f} s: {step} of {self._steps} steps are made after {self._spent + seconds:.0f} s;"
            " raise limits.trial, or make it smaller"
        )


@dataclass(frozen=True)
class Plans:
    """What the rest of a run will need of its disk.

    Attributes:
        trials: trials that are still to complete.
        bytes_each: what one leaves; 0 while no trial has completed.
        seconds_left: how long the rest takes; None while unknown.
    """

    trials: int
    bytes_each: float = 0.0
    seconds_left: float | None = None


class DiskTrend:
    """Says once that a disk will not last: what the plan still needs, or the trend of other programs, reaches the reserve.

    Args:
        root: a folder on the disk.
        reserve: bytes that stay free.
        free: tells the free bytes of a folder's disk.
        clock: tells the seconds.
    """

    def __init__(
        self, root: Path, reserve: int, free: Callable[[Path], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._reserve = reserve
        self._free = free
        self._clock = clock
        self._seen: list[tuple[float, int]] = []
        self._said = False

    @property
    def is_short(self) -> bool:
        """Whether less is free than the reserve."""
        return self._free(self._root) < self._reserve

    def warning(self, plans: Plans) -> str:
        """Look at the disk.

        Args:
            plans: what the rest of the run will need.

        Returns:
            The warning; empty if there is none, or it was said.
        """
        now, free = self._clock(), self._free(self._root)
        self._seen = [(when, bytes_) for when, bytes_ in self._seen if when > now - WINDOW_SECONDS] + [(now, free)]
        if self._said or not self._reserve:
            return ""
        text = self._need(plans, free) or self._trend(plans, free)
        self._said = bool(text)
        return text

    def _need(self, plans: Plans, free: int) -> str:
        needed = plans.trials * plans.bytes_each
        if not needed or needed <= free - self._reserve:
            return ""
        return (
            f"the disk will not last: {plans.trials} trials to come leave about {_gb(plans.bytes_each)} each,"
            f" {_gb(needed)} in all, and {_gb(free)} are free, of which {_gb(self._reserve)} stay in reserve;"
            " free some space, or lower `keep`"
            f" ({self._root})"
        )

    def _trend(self, plans: Plans, free: int) -> str:
        (began, then), (now, _) = self._seen[0], self._seen[-1]
        if now - began < LEAST_WINDOW_SECONDS or then <= free or plans.seconds_left is None:
            return ""
        rate = (then - free) / (now - began)
        lasts = (free - self._reserve) / rate
        if lasts >= plans.seconds_left:
            return ""
        return (
            f"the disk will not last: {_gb(then - free)} went in the last {now - began:.0f} s; at that pace its reserve of"
            f" {_gb(self._reserve)} is reached in {max(lasts, 0):.0f} s, and the run needs about {plans.seconds_left:.0f} s;"
            f" free some space ({self._root})"
        )


def _gb(count: float) -> str:
    return f"{count / 1e9:.3g} GB"
