"""The warm parent: one process that has imported all that a trial imports, and forks a child for each job.

It speaks JSON lines on its standard input and output; what it prints otherwise goes to a log. When its input closes, because
the runner closed it or died, it kills its children's sessions and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bakeoff.errors import JobError
from bakeoff.running.console import last_lines
from bakeoff.running.interrupts import Interrupted
from bakeoff.running.processes import descendants, describe_exit, failed_start, kill_tree

# -P: a file of the user's folder called random.py must not be what the worker imports
WORKER_COMMAND = (sys.executable, "-P", "-m", "bakeoff.worker")
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # scikit-learn imports pandas where it is installed, and that pyarrow, whose allocator would start a thread at once
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "HF_HUB_OFFLINE": "1",
    # a batch's shapes differ from the last one's, and each costs a compiled kernel: keep them all
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "8192",
    # threads that wait for a thread of a busy core by spinning for ever make a shared machine many times slower
    "GOMP_SPINCOUNT": "20000",
    # each step frees and asks again for the same large blocks: keep them, in large pages, instead of returning them
    "GLIBC_TUNABLES": ":".join(
        (
            "glibc.malloc.hugetlb=1",
            "glibc.malloc.mmap_threshold=1073741824",
            "glibc.malloc.trim_threshold=4000000000",
            "glibc.malloc.top_pad=268435456",
        )
    ),
}
START_SECONDS = 600.0
ANSWER_SECONDS = 60.0
CLOSE_SECONDS = 10.0
TICK_SECONDS = 0.1


def worker_environment() -> dict[str, str]:
    """The environment in which a worker starts: ours, with what could change a number fixed.

    Returns:
        The variables.
    """
    return {**os.environ, **ENVIRONMENT}


def never() -> bool:
    """Whether to give up waiting: never.

    Returns:
        False.
    """
    return False


class WarmParent:
    """The runner's side of the warm parent.

    Args:
        families: architectures whose model code it imports.
        console: where what it prints is kept.
        command: how the worker is started, before `warm`.
        give_up: asked while waiting for its start; when it says True, the wait ends with `Interrupted`.
    """

    def __init__(
        self,
        families: list[str],
        console: Path,
        command: tuple[str, ...] = WORKER_COMMAND,
        give_up: Callable[[], bool] = never,
    ) -> None:
        self.console = console
        self._command = [*command, "warm", *families]
        self._give_up = give_up
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._partial = b""
        self._messages: deque[dict[str, Any]] = deque()

    @property
    def pid(self) -> int | None:
        """Its process id; None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it, and wait until everything is imported.

        Raises:
            JobError: if the preload fails, with the last lines that it printed.
            Interrupted: if told to give up.
        """
        self.console.parent.mkdir(parents=True, exist_ok=True)
        with self.console.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=worker_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is the runner's to answer
            )
        ready = self._wait_for("ready", START_SECONDS)
        if ready["ready"] is not True:
            self._process.wait(CLOSE_SECONDS)
            raise self._failure(f"the worker could not import what trials need ({ready.get('error', 'no reason given')})")
        self._ready = True

    def fork(self, job: str, folder: Path, console: Path, environment: dict[str, str] | None = None) -> int:
        """Ask for a child.

        Args:
            job: name of the job, to know its end by.
            folder: absolute path of its folder.
            console: file or pipe that takes the child's standard output and error.
            environment: variables set in the child before anything else.

        Returns:
            The child's process id; it is a session leader.

        Raises:
            JobError: if the parent has died.
        """
        request = {"id": job, "folder": str(folder), "console": str(console), "environment": environment or {}}
        self._send({"fork": request})
        answer = self._wait_for("forked", ANSWER_SECONDS)["forked"]
        if answer["id"] != job:
            raise self._failure(f"the worker forked {answer['id']} in place of {job}")
        return int(answer["pid"])

    def ended(self, seconds: float) -> list[tuple[str, int]]:
        """Children that ended.

        Args:
            seconds: how long to wait for the first at most.

        Returns:
            Job and exit status (negative: signal) of each.

        Raises:
            JobError: if the parent has died.
        """
        if not self._messages:
            self._receive(seconds)
        found = [message["ended"] for message in self._messages if "ended" in message]
        self._messages.clear()
        return [(item["id"], int(item["exit"])) for item in found]

    def close(self) -> None:
        """Close its input, which ends it and its children; kill what has not ended in time.

        One that is still importing does not look at its input, has no children, and is killed at once.
        """
        if self._process is None:
            return
        assert self._process.stdin and self._process.stdout
        strays = descendants(self._process.pid)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS if self._ready else 0)
        if self._process.poll() is None or self._process.returncode < 0:
            for pid in (self._process.pid, *strays):
                kill_tree(pid)
        self._process.wait()
        self._process.stdout.close()
        self._process = None

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process and self._process.stdin
        try:
            self._process.stdin.write((json.dumps(message) + "\n").encode())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._death() from error

    def _wait_for(self, word: str, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            for message in self._messages:
                if word in message:
                    self._messages.remove(message)
                    return message
            # a fork is answered at once, and giving it up would end the other children
            if word == "ready" and self._give_up():
                raise Interrupted
            if time.monotonic() > deadline:
                raise self._failure(f"the warm parent has not said {word!r} within {seconds:.0f} s")
            self._receive(TICK_SECONDS)

    def _receive(self, seconds: float) -> None:
        assert self._process and self._process.stdout
        descriptor = self._process.stdout.fileno()
        if not select.select([descriptor], [], [], seconds)[0]:
            return
        block = os.read(descriptor, 1 << 16)
        if not block:
            raise self._death()
        *lines, self._partial = (self._partial + block).split(b"\n")
        for line in lines:
            try:
                self._messages.append(dict(json.loads(line)))
            except (ValueError, TypeError) as error:
                raise self._failure(f"the warm parent said {line[:200]!r}, which is no message") from error

    def _death(self) -> JobError:
        """Its pipe closes a moment before the system knows how it ended, which the reader wants to know."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_SECONDS)
        return self._failure("the warm parent has died")

    def _failure(self, what: str) -> JobError:
        status = self._process.poll() if self._process else None
        ending = f" ({describe_exit(status)})" if status is not None else ""
        return failed_start(what + ending, last_lines(self.console), str(self.console))
