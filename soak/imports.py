"""The harness's side of `zygote`: a process that has imported what workers import, and how a worker is started from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bakeoff.running.warm import worker_environment
from soak.processes import ROOT, environment, python


class Imports:
    """A process with imports that workers share.

    Args:
        socket: where it listens.
        *what: architectures, or `--light` for a worker without torch.

    Attributes:
        socket: where it listens.
    """

    def __init__(self, socket: Path, *what: str) -> None:
        self.socket = socket
        self._process = subprocess.Popen(
            python("soak.zygote", "serve", socket, *what),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment(), **worker_variables()},
            cwd=ROOT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the process with the imports did not start")

    def close(self) -> None:
        """End it."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait()


def client_of(socket: Path) -> tuple[str, ...]:
    """How a worker is started whose imports are shared.

    Args:
        socket: where the process with the imports listens.

    Returns:
        The words, before `warm` or `job`.
    """
    return (sys.executable, "-S", "-P", str(ROOT / "soak" / "zygote.py"), "client", str(socket))


def worker_variables() -> dict[str, str]:
    """What the runner sets in the environment of a worker.

    Returns:
        The variables that are not this process's own.
    """
    return {key: value for key, value in worker_environment().items() if os.environ.get(key) != value}
