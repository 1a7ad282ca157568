"""SIGINT, SIGTERM and SIGHUP become a flag that the runner looks at between two steps; the second one ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Something that waits was told to stop; caught by the runner."""


class Interrupts:
    """Catches the signals while the context lasts, and restores what was there before.

    In another thread than the main one signals cannot be caught; the flag then stays down.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    @property
    def raised(self) -> bool:
        """Whether a signal has come."""
        return self.signal != 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._catch)
        return self

    def _catch(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self.signal:
            # whatever was being written is atomic, so ending here loses nothing that is done
            raise SystemExit(128 + number)
        self.signal = number

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
