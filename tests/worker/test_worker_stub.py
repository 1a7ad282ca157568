"""A stub that makes steps keeps checkpoints as a training does, without torch."""

from __future__ import annotations

import contextlib
import json
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
from waiting import PATIENCE_SECONDS, lives, until

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


def child_of(job: JobSpec, folder: AttemptFolder) -> subprocess.Popen[bytes]:
    job.write(folder.job)
    child = subprocess.Popen([sys.executable, "-m", "bakeoff.worker", "job", str(folder.root)])
    until((folder.root / "steps.jsonl").exists)
    return child


STARTER = """
import sys
from pathlib import Path
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.running.executors import InlineExecutor
folder = AttemptFolder(Path(sys.argv[1]))
with InlineExecutor(echo=False) as executor:
    print(executor.start(folder, JobSpec.read(folder.job)).pid, flush=True)
    executor.poll(3600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
@pytest.mark.parametrize("begun", [False, True])
def test_a_job_dies_with_the_process_that_started_it(tmp_path: Path, make_job: MakeJob, begun: bool) -> None:
    folder = AttemptFolder(tmp_path / "one")
    make_job(steps=100_000, seconds=0.05).write(folder.job)
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder.root)], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    child = int(starter.stdout.readline())
    if begun:
        until((folder.root / "steps.jsonl").exists)
    starter.kill()
    starter.communicate()
    # with a parent that is gone before the system was asked, the job ends by itself before it begins
    until(lambda: not lives(child))
    assert not folder.outcome.exists()


SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])


@SIGNALS
def test_one_signal_leaves_a_checkpoint_and_an_outcome(tmp_path: Path, make_job: MakeJob, number: signal.Signals) -> None:
    folder = AttemptFolder(tmp_path / "one")
    child = child_of(make_job(steps=100_000, seconds=0.05), folder)
    child.send_signal(number)
    assert child.wait(PATIENCE_SECONDS) == 0
    assert Outcome.read(folder.outcome).state is State.PREEMPTED
    assert list(folder.checkpoints.glob("step-*"))


@SIGNALS
def test_a_second_signal_ends_it_at_once(tmp_path: Path, make_job: MakeJob, number: signal.Signals) -> None:
    for attempt_number in range(20):
        folder = AttemptFolder(tmp_path / f"{attempt_number}")
        child = child_of(make_job(steps=100_000, seconds=600.0), folder)
        child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            # a first signal that comes before the step of ten minutes has begun is answered, as it should be: once more
            assert child.wait(1) == 0
            continue
        while child.poll() is None:  # two that come before the first is taken are one
            child.send_signal(number)
            time.sleep(0.1)
        assert child.returncode == 128 + number
        assert not folder.outcome.exists()
        return
    pytest.fail("no signal ever met a step under way")
