"""Runners that start at once: one process has imported what a runner imports, and forks each.

Rows that kill runners start hundreds, and a start's imports take longer than many a study of stubs. What follows the imports is
the product's own. A row that is about a start itself starts a process of its own (`Command` without a springboard).

    in   {"start": {"number": 1, "words": […], "folder": "…", "out": "…", "err": "…", "environment": {…}}}
    out  {"started": 1, "pid": 7}
    out  {"ended": 1, "exit": -9}        a negative exit is a signal's number

The first word says what the process becomes: `soak.driving` or `soak.command`, with the same arguments as by `python -m`.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

LINE_BYTES = 1 << 16
PATIENCE_SECONDS = 120.0
TICK_SECONDS = 0.02
IMPORTED = ("soak.driving", "soak.command")
ROOMS = ("records", "catalog", "study", "metrics", "stats", "data", "running", "analysis", "preflight", "report", "api", "cli")
"""Rooms that runners import of, none of which needs torch."""


def become(words: list[str]) -> int:
    """Go on as the process that was asked for.

    Args:
        words: a module and its arguments.

    Returns:
        The exit status.
    """
    module, *arguments = words
    if module == "soak.driving":
        from soak.driving import drive
        from soak.stubs import read_stub_study

        return drive(read_stub_study(*arguments))
    from soak.command import be_bakeoff

    sys.argv = ["bakeoff", *arguments]
    be_bakeoff()
    return 0


class Springboard:
    """The process that forks.

    Attributes:
        children: what runs, by process id.
    """

    def __init__(self) -> None:
        self.children: dict[int, int] = {}
        self._out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        os.dup2(2, 1)
        self._wake, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        """Fork and reap until standard input closes; then end what still runs."""
        rest = b""
        while True:
            readable, _, _ = select.select([0, self._wake], [], [])
            if self._wake in readable:
                os.read(self._wake, 4096)
                self._reap()
            if 0 in readable:
                block = os.read(0, LINE_BYTES)
                if not block:
                    break
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    self._fork(json.loads(line)["start"])
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _fork(self, asked: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_child(asked)
        self.children[pid] = asked["number"]
        self._say(started=asked["number"], pid=pid)

    def _say(self, **message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")

    def _be_child(self, asked: dict[str, Any]) -> None:
        """Never returns."""
        status: object = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for descriptor in (self._wake, self._wake_writer, self._out.fileno()):
                os.close(descriptor)
            os.chdir(asked["folder"])
            os.environ.clear()
            os.environ.update(asked["environment"])
            for target, path, flags in (
                (0, os.devnull, os.O_RDONLY),
                (1, asked["out"], os.O_WRONLY),
                (2, asked["err"], os.O_WRONLY),
            ):
                opened = os.open(path, flags)
                os.dup2(opened, target)
                os.close(opened)
            status = become(asked["words"])
        except SystemExit as end:
            status = end.code
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status if isinstance(status, int) else int(status is not None))

    def _reap(self) -> None:
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._say(ended=self.children.pop(pid), exit=os.waitstatus_to_exitcode(status))


class Spring:
    """The harness's side."""

    def __init__(self) -> None:
        from soak.processes import ROOT, environment

        self._process = subprocess.Popen(
            [sys.executable, "-m", "soak.springboard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
            start_new_session=True,
        )
        self._rest = b""
        self._pids: dict[int, int] = {}
        self._exits: dict[int, int] = {}
        self._count = 0
        atexit.register(self.close)

    def start(self, words: Sequence[str], folder: Path, out: Path, err: Path, variables: Mapping[str, str]) -> Forked:
        """Start a process.

        Args:
            words: a module and its arguments.
            folder: where it runs.
            out: takes its standard output.
            err: takes its standard error.
            variables: its environment.

        Returns:
            The process.
        """
        assert self._process.stdin is not None
        self._count += 1
        places = {"folder": str(folder), "out": str(out), "err": str(err)}
        asked = {"number": self._count, "words": list(words), **places, "environment": dict(variables)}
        self._process.stdin.write(json.dumps({"start": asked}).encode() + b"\n")
        self._process.stdin.flush()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._count not in self._pids:
            if time.monotonic() > deadline:
                raise RuntimeError("the springboard does not answer")
            self.hear(TICK_SECONDS)
        return Forked(self, self._count, self._pids.pop(self._count))

    def hear(self, seconds: float) -> None:
        """Take what the springboard says.

        Args:
            seconds: how long to wait for it at most.
        """
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return
        block = os.read(self._process.stdout.fileno(), LINE_BYTES)
        if not block:
            raise RuntimeError("the springboard has ended")
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "pid" in said:
                self._pids[said["started"]] = said["pid"]
            else:
                self._exits[said["ended"]] = said["exit"]

    def exit_of(self, number: int) -> int | None:
        """How a process ended.

        Args:
            number: its number.

        Returns:
            Its exit status; None while it runs.
        """
        self.hear(0.0)
        return self._exits.get(number)

    def close(self) -> None:
        """End it, and with it all that it started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Forked:
    """A process that a springboard forked, with as much of `subprocess.Popen` as is needed.

    Args:
        spring: who forked it.
        number: its number there.
        pid: its process id.
    """

    def __init__(self, spring: Spring, number: int, pid: int) -> None:
        self._spring = spring
        self._number = number
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self.returncode is None:
            self.returncode = self._spring.exit_of(self._number)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Args:
            timeout: seconds at most; None means no limit.

        Returns:
            Its exit status.

        Raises:
            subprocess.TimeoutExpired: if it still runs then.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self._number), timeout or 0.0)
            self._spring.hear(TICK_SECONDS)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal.

        Args:
            number: the signal.
        """
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@cache
def spring() -> Spring:
    """The springboard of this process.

    Returns:
        The same every time.
    """
    return Spring()


def modules() -> Iterator[str]:
    """What is imported before anything is forked.

    Yields:
        Names of modules.
    """
    yield from IMPORTED
    for room in ROOMS:
        name = f"bakeoff.{room}"
        yield name
        yield from (found.name for found in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."))


def main() -> None:
    """Import, then serve."""
    for name in modules():
        importlib.import_module(name)
    Springboard().serve()


if __name__ == "__main__":
    main()
