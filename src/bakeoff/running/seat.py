"""A seat: what a Ray cluster keeps on one of its machines for us. It runs one job at a time, with a warm parent of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError
from bakeoff.records.environment import source_hash
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.executors import Handle
from bakeoff.running.local import LocalExecutor

TICK_SECONDS = 0.02
FOREIGN = ("OMP_NUM_THREADS", "PYTHONPATH")
"""What Ray sets for the processes that it starts, and would change what a job computes or imports."""


class Seat:
    """Runs jobs on the machine that it was made on. Its methods are called from several threads.

    Args:
        families: architectures whose model code the warm parent imports.
        console: the warm parent prints into a file beside this one.
        worker: how the worker is started, after the interpreter.
        environment: variables of every job.
        source: hash of the source code that is expected here.
    """

    def __init__(
        self, families: list[str], console: str, worker: list[str], environment: Mapping[str, str], source: str
    ) -> None:
        self._source = source
        log = Path(console)
        own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_") and name not in FOREIGN}
        self._executor = LocalExecutor(
            families,
            log.with_name(f"{log.stem}-{socket.gethostname()}-{os.getpid()}{log.suffix}"),
            (sys.executable, *worker),
            environment={**own, **environment},
        )
        self._lock = threading.Lock()
        self._handle: Handle | None = None

    def hello(self) -> str:
        """The machine's name."""
        return socket.gethostname()

    def begin(self, folder: str, environment: dict[str, str]) -> dict[str, Any]:
        """Start a job whose `job.json` stands.

        Args:
            folder: its folder.
            environment: variables of its own.

        Returns:
            `pid` and `host`; or `fault`: what, where and remedy.
        """
        here = socket.gethostname()
        attempt = AttemptFolder(Path(folder))
        if source_hash() != self._source:
            return _fault(
                f"another version of Bakeoff is installed on {here} than where the run was started",
                sys.executable,
                "install the same version on every machine of the cluster",
            )
        if not attempt.job.is_file():
            return _fault(
                f"{here} does not see the run folder",
                folder,
                "keep run folder and home folder (BAKEOFF_HOME) on a disk that all machines have at the same path",
            )
        try:
            with self._lock:
                self._handle = self._executor.start(attempt, JobSpec.read(attempt.job), environment)
        except BakeoffError as error:
            return _fault(f"on {here}: {error.what}", error.where, error.remedy)
        return {"pid": self._handle.pid, "host": here}

    def end(self) -> int | None:
        """Wait for the end of the job.

        Returns:
            Its exit status; None if it was lost with the warm parent.
        """
        while True:
            # never waits with the lock held: a signal has to get through
            with self._lock:
                for one in self._executor.poll(0.0):
                    if one.handle == self._handle:
                        self._handle = None
                        return one.exit
            time.sleep(TICK_SECONDS)

    def signal(self, number: int) -> None:
        """Signal the job; SIGKILL is for its whole tree.

        Args:
            number: the signal.
        """
        with self._lock:
            if self._handle is None:
                return
            if number == signal.SIGKILL:
                self._executor.kill(self._handle)
            else:
                self._executor.ask(self._handle)

    def close(self) -> None:
        """End the job and the warm parent."""
        with self._lock:
            self._executor.close()


def _fault(what: str, where: str, remedy: str) -> dict[str, Any]:
    return {"fault": {"what": what, "where": where, "remedy": remedy}}
