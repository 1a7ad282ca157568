"""A console whose log cannot be written goes on taking what the child prints."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bakeoff.running.console import ConsolePipe

FULL = Path("/dev/full")
MORE_THAN_A_PIPE_HOLDS = 40
PATIENCE_SECONDS = 20


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_does_not_stop_the_child() -> None:
    console = ConsolePipe(FULL)
    writer = os.open(console.path, os.O_WRONLY)
    os.set_blocking(writer, False)
    left, until = MORE_THAN_A_PIPE_HOLDS << 16, time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < until:
        try:
            left -= os.write(writer, b"x" * min(left, 1 << 16))
        except BlockingIOError:
            time.sleep(0.001)
    os.close(writer)
    console.close()
    assert left == 0, "nobody reads what the child prints: it would hang"
