"""Waiting for other processes: on what holds, never on time alone, for a machine may be as busy as it likes."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

PATIENCE_SECONDS = 240.0
"""After which something hangs; nothing that goes well comes near it."""


def until(holds: Callable[[], object], every: float = 0.01) -> None:
    """Wait until something holds.

    Args:
        holds: asked again and again.
        every: seconds between two questions.

    Raises:
        AssertionError: if it does not come to hold.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "what is waited for does not happen"
        time.sleep(every)


def lives(pid: int) -> bool:
    """Whether a process can still do anything.

    Args:
        pid: its number.

    Returns:
        False if it is gone, or has ended and nobody has asked how.
    """
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
