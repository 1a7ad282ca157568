"""The usual executor: jobs are children of one warm parent on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.companion import never
from bakeoff.running.console import ConsolePipe
from bakeoff.running.executors import Handle
from bakeoff.running.parented import ParentedExecutor
from bakeoff.running.processes import kill_tree
from bakeoff.running.warm import WORKER_COMMAND, WarmParent


class LocalExecutor(ParentedExecutor[WarmParent]):
    """Forks each job from the warm parent.

    Jobs end when the runner dies, however it dies.

    Args:
        families: architectures whose model code the parent imports.
        console: where what the parent prints is kept.
        command: how the worker is started.
        give_up: asked while waiting for the parent; when it says True, `start` ends with `Interrupted`.
        environment: all variables of the parent; None means `worker_environment`.
    """

    name = "local"

    def __init__(
        self,
        families: list[str],
        console: Path,
        command: tuple[str, ...] = WORKER_COMMAND,
        give_up: Callable[[], bool] = never,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._make: Callable[[], WarmParent] = lambda: WarmParent(families, console, command, give_up, environment)
        self._consoles: dict[Handle, ConsolePipe] = {}

    def make_parent(self) -> WarmParent:
        """A warm parent (see `ParentedExecutor.make_parent`)."""
        return self._make()

    def begin(self, parent: WarmParent, folder: AttemptFolder, job: JobSpec, environment: dict[str, str]) -> Handle:
        """Fork a job (see `ParentedExecutor.begin`).

        Args:
            parent: the warm parent.
            folder: the job's folder.
            job: the job.
            environment: variables of its own.

        Returns:
            The job's handle.
        """
        console = ConsolePipe(folder.console)
        try:
            handle = Handle(job.id, parent.fork(job.id, folder.root, console.path, environment), folder)
        except BaseException:
            console.close()
            raise
        self._consoles[handle] = console
        return handle

    def clear(self, handle: Handle) -> None:
        """End what a job left running, and its console log.

        Args:
            handle: the job.
        """
        kill_tree(handle.pid)
        self._consoles.pop(handle).close()
