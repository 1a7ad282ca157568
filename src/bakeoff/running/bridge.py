"""`python -m bakeoff.running.bridge SEATING`: the process between a runner and a Ray cluster (see `cluster`).

    out  {"ready": true}                                   or {"ready": false, "fault": {…}} and exit status 1
    in   {"begin": {"id": "…", "folder": "…", "environment": {"K": "V"}}}
    out  {"begun": {"id": "…", "pid": P, "host": "…"}}     or {"begun": {"id": "…", "fault": {…}}}
    in   {"signal": {"id": "…", "number": N}}
    out  {"ended": {"id": "…", "exit": 0}}                 a negative exit is a signal's number, null is a loss

When its input closes, it closes the seats, and the cluster if it began one.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any, TextIO

from bakeoff.running.cluster import Seating
from bakeoff.running.seat import Seat

TICK_SECONDS = 0.02
KILL_SECONDS = 10.0
"""How long a seat may take to end a job that was killed, until it is ended itself."""
CLOSE_SECONDS = 15.0
KNOCK_SECONDS = 10.0
OBJECT_STORE_BYTES = 80_000_000
"""Near the least that Ray takes: nothing of size goes through it."""
NOWHERE = "a machine that was lost"
REQUIRED = (2, 52)
"""Before, a page in a browser could drive a cluster through its dashboard (DNS rebinding)."""


@dataclass
class Occupied:
    """A seat, and the job that it has.

    Attributes:
        actor: Ray's handle of the seat.
        job: the job.
        request: what was asked for.
        killed: when the job was killed, on the monotonic clock; None if it was not.
    """

    actor: Any
    job: str
    request: dict[str, Any]
    killed: float | None = None


class Cluster:
    """The seats of a run, and what is awaited of them.

    Args:
        seating: what is to be known of the run.
        out: where answers go.
    """

    def __init__(self, seating: Seating, out: TextIO) -> None:
        import ray

        self._ray, self._seating, self._out = ray, seating, out
        self._folder = ""
        self._idle: list[Any] = []
        self._jobs: dict[str, Occupied] = {}
        self._awaited: dict[Any, tuple[str, str]] = {}
        quiet = {"logging_level": "ERROR", "log_to_driver": False}
        if seating.address:
            knock(seating.address)
            ray.init(address=seating.address, **quiet)
        else:
            # short: the paths of its sockets have to fit into 107 characters
            self._folder = tempfile.mkdtemp(prefix="bakeoff-ray-", dir="/tmp")
            ray.init(
                num_cpus=seating.seats * seating.threads,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=self._folder,
                **quiet,
            )
        self._gpus = 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0
        self._kind = ray.remote(Seat)

    @property
    def is_busy(self) -> bool:
        """Whether anything is awaited."""
        return bool(self._awaited)

    def shortage(self) -> dict[str, str] | None:
        """Why the cluster can never hold all seats; None if it can."""
        has, seating = self._ray.cluster_resources(), self._seating
        fit = int(has.get("CPU", 0) // seating.threads)
        if self._gpus:
            fit = min(fit, int(has.get("GPU", 0)))
        if fit >= seating.seats:
            return None
        there = f"{has.get('CPU', 0):.0f} cores and {has.get('GPU', 0):.0f} GPUs"
        return {
            "what": f"the cluster has {there}: room for {fit} trials of {seating.threads} threads, not {seating.seats}",
            "where": f"RAY_ADDRESS={seating.address}",
            "remedy": f"--workers {fit}" if fit else "add a machine, or --set defaults.training.threads=1",
        }

    def begin(self, request: dict[str, Any]) -> None:
        """Find a seat for a job; that it has one is told later.

        Args:
            request: id, folder and environment.
        """
        seating = self._seating
        actor = self._idle.pop() if self._idle else None
        if actor is None:
            placed = self._kind.options(
                num_cpus=seating.threads, num_gpus=self._gpus, max_restarts=0, max_concurrency=4, max_task_retries=0
            )
            actor = placed.remote(seating.families, seating.console, seating.worker, seating.environment, seating.source)
        self._jobs[request["id"]] = Occupied(actor, request["id"], request)
        # an idle seat may have died with its machine: it is asked before anything is begun there
        self._await(actor.hello.remote(), "hello", request["id"])

    def signal(self, job: str, number: int) -> None:
        """Signal a job.

        Args:
            job: the job; one that has ended is passed over.
            number: the signal.
        """
        occupied = self._jobs.get(job)
        if occupied is None:
            return
        if number == signal.SIGKILL and occupied.killed is None:
            occupied.killed = time.monotonic()
        occupied.actor.signal.remote(number)

    def look(self) -> None:
        """Take what has come, and see to jobs that do not die."""
        ready, _ = self._ray.wait(list(self._awaited), num_returns=1, timeout=TICK_SECONDS)
        for reference in ready:
            step, job = self._awaited.pop(reference)
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                sys.stderr.write(f"{job}: {step}: {error}\n")
                self._lose(step, job)
            else:
                self._go_on(step, job, answer)
        for occupied in self._jobs.values():
            if occupied.killed is not None and time.monotonic() - occupied.killed > KILL_SECONDS:
                self._ray.kill(occupied.actor)

    def close(self) -> None:
        """Close the seats; end the cluster if it was begun here."""
        actors = [*self._idle, *(occupied.actor for occupied in self._jobs.values())]
        closing = [actor.close.remote() for actor in actors]
        if closing:
            self._ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        self._ray.shutdown()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _await(self, reference: Any, step: str, job: str) -> None:
        self._awaited[reference] = (step, job)

    def _go_on(self, step: str, job: str, answer: Any) -> None:
        occupied = self._jobs[job]
        if step == "hello":
            request = occupied.request
            self._await(occupied.actor.begin.remote(request["folder"], request["environment"]), "begin", job)
        elif step == "begin":
            self._say("begun", {"id": job, **answer})
            if "fault" in answer:
                self._idle.append(self._jobs.pop(job).actor)
            else:
                self._await(occupied.actor.end.remote(), "end", job)
        else:
            self._idle.append(self._jobs.pop(job).actor)
            self._say("ended", {"id": job, "exit": answer})

    def _lose(self, step: str, job: str) -> None:
        """A seat has died: before a job was begun there, another one is found; after that, the job is lost."""
        request = self._jobs.pop(job).request
        if step == "hello":
            self.begin(request)
            return
        if step == "begin":
            self._say("begun", {"id": job, "pid": 0, "host": NOWHERE})
        self._say("ended", {"id": job, "exit": None})

    def _say(self, word: str, what: Any) -> None:
        say(self._out, {word: what})


def knock(address: str) -> None:
    """See that somebody listens where a cluster should be: Ray would try for minutes.

    Args:
        address: host and port, or a word that Ray knows, which is left to it.

    Raises:
        ConnectionError: if nobody does.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"nobody answers at {address} ({error})") from error


def say(out: TextIO, message: dict[str, Any]) -> None:
    """Send a message to the runner.

    Args:
        out: where to.
        message: what.
    """
    out.write(json.dumps(message) + "\n")
    out.flush()


def main(arguments: list[str]) -> int:
    """Connect, and do what the runner asks until its side closes.

    Args:
        arguments: one: a `Seating` in JSON.

    Returns:
        The exit status.
    """
    # what libraries print on standard output must not get between the messages
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    seating = Seating(**json.loads(arguments[0]))
    if (fault := too_old()) is not None:
        return refuse(out, fault)
    try:
        cluster = Cluster(seating, out)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = f"RAY_ADDRESS={seating.address}" if seating.address else "a cluster on this machine"
        remedy = "see that `ray status` works here; without RAY_ADDRESS a cluster is begun on this machine"
        said = str(error).strip().splitlines() or [type(error).__name__]
        return refuse(out, {"what": f"Ray cannot be reached: {said[0]}", "where": where, "remedy": remedy})
    try:
        if (short := cluster.shortage()) is not None:
            return refuse(out, short)
        say(out, {"ready": True})
        serve(cluster)
    finally:
        cluster.close()
    return 0


def refuse(out: TextIO, fault: dict[str, str]) -> int:
    """Say why nothing will be begun.

    Args:
        out: where to.
        fault: what, where and remedy.

    Returns:
        The exit status.
    """
    say(out, {"ready": False, "fault": fault})
    return 1


def too_old() -> dict[str, str] | None:
    """What is wrong with the installed Ray; None if nothing is."""
    import ray

    if tuple(int(part) for part in ray.__version__.split(".")[:2]) >= REQUIRED:
        return None
    what = f"Ray {ray.__version__} lets a web page drive a cluster through its dashboard"
    return {"what": what, "where": str(ray.__file__), "remedy": "pip install 'bakeoff[ray]'"}


def serve(cluster: Cluster) -> None:
    """Do what is asked until the input closes.

    Args:
        cluster: the cluster.
    """
    partial = b""
    while True:
        if select.select([0], [], [], 0 if cluster.is_busy else TICK_SECONDS)[0]:
            block = os.read(0, 1 << 16)
            if not block:
                return
            *lines, partial = (partial + block).split(b"\n")
            for line in lines:
                obey(cluster, json.loads(line))
        if cluster.is_busy:
            cluster.look()


def obey(cluster: Cluster, message: dict[str, Any]) -> None:
    """Do one thing that is asked.

    Args:
        cluster: the cluster.
        message: `begin` or `signal`.
    """
    if "begin" in message:
        cluster.begin(message["begin"])
    else:
        cluster.signal(message["signal"]["id"], int(message["signal"]["number"]))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
