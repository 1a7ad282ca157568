"""What executors share whose jobs are started by another process, which the runner speaks to."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from bakeoff.errors import JobError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.executors import Ended, Executor, Handle
from bakeoff.running.processes import kill_tree


class Parent(Protocol):
    """The process that starts jobs and tells their ends."""

    def start(self) -> None:
        """Start it, and wait until it is ready."""

    def ended(self, seconds: float) -> Sequence[tuple[str, int | None]]:
        """Job and exit status of each job that ended; waits for the first."""

    def close(self) -> None:
        """End it and all that it started."""


AnyParent = TypeVar("AnyParent", bound=Parent)


class ParentedExecutor(Executor, Generic[AnyParent]):
    """Starts a parent with the first job, and again if it dies. With a parent, all of its jobs are lost."""

    silence_seconds: ClassVar[float] = 20.0
    """A parent that has not told a killed job's end by then never will."""

    def __init__(self) -> None:
        self.parent: AnyParent | None = None
        self.running: dict[str, Handle] = {}
        self._lost: list[str] = []
        self._killed: dict[str, float] = {}

    @abstractmethod
    def make_parent(self) -> AnyParent:
        """A parent that was not started yet."""

    @abstractmethod
    def begin(self, parent: AnyParent, folder: AttemptFolder, job: JobSpec, environment: dict[str, str]) -> Handle:
        """Have a parent start a job whose `job.json` stands.

        Args:
            parent: the parent.
            folder: the job's folder.
            job: the job.
            environment: variables of its own.

        Returns:
            The job's handle.

        Raises:
            JobError: if the parent has died.
        """

    @abstractmethod
    def clear(self, handle: Handle) -> None:
        """See that nothing of a job is left that has ended or was lost.

        Args:
            handle: the job.
        """

    def end_tree(self, handle: Handle) -> None:
        """SIGKILL for a job and all that it started.

        Args:
            handle: the job.
        """
        kill_tree(handle.pid)

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
        stood = self.parent is not None
        try:
            return self._start(folder, job, dict(environment or {}))
        except JobError:
            if not stood:
                raise
            # the parent died while it had nothing to do (the system was short of memory, say): this job is not to blame
            return self._start(folder, job, dict(environment or {}))

    def _start(self, folder: AttemptFolder, job: JobSpec, environment: dict[str, str]) -> Handle:
        parent = self._standing_parent()
        try:
            handle = self.begin(parent, folder, job, environment)
        except BaseException:
            self._drop_parent()
            raise
        self.running[job.id] = handle
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
            if self.parent is not None:
                ended += self.parent.ended(0.0 if self._lost else seconds)
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
        self.end_tree(handle)

    def close(self) -> None:
        """End the parent and with it all jobs."""
        self._drop_parent()
        for job in list(self.running):
            self._finish(job, None)

    def _is_silent(self, ended: list[tuple[str, int | None]]) -> bool:
        """Whether a killed job's end is long overdue: then the parent itself hangs, or was stopped."""
        told = {job for job, _ in ended}
        overdue = time.monotonic() - self.silence_seconds
        return any(job not in told and when < overdue for job, when in self._killed.items())

    def _standing_parent(self) -> AnyParent:
        if self.parent is None:
            self.parent = self.make_parent()
            try:
                self.parent.start()
            except BaseException:
                self._drop_parent()
                raise
        return self.parent

    def _drop_parent(self) -> None:
        if self.parent is not None:
            self.parent.close()
            self._lost = list(self.running)
        self.parent = None

    def _finish(self, job: str, status: int | None) -> Ended:
        handle = self.running.pop(job)
        self._killed.pop(job, None)
        self.clear(handle)
        return Ended(handle, status)
