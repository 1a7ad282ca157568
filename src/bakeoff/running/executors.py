"""How jobs are started: the interface, and the executor for debugging. The usual one: `local`; Ray: `cluster`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.console import ConsolePipe
from bakeoff.running.processes import kill_tree, signal_session
from bakeoff.running.warm import WORKER_COMMAND, worker_environment

WAIT_SECONDS = 0.01


@dataclass(frozen=True)
class Handle:
    """A job that was started.

    Attributes:
        job: its id.
        pid: process id of its session leader.
        folder: where it writes.
        host: the machine that `pid` belongs to; empty for this one.
    """

    job: str
    pid: int
    folder: AttemptFolder
    host: str = ""


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
    - Any number of jobs may run at a time; their ids differ.
    - The end of each started job is told by `poll`, once, whether it ended by itself, was asked, was killed, or was lost.
    - `ask` and `kill` return at once or within seconds, whatever the job does; asking one that has just ended harms nobody.
    - When an end is told, no process of that job is alive, and its console log is complete (and at most 10 MB).
    - A job that crashes, hangs or prints without end harms neither the runner nor another job.
    - After `close` no process that the executor started is alive. Where the runner is killed, jobs end by themselves as far as
      the executor says.
    """

    name: str
    on_this_machine: ClassVar[bool] = True
    """Whether jobs run here, and so on the devices that are seen here."""

    @abstractmethod
    def start(self, folder: AttemptFolder, job: JobSpec, environment: Mapping[str, str] | None = None) -> Handle:
        """Start a job.

        Args:
            folder: an empty or missing folder of its own, absolute.
            job: what to do.
            environment: variables of its own, set before anything else.

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

    def ask(self, handle: Handle) -> None:
        """Ask a job to stop: SIGTERM to its session. Its end is told when it comes.

        Args:
            handle: a job whose end was not yet told.
        """
        signal_session(handle.pid, signal.SIGTERM)

    def kill(self, handle: Handle) -> None:
        """End a job at once: SIGKILL for its whole tree. Its end is told by the next `poll`, or soon after.

        Args:
            handle: a job whose end was not yet told.
        """
        kill_tree(handle.pid)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class InlineExecutor(Executor):
    """Runs each job in a fresh process, and shows all that it prints: for debugging.

    There is no warm parent between, so every job pays for its imports. On Linux the system kills a job together with the
    thread that started it, however that ends; elsewhere a job outlives a killed runner until it ends by itself, and writes into
    its own attempt only.

    Args:
        command: how the worker is started, before `job`.
        echo: whether what jobs print is shown on standard error.
    """

    name = "inline"

    def __init__(self, command: tuple[str, ...] = WORKER_COMMAND, echo: bool = True) -> None:
        self._command = command
        self._echo = echo
        self._running: dict[Handle, tuple[subprocess.Popen[bytes], ConsolePipe]] = {}

    def start(self, folder: AttemptFolder, job: JobSpec, environment: Mapping[str, str] | None = None) -> Handle:
        """Start a job (see `Executor.start`).

        Args:
            folder: its folder.
            job: what to do.
            environment: variables of its own, set before anything else.

        Returns:
            Its handle.
        """
        job.write(folder.job)
        console = ConsolePipe(folder.console, self._echo)
        with console.path.open("ab", buffering=0) as sink:
            process = subprocess.Popen(
                [*self._command, "job", str(folder.root), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**worker_environment(), **(environment or {})},
                start_new_session=True,
            )
        handle = Handle(job.id, process.pid, folder)
        self._running[handle] = (process, console)
        return handle

    def poll(self, seconds: float) -> list[Ended]:
        """Jobs that ended (see `Executor.poll`).

        Args:
            seconds: how long to wait for one at most.

        Returns:
            Their ends.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = [handle for handle, (process, _) in self._running.items() if process.poll() is not None]
            left = deadline - time.monotonic()
            if found or left <= 0:
                return [self._finish(handle) for handle in found]
            time.sleep(min(WAIT_SECONDS, left))

    def close(self) -> None:
        """End the jobs that still run."""
        for handle in list(self._running):
            self.kill(handle)
            self._running[handle][0].wait()
            self._finish(handle)

    def _finish(self, handle: Handle) -> Ended:
        process, console = self._running.pop(handle)
        kill_tree(handle.pid)
        console.close()
        return Ended(handle, process.returncode)
