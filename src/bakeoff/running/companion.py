"""A process beside the runner that is spoken to in JSON lines, and starts and watches what the runner itself does not.

It reads requests on its standard input and answers on its standard output; what it prints otherwise goes to a log. When its
input closes, because the runner closed it or died, it ends all that it started, and itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bakeoff.errors import BakeoffError, JobError
from bakeoff.running.console import last_lines
from bakeoff.running.interrupts import Interrupted
from bakeoff.running.processes import descendants, describe_exit, failed_start, kill_tree

START_SECONDS = 600.0
TICK_SECONDS = 0.1
DEATH_SECONDS = 10.0


def never() -> bool:
    """Whether to give up waiting: never.

    Returns:
        False.
    """
    return False


class Companion:
    """The runner's side of the conversation.

    The first thing that it says is `{"ready": true}`, or `{"ready": false, …}` before it ends.

    Args:
        command: how it is started.
        console: where what it prints is kept.
        environment: all its variables.
        give_up: asked while waiting for its start; when it says True, the wait ends with `Interrupted`.
    """

    what: ClassVar[str] = "companion"
    """What messages call it."""
    close_seconds: ClassVar[float] = 10.0
    """How long it may take to end once its input is closed, until it is killed."""

    def __init__(
        self, command: Sequence[str], console: Path, environment: Mapping[str, str], give_up: Callable[[], bool] = never
    ) -> None:
        self.console = console
        self._command = list(command)
        self._environment = dict(environment)
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
        """Start it, and wait until it is ready.

        Raises:
            BakeoffError: if it does not come up, with what it says of that or the last lines that it printed.
            Interrupted: if told to give up.
        """
        self.console.parent.mkdir(parents=True, exist_ok=True)
        with self.console.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the terminal is the runner's to answer
            )
        ready = self._wait_for("ready", START_SECONDS, patient=False)
        if ready["ready"] is not True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.close_seconds)
            raise self._refusal(ready)
        self._ready = True

    def close(self) -> None:
        """Close its input, which ends it and all that it started; kill what has not ended in time.

        One that is not ready yet does not look at its input, has started nothing, and is killed at once.
        """
        if self._process is None:
            return
        assert self._process.stdin and self._process.stdout
        strays = descendants(self._process.pid)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.close_seconds if self._ready else 0)
        if self._process.poll() is None or self._process.returncode < 0:
            for pid in (self._process.pid, *strays):
                kill_tree(pid)
        self._process.wait()
        self._process.stdout.close()
        self._process = None

    def _refusal(self, said: Mapping[str, Any]) -> BakeoffError:
        """The error of one that says it is not ready."""
        return self._failure(f"the {self.what} is not ready ({said.get('error', 'no reason given')})")

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process and self._process.stdin
        try:
            self._process.stdin.write((json.dumps(message) + "\n").encode())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._death() from error

    def _wait_for(self, word: str, seconds: float, patient: bool = True) -> dict[str, Any]:
        """The next message with a word; whatever else comes meanwhile is kept."""
        deadline = time.monotonic() + seconds
        while True:
            for message in self._messages:
                if word in message:
                    self._messages.remove(message)
                    return message
            if not patient and self._give_up():
                raise Interrupted
            if time.monotonic() > deadline:
                raise self._failure(f"the {self.what} has not said {word!r} within {seconds:.0f} s")
            self._receive(TICK_SECONDS)

    def _take_all(self, word: str, seconds: float) -> list[dict[str, Any]]:
        """What was said with a word since the last call, within a time at most."""
        if not self._messages:
            self._receive(seconds)
        found = [message[word] for message in self._messages if word in message]
        self._messages.clear()
        return found

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
                raise self._failure(f"the {self.what} said {line[:200]!r}, which is no message") from error

    def _death(self) -> JobError:
        """Its pipe closes a moment before the system knows how it ended, which the reader wants to know."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DEATH_SECONDS)
        return self._failure(f"the {self.what} has died")

    def _failure(self, what: str) -> JobError:
        status = self._process.poll() if self._process else None
        ending = f" ({describe_exit(status)})" if status is not None else ""
        return failed_start(what + ending, last_lines(self.console), str(self.console))
