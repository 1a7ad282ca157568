"""The disk of a run folder: looked at before each trial and while trials run; short of the reserve, the run stops clearly."""

from __future__ import annotations

import time

from bakeoff.running.diskspace import free_bytes, size_of
from bakeoff.running.foresight import DiskTrend, Plans
from bakeoff.running.stage import Stage

EVERY_SECONDS = 5.0


class DiskGuard:
    """Watches the disk of a run folder.

    Args:
        stage: the run; it is warned through it.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._root = stage.order.run.root
        self._reserve = stage.order.limits.disk_reserve
        self._trend = DiskTrend(self._root, self._reserve, free_bytes)
        self._looked = time.monotonic() - EVERY_SECONDS
        self._left: list[int] = []
        self._seconds: list[float] = []

    def shortage(self) -> str:
        """Look whether enough is free.

        Returns:
            What is short, in words; empty if nothing is.
        """
        free = free_bytes(self._root)
        if free >= self._reserve:
            return ""
        return (
            f"only {free / 1e9:.1f} GB ({free} bytes) are free, and the study keeps {self._reserve / 1e9:.1f} GB in reserve"
            " (limits.disk_reserve)"
        )

    def learn(self, trial_id: str, seconds: float) -> None:
        """Take note of what a completed trial left.

        Args:
            trial_id: the trial.
            seconds: how long it took.
        """
        folder = self._stage.order.run.trial(trial_id).root
        if not self._left:  # one is enough to know about how much it is, and looking costs
            self._left.append(size_of(folder))
        self._seconds = [*self._seconds[-9:], seconds]

    def look(self, trials: int) -> str:
        """Look at the disk now and then, and warn if it will not last.

        Args:
            trials: trials that are still to complete.

        Returns:
            What is short, in words; empty if nothing is, or it was not time to look.
        """
        now = time.monotonic()
        if now - self._looked < EVERY_SECONDS:
            return ""
        self._looked = now
        left = None
        if self._seconds:
            left = sum(self._seconds) / len(self._seconds) * trials / self._stage.order.workers
        if text := self._trend.warning(Plans(trials, self._left[0] if self._left else 0.0, left)):
            self._stage.warn("disk", text)
        return self.shortage()
