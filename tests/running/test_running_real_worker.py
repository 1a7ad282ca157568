"""The runner's side and the worker's side of the protocol fit together: one warm parent with torch, jobs without training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import JobSpec
from bakeoff.running.executors import Ended, Executor, Handle
from bakeoff.running.local import LocalExecutor
from waiting import until


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    folder = tmp_path_factory.mktemp("a 'warm' parent; $(true)")
    with LocalExecutor(["bert"], folder / "warm.log") as made:
        yield made


def start(executor: Executor, root: Path, **stub: object) -> Handle:
    folder = AttemptFolder(root / f"attempt of {stub['do']}")
    folder.root.mkdir()
    return executor.start(folder, JobSpec(kind="stub", id=f"job {stub['do']}", stub=dict(stub)))


def listens(handle: Handle) -> None:
    """Wait until a job's process has begun: from then on it catches signals."""
    until(lambda: handle.folder.log.exists() and handle.folder.log.read_bytes())


def wait(executor: Executor) -> Ended:
    while not (ended := executor.poll(1.0)):
        continue
    return ended[0]


@pytest.mark.parametrize(
    ("do", "status", "state"),
    [
        ("ok", 0, State.COMPLETE),
        ("fail", 0, State.FAILED),
        ("segfault", -11, None),
        ("exit", 0, None),
        ("noise", 0, State.COMPLETE),
    ],
)
def test_each_end_is_told(executor: Executor, hostile_path: Path, do: str, status: int, state: State | None) -> None:
    handle = start(executor, hostile_path, do=do)
    assert wait(executor) == Ended(handle, status)
    assert handle.folder.outcome.exists() == (state is not None)
    if state is not None:
        outcome = Outcome.read(handle.folder.outcome)
        assert outcome.state is state
        assert outcome.imported == []
    assert ("noise" in handle.folder.console.read_text()) == (do == "noise")


def test_a_child_that_ignores_the_signal_is_killed(executor: Executor, hostile_path: Path) -> None:
    handle = start(executor, hostile_path, do="hang")
    listens(handle)
    executor.ask(handle)
    assert executor.poll(0.2) == []
    executor.kill(handle)
    assert wait(executor) == Ended(handle, -9)


def test_a_child_that_is_asked_stops_by_itself(executor: Executor, hostile_path: Path) -> None:
    handle = start(executor, hostile_path, do="ok", seconds=600)
    listens(handle)
    executor.ask(handle)
    assert wait(executor) == Ended(handle, 0)
    assert Outcome.read(handle.folder.outcome).state is State.PREEMPTED
