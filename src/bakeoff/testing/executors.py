"""The contract of executors: what every executor keeps to, ours and those of plug-ins, as one call in a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import JobSpec
from bakeoff.running.console import CAP_BYTES
from bakeoff.running.executors import Ended, Executor, Handle

PATIENCE_SECONDS = 120.0
SIGKILL, SIGSEGV = -9, -11


def check_executor(make: Callable[[], Executor], folder: Path) -> None:
    """Check every point of the contract (see `bakeoff.running.executors.Executor`) with jobs of the kind `stub`.

    Args:
        make: makes an executor; it is closed here.
        folder: an empty folder for the jobs.

    Raises:
        AssertionError: with the point that does not hold.
    """
    with make() as executor:
        trial = _Trial(executor, folder)
        trial.several_at_a_time()
        trial.a_crash_harms_no_other()
        trial.asking_and_killing()
        trial.noise()
        trial.descriptors()
        left = trial.start("left", do="hang")
    assert not _is_alive(left.pid), "a job outlived its executor"


class _Trial:
    """One executor on trial.

    Args:
        executor: the executor.
        folder: where its jobs' folders go.
    """

    def __init__(self, executor: Executor, folder: Path) -> None:
        self._executor = executor
        self._folder = folder

    def start(self, name: str, **stub: object) -> Handle:
        folder = AttemptFolder(self._folder / f"attempt of {name}")
        handle = self._executor.start(folder, JobSpec(kind="stub", id=f"job {name}", stub=dict(stub)))
        assert JobSpec.read(folder.job).id == f"job {name}", "job.json does not stand when the process does"
        assert handle.folder == folder
        return handle

    def wait(self, count: int) -> dict[Handle, Ended]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        found: dict[Handle, Ended] = {}
        while len(found) < count:
            for ended in self._executor.poll(0.1):
                assert ended.handle not in found, "an end was told twice"
                assert not _is_alive(ended.handle.pid), "an end was told of a process that lives"
                found[ended.handle] = ended
            assert time.monotonic() < deadline, f"{count - len(found)} ends were not told"
        assert self._executor.poll(0.0) == [], "an end was told twice"
        return found

    def several_at_a_time(self) -> None:
        handles = [self.start(f"several {number}", do="ok", seconds=0.2) for number in range(3)]
        ended = self.wait(3)
        assert ended == {handle: Ended(handle, 0) for handle in handles}
        for handle in handles:
            assert Outcome.read(handle.folder.outcome).state is State.COMPLETE
            assert handle.folder.console.is_file(), "the console log does not stand when the end is told"

    def a_crash_harms_no_other(self) -> None:
        crash, other = self.start("crash", do="segfault"), self.start("beside it", do="ok", seconds=0.3)
        ended = self.wait(2)
        assert (ended[crash].exit, ended[other].exit) == (SIGSEGV, 0)
        assert not crash.folder.outcome.exists()

    def asking_and_killing(self) -> None:
        polite, deaf, other = (
            self.start("polite", do="ok", seconds=600),
            self.start("deaf", do="hang"),
            self.start("one", do="ok"),
        )
        self.wait(1)
        self._executor.ask(other)  # it has ended: nobody is harmed
        time.sleep(0.5)
        self._executor.ask(polite)
        assert set(self.wait(1)) == {polite}
        self._executor.kill(deaf)
        assert self.wait(1)[deaf].exit == SIGKILL

    def noise(self) -> None:
        handle = self.start("noise", do="noise", lines=200_000)
        self.wait(1)
        assert handle.folder.console.stat().st_size <= CAP_BYTES * 1.01, "a console log has more than 10 MB"
        assert handle.folder.console.read_bytes().endswith(b"\n")

    def descriptors(self) -> None:
        me, counts = psutil.Process(), []
        for number in range(4):
            self.start(f"descriptors {number}", do="ok")
            self.wait(1)
            counts.append((me.num_fds(), threading.active_count()))
        assert counts[1] == counts[3], f"descriptors and threads do not stay flat: {counts}"


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
