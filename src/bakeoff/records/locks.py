"""A lock on a folder of the home, so that two programs that make the same thing make it one after the other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an OS lock on a file, waiting for whoever has it; the kernel frees it when its holder dies.

    Args:
        path: the lock's file; it is made with its folder if missing, and left where it is.

    Yields:
        Nothing; the lock is held meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
