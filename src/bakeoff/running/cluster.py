"""The executor for a Ray cluster: jobs run where the cluster has room, on machines that share the run folder.

    the runner ── JSON lines ── the bridge (`bridge`) ── Ray ── a seat (`seat`) on some machine ── a warm parent ── a job

Ray stays out of the runner: the bridge is a process of its own, so that whatever a cluster does to those connected to it
(a head that dies ends them) harms no runner. A seat holds one job at a time and keeps its warm parent for the next one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError, MissingPackageError, RunError
from bakeoff.records.environment import source_hash
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.companion import Companion, never
from bakeoff.running.executors import Handle
from bakeoff.running.parented import ParentedExecutor
from bakeoff.running.processes import kill_tree
from bakeoff.running.warm import ENVIRONMENT, WORKER_COMMAND

BRIDGE_COMMAND = (sys.executable, "-P", "-m", "bakeoff.running.bridge")
ADDRESS = "RAY_ADDRESS"
"""Ray's own variable: where the cluster is. Without it one is begun on this machine, and ended with the run."""
PLACE_SECONDS = 1800.0
"""How long a job waits for a place: a cluster may first have to rent a machine."""
CARRIED = ("PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG")
"""Variables that may change a number: each job has them as they are here, whatever they are on its machine."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # trials that run out of memory are the runner's to see to; Ray would kill them at a share of the machine's memory
    "RAY_memory_monitor_refresh_ms": "0",
    # Ray would let its workers, and all that they start, stand back behind every other process of the machine
    "RAY_worker_niceness": "0",
    # what a job without GPUs sees is what its machine shows
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Seating:
    """What the bridge and its seats need to know.

    Attributes:
        seats: jobs that run at a time, at most.
        threads: cores that each seat reserves.
        families: architectures whose model code the warm parents import.
        console: where warm parents print: each to a file of its own beside this one.
        worker: how the worker is started on the machines, after the interpreter.
        environment: variables of every job.
        source: hash of our own source code; machines with another one are refused.
        address: the cluster's; empty to begin one here.
    """

    seats: int
    threads: int
    families: list[str]
    console: str
    worker: list[str]
    environment: dict[str, str]
    source: str
    address: str


class Bridge(Companion):
    """The runner's side of the bridge.

    Args:
        seating: what it needs to know.
        console: where what it prints is kept.
        command: how it is started.
        give_up: asked while waiting; when it says True, the wait ends with `Interrupted`.
    """

    what = "bridge to Ray"
    close_seconds = 40.0

    def __init__(
        self, seating: Seating, console: Path, command: tuple[str, ...] = BRIDGE_COMMAND, give_up: Callable[[], bool] = never
    ) -> None:
        super().__init__([*command, json.dumps(asdict(seating))], console, {**QUIET, **os.environ, **ENVIRONMENT}, give_up)

    def begin(self, job: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
        """Have a job started on some machine.

        Args:
            job: name of the job, to know its end by.
            folder: absolute path of its folder.
            environment: variables set in the job before anything else.

        Returns:
            Its process id, and the machine's name.

        Raises:
            JobError: if the bridge has died, or the cluster has no place for the job.
            RunError: if the machine cannot run it: another version of ours, or no sight of the run folder.
            Interrupted: if told to give up.
        """
        self._send({"begin": {"id": job, "folder": str(folder), "environment": environment}})
        answer = self._wait_for("begun", PLACE_SECONDS, patient=False)["begun"]
        if "fault" in answer:
            raise RunError(**answer["fault"])
        return int(answer["pid"]), str(answer["host"])

    def ended(self, seconds: float) -> list[tuple[str, int | None]]:
        """Jobs that ended.

        Args:
            seconds: how long to wait for the first at most.

        Returns:
            Job and exit status (negative: signal; None: lost with its machine) of each.

        Raises:
            JobError: if the bridge has died.
        """
        return [(item["id"], item["exit"]) for item in self._take_all("ended", seconds)]

    def signal(self, job: str, number: int) -> None:
        """Have a job signalled; SIGKILL is for its whole tree.

        Args:
            job: the job; one that has ended is passed over.
            number: the signal.

        Raises:
            JobError: if the bridge has died.
        """
        self._send({"signal": {"id": job, "number": number}})

    def _refusal(self, said: Mapping[str, Any]) -> BakeoffError:
        return RunError(**said["fault"]) if "fault" in said else super()._refusal(said)


class RayExecutor(ParentedExecutor[Bridge]):
    """Has jobs started on the machines of a Ray cluster.

    All of them must see the run folder and the home folder at the same paths, and have the same version of ours installed.
    A job whose machine or seat dies is told as lost; jobs end when the bridge, or the runner, dies.

    Args:
        seating: what the bridge and its seats need to know.
        console: where what the bridge prints is kept.
        give_up: asked while waiting for the bridge or a place; when it says True, `start` ends with `Interrupted`.
        command: how the bridge is started.
    """

    name = "ray"
    on_this_machine = False
    silence_seconds = 60.0

    def __init__(
        self, seating: Seating, console: Path, give_up: Callable[[], bool] = never, command: tuple[str, ...] = BRIDGE_COMMAND
    ) -> None:
        super().__init__()
        self._make: Callable[[], Bridge] = lambda: Bridge(seating, console, command, give_up)

    def make_parent(self) -> Bridge:
        """A bridge (see `ParentedExecutor.make_parent`)."""
        return self._make()

    def begin(self, parent: Bridge, folder: AttemptFolder, job: JobSpec, environment: dict[str, str]) -> Handle:
        """Have a job started (see `ParentedExecutor.begin`).

        Args:
            parent: the bridge.
            folder: the job's folder.
            job: the job.
            environment: variables of its own.

        Returns:
            The job's handle.
        """
        pid, host = parent.begin(job.id, folder.root, environment)
        return Handle(job.id, pid, folder, "" if host == socket.gethostname() else host)

    def clear(self, handle: Handle) -> None:
        """End what a job left running, as far as it is on this machine: elsewhere its seat does it, or died with it.

        Args:
            handle: the job.
        """
        if not handle.host:
            kill_tree(handle.pid)

    def ask(self, handle: Handle) -> None:
        """Ask a job to stop (see `Executor.ask`).

        Args:
            handle: the job.
        """
        self._signal(handle, signal.SIGTERM)

    def end_tree(self, handle: Handle) -> None:
        """SIGKILL for all of a job (see `ParentedExecutor.end_tree`).

        Args:
            handle: the job.
        """
        self._signal(handle, signal.SIGKILL)

    def _signal(self, handle: Handle, number: int) -> None:
        if self.parent is not None and handle.job in self.running:
            self.parent.signal(handle.job, number)


def seating_of(
    families: list[str], console: Path, workers: int, threads: int, worker: tuple[str, ...] = WORKER_COMMAND
) -> Seating:
    """What the bridge of a run needs to know.

    Args:
        families: architectures of its trials.
        console: where warm parents print.
        workers: trials that run at a time, at most.
        threads: CPU threads of a trial, the most of all.
        worker: how the worker is started here; on a machine, its own interpreter takes the place of ours.

    Returns:
        It, with the address from `RAY_ADDRESS`.

    Raises:
        MissingPackageError: if Ray is not installed.
        RunError: if the address is of a kind that does not carry processes.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingPackageError("Ray is not installed", "--executor ray", "pip install 'bakeoff[ray]'")
    address = os.environ.get(ADDRESS, "")
    if address.startswith("ray://"):
        remedy = "start bakeoff on a machine of the cluster, with RAY_ADDRESS=auto"
        raise RunError("a Ray client's address: what runs through it dies with the connection", f"{ADDRESS}={address}", remedy)
    environment = {name: os.environ[name] for name in CARRIED if name in os.environ}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("BAKEOFF_")}
    return Seating(
        workers, max(1, threads), families, str(console), list(worker[1:]), environment | ENVIRONMENT, source_hash(), address
    )
