"""What a child says while it works: `log.jsonl`, and the wish to stop."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from bakeoff.records.files import canonical_json
from bakeoff.records.secrets import Redactor

EVERY_SECONDS = 1.0
SPOKEN = ("note", "warning")
"""Events that quote what others said: secrets are hidden in them."""
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Preempted(Exception):
    """The child was asked to stop."""


class Progress:
    """The child's log.

    Args:
        path: `log.jsonl` of the attempt.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("a", encoding="utf-8", buffering=1)
        self._began = time.monotonic()
        self._last = 0.0
        self._redactor = Redactor()
        self.stop_asked = False

    def listen(self) -> None:
        """From now on SIGTERM, SIGINT and SIGHUP ask for a stop at the next step; a second one ends the process at once.

        Nothing is torn by that: what must survive is written under another name first.
        """
        for number in STOPPING:
            signal.signal(number, self._ask)

    def _ask(self, number: int, _: object) -> None:
        if self.stop_asked:
            os._exit(128 + number)
        self.stop_asked = True

    def check(self) -> None:
        """Stop here if that was asked.

        Raises:
            Preempted: if it was.
        """
        if self.stop_asked:
            raise Preempted

    @property
    def due(self) -> bool:
        """Whether a second has passed since the last step record."""
        return time.monotonic() - self._last >= EVERY_SECONDS

    def say(self, event: str, **facts: Any) -> None:
        """Write one record.

        Args:
            event: `begin`, `resume`, `step`, `validation`, `skipped`, `warning`, `note` or `end`.
            **facts: what belongs to it.
        """
        now = time.monotonic()
        if event == "step":
            self._last = now
        said = self._redactor.values(facts) if event in SPOKEN else facts
        self._stream.write(canonical_json({"event": event, **said, "seconds": round(now - self._began, 3)}) + "\n")

    def close(self) -> None:
        """Close the log."""
        self._stream.close()
