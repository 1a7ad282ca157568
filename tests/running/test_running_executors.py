"""Every executor keeps the guarantees of `Executor`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from bakeoff.errors import JobError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import JobSpec
from bakeoff.running import console
from bakeoff.running.console import CAP_BYTES
from bakeoff.running.executors import Ended, Executor, Handle, InlineExecutor
from bakeoff.running.interrupts import Interrupted
from bakeoff.running.local import LocalExecutor
from bakeoff.testing.executors import check_executor
from waiting import PATIENCE_SECONDS, lives, until


@pytest.fixture(params=["inline", "local"])
def executor(request: pytest.FixtureRequest, worker: tuple[str, ...], hostile_path: Path) -> Iterator[Executor]:
    if request.param == "inline":
        made: Executor = InlineExecutor(worker, echo=False)
    else:
        made = LocalExecutor(["bert"], hostile_path / "warm.log", worker)
    with made:
        yield made


@pytest.fixture
def start(executor: Executor, hostile_path: Path) -> Callable[[str], Handle]:
    def begin(do: str, number: int = 1) -> Handle:
        folder = AttemptFolder(hostile_path / f"attempt {do} {number}")
        return executor.start(folder, JobSpec(kind="stub", id=f"job-{do}-{number}", stub={"do": do}))

    return begin


def test_a_parent_that_dies_under_several_jobs_loses_them_all_and_tells_each(worker: tuple[str, ...], tmp_path: Path) -> None:
    with LocalExecutor(["bert"], tmp_path / "warm.log", worker) as executor:
        jobs = {executor.start(AttemptFolder(tmp_path / n), JobSpec(kind="stub", id=n, stub={"do": "hang"})) for n in "ab"}
        os.kill(executor.parent.pid, 9)
        third = executor.start(AttemptFolder(tmp_path / "c"), JobSpec(kind="stub", id="c", stub={"do": "ok"}))
        ended: list[Ended] = []
        while len(ended) < 3:
            ended += executor.poll(0.1)
        assert {end.handle: end.exit for end in ended} == {**dict.fromkeys(jobs), third: 0}


@pytest.mark.parametrize("kind", ["inline", "local"])
def test_the_contract_of_executors(kind: str, worker: tuple[str, ...], hostile_path: Path) -> None:
    def make() -> Executor:
        return InlineExecutor(worker, echo=False) if kind == "inline" else LocalExecutor([], hostile_path / "warm.log", worker)

    check_executor(make, hostile_path)


def test_the_contract_notices_an_end_that_is_told_twice(worker: tuple[str, ...], tmp_path: Path) -> None:
    class Forgetful(InlineExecutor):
        told: ClassVar[list[Ended]] = []

        def poll(self, seconds: float) -> list[Ended]:
            self.told.extend(super().poll(seconds))
            return list(self.told)

    with pytest.raises(AssertionError, match="told twice"):
        check_executor(lambda: Forgetful(worker, echo=False), tmp_path)


def wait(executor: Executor) -> Ended:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if ended := executor.poll(0.1):
            assert len(ended) == 1
            return ended[0]
    raise AssertionError("no end was told")


def test_tells_an_end_once_with_outcome_and_console(executor: Executor, start: Callable[[str], Handle]) -> None:
    handle = start("ok")
    ended = wait(executor)
    assert ended == Ended(handle, 0)
    assert Outcome.read(handle.folder.outcome).state is State.COMPLETE
    assert handle.folder.console.read_text() == "doing ok\n"
    assert executor.poll(0.0) == []


@pytest.mark.parametrize(("do", "status"), [("segfault", -11), ("exit", 3), ("silent", 0)])
def test_a_crash_is_told_and_the_next_job_runs(executor: Executor, start: Callable[..., Handle], do: str, status: int) -> None:
    start(do)
    assert wait(executor).exit == status
    start("ok")
    assert wait(executor).exit == 0


@pytest.mark.parametrize("do", ["hang", "deaf", "spawn"])
def test_asking_and_killing_end_the_whole_tree(executor: Executor, start: Callable[[str], Handle], do: str) -> None:
    handle = start(do)
    word = {"spawn": "grandchild", "deaf": "hears nothing now", "hang": "doing hang"}[do]
    until(lambda: handle.folder.console.is_file() and word in handle.folder.console.read_text())
    tree = [handle.pid, *(child.pid for child in psutil.Process(handle.pid).children(recursive=True))]
    executor.ask(handle)
    if do == "deaf":
        assert executor.poll(0.3) == []
        executor.kill(handle)
    assert wait(executor) == Ended(handle, -9 if do == "deaf" else -15)
    assert [pid for pid in tree if lives(pid)] == []
    assert executor.poll(0.0) == []


def test_noise_is_capped_and_its_end_kept(executor: Executor, start: Callable[[str], Handle]) -> None:
    handle = start("noise")
    wait(executor)
    log = handle.folder.console.read_bytes()
    assert len(log) < CAP_BYTES * 1.01
    assert log.startswith(b"doing noise\n")
    assert log.endswith(b"the last line\n")
    assert b"bytes left out here" in log


def test_without_proc_a_named_pipe_does_the_same(
    start: Callable[[str], Handle], executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "DESCRIPTORS", tmp_path / "no proc")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    handle = start("ok")
    assert len(list(tmp_path.glob("bakeoff-*/console"))) == 1
    wait(executor)
    assert handle.folder.console.read_text() == "doing ok\n"
    assert list(tmp_path.glob("bakeoff-*")) == []


def test_close_ends_what_runs(executor: Executor, start: Callable[[str], Handle]) -> None:
    handle = start("hang")
    executor.close()
    assert not lives(handle.pid)


def test_descriptors_and_threads_stay_flat(executor: Executor, start: Callable[..., Handle]) -> None:
    me = psutil.Process()
    counts = []
    for number in range(4):
        start("ok", number)
        wait(executor)
        counts.append((me.num_fds(), threading.active_count()))
    assert counts[1] == counts[3]


def test_a_failing_preload_shows_its_last_lines(worker: tuple[str, ...], tmp_path: Path) -> None:
    with LocalExecutor(["broken"], tmp_path / "warm.log", worker) as executor:
        with pytest.raises(JobError, match="could not import") as caught:
            executor.start(AttemptFolder(tmp_path / "a"), JobSpec(kind="stub", id="j"))
        assert "cannot import name 'broken'" in str(caught.value)
        assert str(tmp_path / "warm.log") in str(caught.value)


def test_waiting_for_the_preload_can_be_given_up(worker: tuple[str, ...], tmp_path: Path) -> None:
    with (
        LocalExecutor(["slow"], tmp_path / "warm.log", worker, give_up=lambda: True) as executor,
        pytest.raises(Interrupted),
    ):
        executor.start(AttemptFolder(tmp_path / "a"), JobSpec(kind="stub", id="j"))


def test_a_worker_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    command = ("/bin/sh", "-c", "echo nothing works >&2; exit 7", "sh")
    with LocalExecutor([], tmp_path / "warm.log", command) as executor:
        with pytest.raises(JobError, match=r"exit code 7") as caught:
            executor.start(AttemptFolder(tmp_path / "a"), JobSpec(kind="stub", id="j"))
        assert "nothing works" in str(caught.value)


def test_a_dead_parent_is_replaced(worker: tuple[str, ...], tmp_path: Path) -> None:
    with LocalExecutor(["bert"], tmp_path / "warm.log", worker) as executor:
        handle = executor.start(AttemptFolder(tmp_path / "a"), JobSpec(kind="stub", id="a", stub={"do": "hang"}))
        os.kill(psutil.Process(handle.pid).ppid(), 9)
        assert wait(executor) == Ended(handle, None)
        assert not lives(handle.pid)
        second = executor.start(AttemptFolder(tmp_path / "b"), JobSpec(kind="stub", id="b", stub={"do": "ok"}))
        assert wait(executor) == Ended(second, 0)
        os.kill(executor.parent.pid, 9)  # while it is idle: the next job does not notice
        third = executor.start(AttemptFolder(tmp_path / "c"), JobSpec(kind="stub", id="c", stub={"do": "ok"}))
        assert wait(executor) == Ended(third, 0)
