"""How jobs are started: the interface, and the executor for debugging. The usual one is in `local`."""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.console import ConsolePipe
from bakeoff.running.processes import kill_tree, signal_session
from bakeoff.running.warm import WORKER_COMMAND, worker_environment

TERM = 15


@dataclass(frozen=True)
class Handle:
    """A job that was started.

    Attributes:
        job: its id.
        pid: process id of its session leader.
        folder: where it writes.
    """

    job: str
    pid: int
    folder: AttemptFolder


@dataclass(frozen=True)
class Ended:
    """A job that ended.

    Attributes:
        handle: which.
        exit: exit code; negative is a signal's number; None if it was lost with its parent.
    """

    handle: Handle
    exit: int | None


class Executor(ABC):
    """Starts jobs, each a process of its own, and tells their ends.

    Every executor guarantees:

    - `start` writes `job.json` before the process exists, and the process sees nothing else of the runner.
    - The end of each started job is told by `poll` or `stop`, and by one of them once only.
    - When an end is told, no process of that job is alive, and its console log is complete (and at most 10 MB).
    - A job that crashes, hangs or prints without end harms neither the runner nor another job.
    - After `close` no process that the executor started is alive. Where the runner is killed, jobs end by themselves as far as
      the executor says.
    """

    name: str

    @abstractmethod
    def start(self, folder: AttemptFolder, job: JobSpec) -> Handle:
        """Start a job.

        Args:
            folder: an empty or missing folder of its own, absolute.
            job: what to do.

        Returns:
            Its handle.

        Raises:
            JobError: if no process can be started.
            Interrupted: if the runner was told to stop meanwhile.
        """

    @abstractmethod
    def poll(self, seconds: float) -> list[Ended]:
        """Jobs that ended since the last call.

        Args:
            seconds: how long to wait for one at most.

        Returns:
            Their ends; empty if none did.
        """

    @abstractmethod
    def close(self) -> None:
        """End everything that still runs."""

    def stop(self, handle: Handle, grace_seconds: float) -> Ended:
        """End a job: SIGTERM to its session, and SIGKILL for its whole tree after the grace.

        Args:
            handle: a job whose end was not yet told.
            grace_seconds: time that it has to write a checkpoint.

        Returns:
            Its end.
        """
        signal_session(handle.pid, TERM)
        deadline = time.monotonic() + grace_seconds
        killed = False
        while True:
            for ended in self.poll(0.05):
                if ended.handle == handle:
                    return ended
            if not killed and time.monotonic() > deadline:
                kill_tree(handle.pid)
                killed = True

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class InlineExecutor(Executor):
    """Runs one job at a time in a fresh process, and shows all that it prints: for debugging.

    There is no warm parent between, so every job pays for its imports. A job outlives a runner that is killed with SIGKILL
    until it ends by itself; it writes into its own attempt only.

    Args:
        command: how the worker is started, before `job`.
        echo: whether what jobs print is shown on standard error.
    """

    name = "inline"

    def __init__(self, command: tuple[str, ...] = WORKER_COMMAND, echo: bool = True) -> None:
        self._command = command
        self._echo = echo
        self._running: tuple[Handle, subprocess.Popen[bytes], ConsolePipe] | None = None

    def start(self, folder: AttemptFolder, job: JobSpec) -> Handle:
        """Start a job (see `Executor.start`).

        Args:
            folder: its folder.
            job: what to do.

        Returns:
            Its handle.
        """
        assert self._running is None, "the inline executor runs one job at a time"
        job.write(folder.job)
        console = ConsolePipe(folder.console, self._echo)
        with console.path.open("ab", buffering=0) as sink:
            process = subprocess.Popen(
                [*self._command, "job", str(folder.root)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=worker_environment(),
                start_new_session=True,
            )
        handle = Handle(job.id, process.pid, folder)
        self._running = (handle, process, console)
        return handle

    def poll(self, seconds: float) -> list[Ended]:
        """Whether the job has ended (see `Executor.poll`).

        Args:
            seconds: how long to wait at most.

        Returns:
            Its end, or nothing.
        """
        if self._running is None:
            return []
        handle, process, console = self._running
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return []
        kill_tree(handle.pid)
        console.close()
        self._running = None
        return [Ended(handle, status)]

    def close(self) -> None:
        """End the job that still runs."""
        if self._running is not None:
            self.stop(self._running[0], grace_seconds=0)
