"""A job that answers on its standard output what it is asked on its standard input, a JSON object a line, in order."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from bakeoff.errors import BakeoffError, JobError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.console import last_lines
from bakeoff.running.ending import read_outcome
from bakeoff.running.processes import describe_exit, kill_tree
from bakeoff.running.warm import WORKER_COMMAND, worker_environment

CLOSE_SECONDS = 10.0


class Conversation:
    """A worker process that is spoken to. It ends when its input closes, so none outlives us.

    Args:
        folder: the job's folder; what the job needs beside `job.json` stands in it. It is removed when all went well.
        job: the job.
        worker: how the worker is started.

    Raises:
        JobError: if no process can be started.
    """

    def __init__(self, folder: AttemptFolder, job: JobSpec, worker: tuple[str, ...] = WORKER_COMMAND) -> None:
        self._folder = folder
        job.write(folder.job)
        with folder.console.open("ab") as console:
            self._process = subprocess.Popen(
                [*worker, "job", str(folder.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                env=worker_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is ours to answer
            )

    def hear(self) -> dict[str, Any]:
        """The next thing that it says.

        Returns:
            The object.

        Raises:
            JobError: if it ended, or says what is no JSON object.
        """
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._death()
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError) as error:
            raise JobError(f"the job said {line[:200]!r}, which is no message", str(self._folder.console)) from error

    def ask(self, messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Ask one thing after another, several ahead of the answers: as many as the pipe holds.

        Args:
            messages: read in a thread of its own, as the job takes them.

        Yields:
            An answer a message, in their order.

        Raises:
            BaseException: what reading the messages raised, once all before it were answered.
            JobError: if the job ended.
        """
        sender = _Sender(self._process, messages)
        for _ in sender.sent():
            yield self.hear()
        if sender.error is not None:
            raise sender.error

    def close(self) -> None:
        """Close its input, which ends it; kill it if it does not."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)
        slow = self._process.poll() is None
        if slow:
            kill_tree(self._process.pid)
            self._process.wait()
        self._process.stdout.close()
        if slow or self._process.returncode == 0:  # whoever is slow to end has answered all the same
            shutil.rmtree(self._folder.root, ignore_errors=True)

    def _death(self) -> BakeoffError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)
        outcome = read_outcome(self._folder)
        if outcome is not None and outcome.reason:
            return JobError(outcome.reason, outcome.where or str(self._folder.console), outcome.remedy)
        said = "".join(f"\n    {line}" for line in last_lines(self._folder.console))
        status = self._process.poll()
        how = describe_exit(status) if status is not None else "it closed its output"
        return JobError(f"the job ended before it answered: {how}{said}", str(self._folder.console))

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if kind is not None and self._process.poll() is None:
            kill_tree(self._process.pid)  # nobody waits for what it would still answer
        self.close()


class _Sender:
    """Writes messages in a thread of its own, so that reading answers never waits for it."""

    def __init__(self, process: subprocess.Popen[bytes], messages: Iterable[dict[str, Any]]) -> None:
        self.error: BaseException | None = None
        self._process, self._messages = process, messages
        self._sent: SimpleQueue[bool] = SimpleQueue()
        threading.Thread(target=self._send, name="sender", daemon=True).start()

    def _send(self) -> None:
        assert self._process.stdin
        try:
            for message in self._messages:
                line = json.dumps(message).encode() + b"\n"
                self._sent.put(True)  # before it is written: if the job has died, hearing it says why
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            # the job is gone, or its input was closed; what else a reader of messages raises is for the asker
            self.error = None if isinstance(error, BrokenPipeError) or self._process.stdin.closed else error
        except BaseException as error:
            self.error = error
        finally:
            self._sent.put(False)

    def sent(self) -> Iterator[None]:
        """Once for each message, as soon as it is on its way."""
        while self._sent.get():
            yield None
