"""A wall clock that jumps: `time.time` and `datetime.now` of this process, once a file says by how much."""

from __future__ import annotations

import datetime
import os
import sys
import time
from pathlib import Path

VARIABLE = "SOAK_CLOCK"
"""Names the file; its text is the jump in seconds, empty or missing means none."""


def jump_when_told() -> None:
    """From now on the wall clock of this process jumps when the file says so; the monotonic clock goes on as it does."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    path, real, plain = Path(named), time.time, datetime.datetime

    def jump() -> float:
        return float(path.read_text() or 0) if path.exists() else 0.0

    class Jumping(plain):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return plain.now(tz) + datetime.timedelta(seconds=jump())

    time.time = lambda: real() + jump()
    time.time_ns = lambda: int(time.time() * 1e9)
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] in ("bakeoff", "soak")]:
        if getattr(module, "datetime", None) is plain:
            module.datetime = Jumping  # type: ignore[attr-defined]
