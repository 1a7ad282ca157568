"""Progress of downloads on standard error."""

from __future__ import annotations

import sys

from bakeoff.cli.shown import safe, say, size


class Downloads:
    """Tells how much of each file has arrived: a line that is rewritten at a terminal, one line a file elsewhere."""

    def __init__(self) -> None:
        self._percent = -1
        self._file = ""

    def __call__(self, file: str, here: int, total: int) -> None:
        """Take note of bytes that arrived.

        Args:
            file: path of the file.
            here: bytes that are here.
            total: bytes that it has.
        """
        percent = 100 * here // total if total else 100
        if (file, percent) == (self._file, self._percent):
            return
        self._file, self._percent = file, percent
        if here >= total:
            say(f"\r{file}: {size(total)}" if sys.stderr.isatty() else f"{file}: {size(total)}")
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r{safe(file)}: {percent} % of {size(total)} ")
            sys.stderr.flush()
