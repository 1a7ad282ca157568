"""A console whose log cannot be written goes on taking what the child prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bakeoff.running.console import ConsolePipe

FULL = Path("/dev/full")
MORE_THAN_A_PIPE_HOLDS = 40


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_does_not_stop_the_child() -> None:
    console = ConsolePipe(FULL)
    writer = os.open(console.path, os.O_WRONLY)
    os.set_blocking(writer, True)
    for _ in range(MORE_THAN_A_PIPE_HOLDS):
        os.write(writer, b"x" * (1 << 16))
    os.close(writer)
    console.close()
