"""A stub that makes steps keeps checkpoints as a training does, without torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, Result, State
from bakeoff.records.specs import JobSpec
from bakeoff.training.progress import Preempted, Progress
from bakeoff.worker.stub import run_stub
from tiny import make_dataset, tfidf_trial

STEPS = 7


class Killed(BaseException):
    """The process is gone."""


MakeJob = Callable[..., JobSpec]


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    trial = tfidf_trial(make_dataset(tmp_path / "home"))

    def make(resume: list[AttemptFolder] | None = None, steps: int = STEPS, seconds: float = 0.0) -> JobSpec:
        return JobSpec(
            kind="stub",
            id=trial.id,
            trial=trial,
            resume=[str(folder.root) for folder in resume or []],
            checkpoint_steps=2,
            stub={"steps": steps, "step_seconds": seconds},
        )

    return make


def attempt(root: Path, job: JobSpec, stop: int | None = None, kill: int | None = None) -> AttemptFolder:
    """Run a stub in this process; it is asked to stop, or is killed, while it makes a step."""
    folder = AttemptFolder(root)
    root.mkdir()
    progress, made = Progress(folder.log), iter(range(1, 100))

    def sleep(_: float) -> None:
        number = next(made)
        if number == kill:
            raise Killed
        progress.stop_asked = number == stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.worker.stub.time.sleep", sleep)
        try:
            run_stub(job, folder, progress)
        finally:
            progress.close()
    return folder


def steps(folder: AttemptFolder) -> list[int]:
    return [json.loads(line)["step"] for line in (folder.root / "steps.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("at", range(1, STEPS))
def test_a_stop_loses_no_step_and_a_kill_at_most_the_interval(tmp_path: Path, make_job: MakeJob, at: int) -> None:
    whole = attempt(tmp_path / "0", make_job())
    with pytest.raises(Preempted):
        attempt(tmp_path / "1", make_job(), stop=at)
    stopped = AttemptFolder(tmp_path / "1")
    with pytest.raises(Killed):
        attempt(tmp_path / "2", make_job([stopped]), kill=STEPS - at)
    killed = AttemptFolder(tmp_path / "2")
    last = attempt(tmp_path / "3", make_job([killed, stopped]))
    made = [steps(folder) for folder in (stopped, killed, last)]
    assert made[0] == list(range(1, at + 1))
    assert sorted({step for part in made for step in part}) == list(range(1, STEPS + 1))
    assert sum(map(len, made)) - STEPS <= 2
    result = (last.product / "result.json").read_bytes()
    assert result == (whole.product / "result.json").read_bytes()
    assert Result.read(last.product / "result.json").training["steps"] == STEPS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_leaves_a_checkpoint_and_an_outcome_and_a_second_one_ends_it_at_once(
    tmp_path: Path, make_job: MakeJob, number: signal.Signals
) -> None:
    for seconds, signals, code in ((0.05, 1, 0), (600.0, 2, 128 + number)):
        folder = AttemptFolder(tmp_path / f"{signals}")
        make_job(steps=100_000, seconds=seconds).write(folder.job)
        child = subprocess.Popen([sys.executable, "-m", "bakeoff.worker", "job", str(folder.root)])
        while not (folder.root / "steps.jsonl").exists():
            time.sleep(0.01)
        for _ in range(signals):
            os.kill(child.pid, number)
            time.sleep(0.3)
        assert child.wait(60) == code
        assert folder.outcome.exists() == (code == 0)
    stopped = AttemptFolder(tmp_path / "1")
    assert Outcome.read(stopped.outcome).state is State.PREEMPTED
    assert list(stopped.checkpoints.glob("step-*"))
