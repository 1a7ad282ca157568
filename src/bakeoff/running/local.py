"""The usual executor: jobs are children of one warm parent on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bakeoff.errors import JobError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.console import ConsolePipe
from bakeoff.running.executors import Ended, Executor, Handle
from bakeoff.running.processes import kill_tree
from bakeoff.running.warm import WORKER_COMMAND, WarmParent, never


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

    def start(self, folder: AttemptFolder, job: JobSpec) -> Handle:
        """Start a job (see `Executor.start`).

        Args:
            folder: its folder.
            job: what to do.

        Returns:
            Its handle.
        """
        job.write(folder.job)
        was_idle = self._parent is not None
        try:
            return self._fork(folder, job)
        except JobError:
            if not was_idle:
                raise
            # the parent died while it had nothing to do (the system was short of memory, say): this job is not to blame
            return self._fork(folder, job)

    def _fork(self, folder: AttemptFolder, job: JobSpec) -> Handle:
        parent = self._warm_parent()
        console = ConsolePipe(folder.console)
        try:
            pid = parent.fork(job.id, folder.root, console.path)
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
        try:
            ended: list[tuple[str, int | None]] = list(self._parent.ended(seconds)) if self._parent else []
        except JobError:
            self._drop_parent()
        if self._parent is None:
            ended = [(job, None) for job in self._running]
        return [self._finish(job, status) for job, status in ended]

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
        self._parent = None

    def _finish(self, job: str, status: int | None) -> Ended:
        handle, console = self._running.pop(job)
        kill_tree(handle.pid)
        console.close()
        return Ended(handle, status)
