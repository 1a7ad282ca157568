"""The warm parent: imports once what every trial imports, then forks a ready child for each request.

It computes no tensor and touches no device: a parent that did would hand its children locked thread pools. Requests and
answers are JSON lines on standard input and output; when standard input closes, it ends its children and itself, so that a
killed runner leaves nothing behind.

Forking a process of this size takes as long as all else of a start. So one child more is forked ahead, which waits for its job.

    out  {"ready": true, "pid": P, "modules": N}        or {"ready": false, "error": "…"} and exit status 1
    in   {"fork": {"id": "…", "folder": "…", "console": "…", "environment": {"K": "V"}}}
    out  {"forked": {"id": "…", "pid": P}}
    out  {"ended": {"id": "…", "pid": P, "exit": 0}}     a negative exit is a signal's number
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import JobError, MissingPackageError
from bakeoff.records.specs import METHOD_PREFIX
from bakeoff.worker.lineage import die_with_parent

ALWAYS = (
    "encodings.utf_32_le",  # near duplicates are hashed sign by sign
    "torch",
    "torch._dynamo",  # the first optimizer step asks for it
    "torch.nn.functional",
    "torch.utils.checkpoint",
    "transformers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "accelerate",
    "safetensors.torch",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "bakeoff.losses.inspection",
    "bakeoff.training.convert",
    "bakeoff.training.full",
    "bakeoff.training.tfidf",
    "bakeoff.metrics.multilabel",
    "bakeoff.metrics.single",
    "bakeoff.tasks.tokens",
    "bakeoff.tasks.tokenizer",
    "bakeoff.worker.run",
    "bakeoff.worker.stub",
)


def preload(families: list[str]) -> None:
    """Import what the children will need.

    Args:
        families: architectures, such as `bert`, and methods, such as `method:lora`.

    Raises:
        JobError: if importing started a thread, which a fork would not survive.
    """
    from bakeoff.worker.families import modules_of

    for name in (*ALWAYS, *(module for family in families for module in modules_of(family))):
        importlib.import_module(name)
    _touch_lazy_parts([family for family in families if not family.startswith(METHOD_PREFIX)])
    tasks = Path("/proc/self/task")
    if tasks.is_dir() and (threads := len(list(tasks.iterdir()))) > 1:
        raise JobError(
            f"importing started {threads - 1} threads, which a fork would lose", "warm parent", "set OPENBLAS_NUM_THREADS=1"
        )


def _touch_lazy_parts(families: list[str]) -> None:
    """Import what libraries import at first use, without computing anything."""
    from bakeoff.catalog import registry
    from bakeoff.records.environment import package_versions
    from bakeoff.worker.families import LAZY, exists, touch_tokenizer

    for name in filter(exists, LAZY):
        importlib.import_module(name)
    for family in families:
        touch_tokenizer(family)
    package_versions()  # the children find it remembered
    for kind in ("loss", "method", "metric", "task"):
        for card in registry.cards(kind).values():
            try:
                card.load()
            except MissingPackageError as error:  # a plug-in that no trial may need; the trial that does will say so
                sys.stderr.write(f"{error}\n")


@dataclass(frozen=True)
class Spare:
    """A child that was forked ahead, and waits for its request.

    Attributes:
        pid: its process id.
        sink: descriptor that takes the request; closed without one, the child ends.
    """

    pid: int
    sink: int


class Parent:
    """The children under way and the two ends of the conversation."""

    def __init__(self) -> None:
        self.children: dict[int, str] = {}
        self.spare: Spare | None = None
        # the protocol keeps the real standard output; whatever else prints goes to standard error
        self.out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        os.dup2(2, 1)
        self.wake, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def say(self, **message: Any) -> None:
        """Answer.

        Args:
            **message: one key and what belongs to it.
        """
        self.out.write(json.dumps(message) + "\n")

    def fork(self, request: dict[str, Any]) -> None:
        """Fork a child that runs a job.

        Args:
            request: `id`, `folder`, `console`, `environment`.
        """
        while self.spare is None or not self._hand(self.spare, request):
            self.fork_ahead()
        self.children[self.spare.pid] = request["id"]
        self.say(forked={"id": request["id"], "pid": self.spare.pid})
        with contextlib.suppress(OSError):  # too many processes, or too little memory, now: the next request tries again
            self.fork_ahead()

    def fork_ahead(self) -> None:
        """Fork the child of the next request."""
        gc.freeze()  # the children share the parent's pages for longer
        self.spare = None
        source, sink = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(source)
            os.close(sink)
            raise
        if pid == 0:
            os.close(sink)
            self._be_child(source, parent)
        os.close(source)
        self.spare = Spare(pid, sink)

    @staticmethod
    def _hand(spare: Spare, request: dict[str, Any]) -> bool:
        """Give the waiting child its request; False if it has died."""
        try:
            with os.fdopen(spare.sink, "wb") as stream:
                stream.write(json.dumps(request).encode())
        except BrokenPipeError:
            return False
        return True

    def _be_child(self, source: int, parent: int) -> None:
        """Never returns."""
        status = 1
        try:
            os.setsid()
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (self.wake, self._wake_writer, self.out.fileno()):
                os.close(descriptor)
            with os.fdopen(source, "rb") as stream:
                asked = stream.read()
            if not asked:  # the parent has ended
                os._exit(0)
            request = json.loads(asked)
            os.environ.update(request.get("environment", {}))
            console = os.open(request["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for opened, standard in ((nothing, 0), (console, 1), (console, 2)):
                os.dup2(opened, standard)
            from bakeoff.worker.run import run_job

            status = run_job(Path(request["folder"]))
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)  # no handlers of the parent run in the child

    def reap(self) -> None:
        """Report the children that ended."""
        while self.children or self.spare:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.spare is not None and pid == self.spare.pid:
                os.close(self.spare.sink)
                self.spare = None
            elif pid in self.children:
                self.say(ended={"id": self.children.pop(pid), "pid": pid, "exit": os.waitstatus_to_exitcode(status)})

    def end(self) -> None:
        """Kill the sessions of all children."""
        for pid in (*self.children, *([self.spare.pid] if self.spare else ())):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.children.clear()


def _watch(parent: Parent) -> None:
    """Fork and reap until standard input closes."""
    rest = b""
    while True:
        readable, _, _ = select.select([0, parent.wake], [], [])
        if parent.wake in readable:
            os.read(parent.wake, 4096)
            parent.reap()
        if 0 in readable:
            block = os.read(0, 65536)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if line.strip():
                    parent.fork(json.loads(line)["fork"])


def serve(families: list[str]) -> int:
    """Be the warm parent.

    Args:
        families: architectures to import.

    Returns:
        0 when standard input closed, 1 if the preload failed.
    """
    parent = Parent()
    # the runner decides who is interrupted: a Ctrl-C at the terminal must not end the parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        preload(families)
    except Exception as error:
        import traceback

        traceback.print_exc()
        parent.say(ready=False, error=f"{type(error).__name__}: {error}")
        return 1
    parent.say(ready=True, pid=os.getpid(), modules=len(sys.modules))
    parent.fork_ahead()
    try:
        _watch(parent)
    finally:
        parent.end()
    return 0
