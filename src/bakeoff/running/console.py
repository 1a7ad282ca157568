"""The console log of a child: read from a pipe, so that a child that prints a gigabyte does not fill the disk."""

from __future__ import annotations

import os
import select
import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from bakeoff.records.secrets import RedactedStream, Redactor

CAP_BYTES = 10_000_000
TAIL_BYTES = 1_000_000
LAST_LINES = 20
LONGEST_LINE = 400
DESCRIPTORS = Path("/proc/self/fd")
LAST_READS = 64  # of 64 KiB, after the child's end: a stray process that prints for ever must not hold the runner


class ConsolePipe:
    """A pipe that a child opens by its path, and a thread that keeps the head and the tail of what comes.

    Where the system has `/proc`, the path is that of our descriptor, so that a killed runner leaves nothing behind; elsewhere
    it is a named pipe in a temporary folder of its own (tools that walk a run folder would hang on it there).

    Args:
        log: where the log is kept; at most 10 MB: the first 9, and the last one.
        echo: whether everything is also printed on standard error, for debugging.

    Attributes:
        log: where the log is kept.
        path: what the child opens and writes to.
    """

    def __init__(self, log: Path, echo: bool = False) -> None:
        self.log = log
        self._echo = echo
        self._folder = ""
        # we hold the side for writing too, so that reading never meets an end before the child has opened it
        if DESCRIPTORS.is_dir():
            self._pipe, self._sink = os.pipe()
            self.path = Path(f"/proc/{os.getpid()}/fd/{self._sink}")
        else:
            self._folder = tempfile.mkdtemp(prefix="bakeoff-")
            self.path = Path(self._folder) / "console"
            os.mkfifo(self.path, 0o600)
            self._pipe = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
            self._sink = os.open(self.path, os.O_WRONLY)
        os.set_blocking(self._pipe, False)
        self._done, self._wake = os.pipe()
        self._reads_left = LAST_READS
        self._thread = threading.Thread(target=self._copy, name="console", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take what the child still left in the pipe, and end the log. Call it after the child has ended."""
        os.write(self._wake, b".")
        self._thread.join()
        for descriptor in (self._pipe, self._sink, self._done, self._wake):
            os.close(descriptor)
        if self._folder:
            shutil.rmtree(self._folder)

    def _copy(self) -> None:
        try:
            self._keep()
        except OSError:
            # the log's disk is full, which the runner says when it writes itself; a child whose output nobody reads would hang
            while self._read():
                pass

    def _keep(self) -> None:
        kept, tail, tail_bytes, left_out = 0, deque[bytes](), 0, 0
        with self.log.open("wb", buffering=0) as stream:
            for block in self._blocks():
                if self._echo:
                    sys.stderr.write(block.decode(errors="replace"))
                    sys.stderr.flush()
                head = block[: CAP_BYTES - TAIL_BYTES - kept]
                stream.write(head)
                kept += len(head)
                if rest := block[len(head) :]:
                    tail.append(rest)
                    tail_bytes += len(rest)
                while tail_bytes - len(tail[0] if tail else b"") >= TAIL_BYTES:
                    gone = len(tail.popleft())
                    tail_bytes, left_out = tail_bytes - gone, left_out + gone
            if left_out:
                stream.write(f"\n… {left_out} bytes left out here …\n".encode())
            stream.write(b"".join(tail))

    def _blocks(self) -> Iterator[bytes]:
        """What the child prints, secrets hidden."""
        redacted = RedactedStream(Redactor())
        while block := self._read():
            if ready := redacted.feed(block):
                yield ready
        if ready := redacted.close():
            yield ready

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._pipe, self._done], [], [])
        if self._done in ready:
            self._reads_left -= 1
        if not self._reads_left:
            return b""
        try:
            return os.read(self._pipe, 1 << 16)
        except BlockingIOError:
            # nothing is left: that ends it when `close` woke us (the pipe alone cannot be the reason)
            return b"" if self._done in ready else self._read()


def last_lines(log: Path) -> list[str]:
    """The end of a console log.

    Args:
        log: the log; a missing one is empty.

    Returns:
        At most 20 lines that are not blank, each cut to 400 characters.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 4 * LAST_LINES * LONGEST_LINE))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    lines = [line.rstrip()[:LONGEST_LINE] for line in text.replace("\r", "\n").split("\n")]
    return [line for line in lines if line][-LAST_LINES:]
