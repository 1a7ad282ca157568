"""Processes of a run, as the table needs them: started, found by what they hold open, killed, waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soak.springboard import Forked

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        exit: exit status; negative is a signal's number.
        out: what it printed.
        err: what it said on standard error.
        seconds: how long it took.
    """

    exit: int
    out: str
    err: str
    seconds: float

    @property
    def traceback(self) -> bool:
        """Whether it ended with a traceback: a fault of Bakeoff's own."""
        return "Traceback (most recent call last)" in self.err


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every command: one thread, no network, this checkout.

    Args:
        extra: what is laid over it.

    Returns:
        The variables.
    """
    fixed = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "MPLBACKEND": "Agg",
    }
    path = os.pathsep.join(
        part for part in (str(ROOT), str(ROOT / "soak" / "plugin"), os.environ.get("PYTHONPATH", "")) if part
    )
    return {**os.environ, **fixed, "PYTHONPATH": path, **(extra or {})}


class Command:
    """A command under way, in a session of its own.

    Args:
        words: the command; for a springboard the module and its arguments.
        folder: where its output is kept, and where it runs.
        extra: variables laid over the environment.
        spring: whether the springboard forks it, whose imports are done.
    """

    process: subprocess.Popen[bytes] | Forked

    def __init__(
        self, words: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None, spring: bool = False
    ) -> None:
        self._out, self._err = folder / f"out-{time.monotonic_ns()}", folder / f"err-{time.monotonic_ns()}"
        self._began = time.monotonic()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            if spring:
                from soak.springboard import spring as board

                self.process = board().start(words, folder, self._out, self._err, environment(extra))
                return
            self.process = subprocess.Popen(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=environment(extra),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """What it has said on standard error so far."""
        return self._err.read_text(errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, and it alone.

        Args:
            number: the signal.
        """
        if self.running:
            self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Ended:
        """Wait for its end.

        Args:
            seconds: after which it is killed, which its status then shows.

        Returns:
            How it ended.
        """
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        took = time.monotonic() - self._began
        out, err = (path.read_text(errors="replace") for path in (self._out, self._err))
        for path in (self._out, self._err):
            path.unlink()
        return Ended(self.process.returncode, out, err, took)


def python(module: str, *arguments: object) -> list[str]:
    """The words that run a module.

    Args:
        module: its name.
        *arguments: its arguments.

    Returns:
        The words.
    """
    return [sys.executable, "-m", module, *map(str, arguments)]


def wait_until(holds: Callable[[], bool], seconds: float = 30.0, every: float = 0.01) -> bool:
    """Wait until something holds.

    Args:
        holds: asked again and again.
        seconds: how long at most.
        every: pause between two questions.

    Returns:
        Whether it came to hold.
    """
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


def children_of(run: Path) -> list[int]:
    """Trial processes of a run: those that hold the log of an attempt open for writing.

    Args:
        run: the run folder.

    Returns:
        Their process ids.
    """
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in numbers if pid != os.getpid() and log_of(pid, run) is not None]


def log_of(pid: int, run: Path) -> Path | None:
    """The log of an attempt that a process writes.

    Args:
        pid: the process.
        run: the run folder.

    Returns:
        `log.jsonl`; None if it writes none of this run.
    """
    prefix, process = str(run.resolve() / "trials") + os.sep, Path(f"/proc/{pid}")
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                target = str(link.readlink())
                if target.startswith(prefix) and target.endswith("/log.jsonl") and _written(process, link.name):
                    return Path(target)
    return None


def _written(process: Path, descriptor: str) -> bool:
    for line in (process / "fdinfo" / descriptor).read_text().splitlines():
        if line.startswith("flags:"):
            return bool(int(line.split()[1], 8) & (os.O_WRONLY | os.O_RDWR))
    return False


def alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not).

    Args:
        pid: its id.

    Returns:
        Whether it can still do anything.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
