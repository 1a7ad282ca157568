"""The usual executor: jobs are children of one warm parent on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bakeoff.errors import JobError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.console import ConsolePipe
from bakeoff.running.executors import Ended, Executor, Handle
from bakeoff.running.processes import kill_tree
from bakeoff.running.warm import WORKER_COMMAND, WarmParent, never

SILENCE_SECONDS = 20.0  # a parent that has not told a killed child's end by then never will


class LocalExecutor(Executor):
    """Forks each job from the warm parent, which is started with the first one, and again if it dies.

    Jobs end when the runner dies, however it dies.

    Args:
        families: architectures whose model code the parent imports.
        console: where what the parent prints is kept.
        command: how the worker is started.
        give_up: asked while waiting for the parent; when it says True, `start` ends with `Interrupted`.
    """

    name = "local"

    def __init__(
        self,
        families: list[str],
        console: Path,
        command: tuple[str, ...] = WORKER_COMMAND,
        give_up: Callable[[], bool] = never,
    ) -> None:
        self._make: Callable[[], WarmParent] = lambda: WarmParent(families, console, command, give_up)
        self._parent: WarmParent | None = None
        self._running: dict[str, tuple[Handle, ConsolePipe]] = {}
        self._lost: list[str] = []
        self._killed: dict[str, float] = {}

    def start(self, folder: AttemptFolder, job: JobSpec, environment: Mapping[str, str] | None = None) -> Handle:
        """Start a job (see `Executor.start`).

        Args:
            folder: its folder.
            job: what to do.
            environment: variables of its own.

        Returns:
            Its handle.
        """
        job.write(folder.job)
        was_idle = self._parent is not None
        try:
            return self._fork(folder, job, dict(environment or {}))
        except JobError:
            if not was_idle:
                raise
            # the parent died while it had nothing to do (the system was short of memory, say): this job is not to blame
            return self._fork(folder, job, dict(environment or {}))

    def _fork(self, folder: AttemptFolder, job: JobSpec, environment: dict[str, str]) -> Handle:
        parent = self._warm_parent()
        console = ConsolePipe(folder.console)
        try:
            pid = parent.fork(job.id, folder.root, console.path, environment)
        except BaseException:
            self._drop_parent()
            console.close()
            raise
        handle = Handle(job.id, pid, folder)
        self._running[job.id] = (handle, console)
        return handle

    def poll(self, seconds: float) -> list[Ended]:
        """Jobs that ended (see `Executor.poll`).

        Args:
            seconds: how long to wait for one at most.

        Returns:
            Their ends; all that ran, with a lost exit status, if the parent died.
        """
        ended: list[tuple[str, int | None]] = []
        try:
            if self._parent is not None:
                ended += self._parent.ended(0.0 if self._lost else seconds)
        except JobError:
            self._drop_parent()
        if self._is_silent(ended):
            self._drop_parent()
        told = {job for job, _ in ended}
        ended += [(job, None) for job in self._lost if job not in told]
        self._lost.clear()
        return [self._finish(job, status) for job, status in ended]

    def kill(self, handle: Handle) -> None:
        """End a job at once (see `Executor.kill`).

        Args:
            handle: the job.
        """
        self._killed.setdefault(handle.job, time.monotonic())
        super().kill(handle)

    def _is_silent(self, ended: list[tuple[str, int | None]]) -> bool:
        """Whether a killed job's end is long overdue: then the parent itself hangs, or was stopped."""
        told = {job for job, _ in ended}
        overdue = time.monotonic() - SILENCE_SECONDS
        return any(job not in told and when < overdue for job, when in self._killed.items())

    def close(self) -> None:
        """End the parent and with it all jobs."""
        self._drop_parent()
        for job in list(self._running):
            self._finish(job, None)

    def _warm_parent(self) -> WarmParent:
        if self._parent is None:
            self._parent = self._make()
            try:
                self._parent.start()
            except BaseException:
                self._drop_parent()
                raise
        return self._parent

    def _drop_parent(self) -> None:
        if self._parent is not None:
            self._parent.close()
            self._lost = list(self._running)
        self._parent = None

    def _finish(self, job: str, status: int | None) -> Ended:
        handle, console = self._running.pop(job)
        self._killed.pop(job, None)
        kill_tree(handle.pid)
        console.close()
        return Ended(handle, status)
