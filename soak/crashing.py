"""A crash at the k-th write, fsync or rename of this process: a write is cut in half first, as a crash would leave it."""

from __future__ import annotations

import builtins
import errno
import io
import os
from typing import Any

CRASHED = 86
"""Exit status of a process that crashed so."""


class _Counter:
    def __init__(self, at: int) -> None:
        self.left = at

    def tick(self) -> bool:
        """Whether this is the call."""
        self.left -= 1
        return self.left == 0


def crash_at_call(at: int, full: bool = False) -> None:
    """From now on count the calls that change files, and end this process at one of them.

    `os.fsync`, `os.rename`, `os.replace` and `os.truncate` end before they do anything; a write leaves half of its bytes.

    Args:
        at: which, from 1.
        full: find the disk full at every write from that one on, in place of a crash.
    """
    counter = _Counter(at)

    def ending(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if counter.tick() and not full:
                os._exit(CRASHED)
            return real(*arguments, **named)

        return call

    for name in ("fsync", "rename", "replace", "truncate", "ftruncate"):
        setattr(os, name, ending(getattr(os, name)))

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            strikes = counter.tick()
            if full and counter.left <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.name)
            if strikes:
                super().write(bytes(data)[: len(data) // 2])
                os._exit(CRASHED)
            return super().write(data) or 0

    real_open = io.open

    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, *more: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or isinstance(file, int):
            return real_open(file, mode, buffering, encoding, *more, **named)
        raw = Raw(file, mode.replace("b", "").replace("t", ""))
        stream: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding or "utf-8", line_buffering=buffering == 1)

    io.open = opened
    builtins.open = opened
