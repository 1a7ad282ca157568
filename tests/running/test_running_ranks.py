"""Trials of two real processes under the real runner: a lost one is ended in time, and the other device goes on alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bakeoff.data.dataset import Dataset
from bakeoff.errors import RunError
from bakeoff.records.paths import AttemptFolder, Home, RunFolder
from bakeoff.records.results import Circumstances, Outcome, Outputs, State, read_complete
from bakeoff.records.specs import JobSpec, Plan, TrialSpec
from bakeoff.running.events import Event, Progress, TrialBegan
from bakeoff.running.plan_run import Materials, RunOrder
from bakeoff.running.ranks import VISIBLE, collective_fault, rank_environment, rank_jobs, rank_outcome, visible_devices
from bakeoff.running.runner import run_study
from bakeoff.running.watching import Cause, Limits
from bakeoff.testing.models import make_tiny_model
from tiny import full_trial, make_dataset

CHECKPOINT_STEPS, STRIKE_AFTER = 3, 6
LOST = Outcome(state=State.FAILED, reason="another process of the trial has gone", facts={"collective": True})


@dataclass
class Saboteur:
    """Sends signals to processes of the first attempt after some steps, each in turn to all victims."""

    run: RunFolder
    victims: tuple[int, ...]
    numbers: tuple[signal.Signals, ...]
    attempts: list[int] = field(default_factory=list)
    struck: bool = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialBegan):
            self.attempts.append(event.attempt)
        if isinstance(event, Progress) and event.record["event"] == "validation" and not self.struck:
            if event.record["step"] < STRIKE_AFTER:
                return
            self.struck = True
            attempt = self.run.trial(event.trial).attempt(1)
            processes = [writer_of(attempt.rank(victim).root) for victim in self.victims]
            for number in self.numbers:
                for process in processes:
                    os.kill(process, number)


def writer_of(folder: Path) -> int:
    """The process that has a log of a folder open."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(Path(file.path).parent == folder for file in process.open_files()):
                return int(process.pid)
    raise AssertionError(f"nobody writes into {folder}")


def is_stopped(process: psutil.Process) -> bool:
    """Whether a process stands still; one that is gone does not."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"), {"train": 64, "validation": 21, "test": 10})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "bert", "bert", dropout=0.0)


def make_trial(dataset: Dataset, devices: int, **changes: Any) -> TrialSpec:
    settings = {"epochs": 20, "evaluations_per_epoch": 2, "batch_size": 16, "micro_batch_size": 4, **changes}
    trial = full_trial(dataset, learning_rate=2e-4, head_learning_rate=2e-3, **settings)
    return trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"devices": devices})})


def make_order(root: Path, dataset: Dataset, model: Path, *trials: TrialSpec, **limits: Any) -> RunOrder:
    return RunOrder(
        run=RunFolder(root / "runs" / "s-default"),
        home=Home(root / "home"),
        plan=Plan(study="s", trials=list(trials)),
        study_yaml="name: s\n",
        materials=Materials({dataset.fingerprint: dataset.folder}, {"0" * 64: model}),
        limits=Limits(**{"grace": 2.0, "collective": 120.0, **limits}),
    )


def outputs_of(run: RunFolder, trial: TrialSpec) -> list[np.ndarray]:
    folder = run.trial(trial.id)
    assert read_complete(folder, trial.definition_hash) is not None
    return [Outputs.read(path).outputs for path in (folder.validation, folder.test)]


def resumed_at(attempt: AttemptFolder) -> int:
    """The step of the checkpoint that an attempt went on from; 0 if it began anew."""
    records = [json.loads(line) for line in attempt.log.read_text().splitlines()]
    return next((int(record["step"]) for record in records if record["event"] == "resume"), 0)


@pytest.mark.parametrize(("victim", "number"), [(1, signal.SIGSTOP), (0, signal.SIGKILL)])
def test_a_trial_that_loses_a_process_goes_on_with_one_device(
    hostile_path: Path, dataset: Dataset, model: Path, victim: int, number: signal.Signals
) -> None:
    two, one = make_trial(dataset, 2), make_trial(dataset, 1)
    # one that has died is noticed at once; for one that stands still there is nothing but the limit, and a busy machine may
    # hold up one of two that are well for some seconds
    collective = 15.0 if number is signal.SIGSTOP else 120.0
    limits = {"retries": 0, "checkpoint_steps": CHECKPOINT_STEPS, "collective": collective}
    order = make_order(hostile_path, dataset, model, two, one, **limits)
    saboteur = Saboteur(order.run, (victim,), (number,))
    summary = run_study(order, saboteur)
    assert summary.states == {two.id: State.COMPLETE, one.id: State.COMPLETE}
    assert saboteur.struck
    assert saboteur.attempts == [1, 2, 1]
    folder = order.run.trial(two.id)
    assert JobSpec.read(folder.attempt(1).job).ranks == 2
    assert JobSpec.read(folder.attempt(2).job).ranks == 1
    assert resumed_at(folder.attempt(2)) > 0
    (deviation,) = Circumstances.read(folder.circumstances).deviations
    assert deviation.startswith("one device in place of 2: another process of the trial ")
    assert ("did not answer" in deviation) == (number == signal.SIGSTOP)
    # the same effective batch, whoever made it
    for found, expected in zip(outputs_of(order.run, two), outputs_of(order.run, one), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert not [child for child in psutil.Process().children(recursive=True) if is_stopped(child)]


def test_when_all_processes_are_killed_the_same_number_goes_on_to_the_same_bytes(
    hostile_path: Path, dataset: Dataset, model: Path
) -> None:
    trial = make_trial(dataset, 2, dropout=0.1)
    undisturbed = make_order(hostile_path / "undisturbed", dataset, model, trial)
    disturbed = make_order(hostile_path / "disturbed", dataset, model, trial, retries=1, checkpoint_steps=CHECKPOINT_STEPS)
    assert run_study(undisturbed).states == {trial.id: State.COMPLETE}
    # stopped first, so that none of them sees the other die
    saboteur = Saboteur(disturbed.run, (0, 1), (signal.SIGSTOP, signal.SIGKILL))
    assert run_study(disturbed, saboteur).states == {trial.id: State.COMPLETE}
    assert saboteur.attempts == [1, 2]
    expected, found = undisturbed.run.trial(trial.id), disturbed.run.trial(trial.id)
    assert JobSpec.read(found.attempt(2).job).ranks == 2
    assert resumed_at(found.attempt(2)) > 0
    assert Circumstances.read(found.circumstances).deviations == []
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (found.root / name).read_bytes() == (expected.root / name).read_bytes()


def test_a_single_process_gets_its_job_as_it_is(tmp_path: Path) -> None:
    job, attempt = JobSpec(kind="train", id="t"), AttemptFolder(tmp_path)
    assert rank_jobs(job, attempt, 1, 5.0) == [(attempt, job)]


def test_each_process_has_a_folder_a_name_and_a_number(tmp_path: Path) -> None:
    job, attempt = JobSpec(kind="train", id="t"), AttemptFolder(tmp_path)
    made = rank_jobs(job, attempt, 3, 5.0)
    assert [folder.root for folder, _ in made] == [tmp_path, tmp_path / "rank-1", tmp_path / "rank-2"]
    assert [one.id for _, one in made] == ["t", "t.rank-1", "t.rank-2"]
    assert [(one.rank, one.ranks, one.collective_seconds) for _, one in made] == [(0, 3, 5.0), (1, 3, 5.0), (2, 3, 5.0)]
    assert {one.rendezvous for _, one in made} == {str(tmp_path / "rendezvous")}


def test_each_process_sees_a_device_of_its_own() -> None:
    assert [rank_environment(rank, 2, ["3", "5"]) for rank in range(2)] == [{VISIBLE: "3"}, {VISIBLE: "5"}]
    assert rank_environment(1, 2, []) == {}
    assert rank_environment(0, 1, ["3", "5"]) == {}
    with pytest.raises(RunError, match="asks for 2 devices, and 1 can be seen"):
        rank_environment(0, 2, ["3"])


def test_devices_are_those_that_cuda_may_use(tmp_path: Path) -> None:
    assert visible_devices({}, tmp_path) == []
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_devices({}, tmp_path) == ["0", "2", "10"]
    assert visible_devices({VISIBLE: "7, 3"}, tmp_path) == ["7", "3"]
    assert visible_devices({VISIBLE: ""}, tmp_path) == []
    assert visible_devices({VISIBLE: "-1"}, tmp_path) == []


@pytest.mark.parametrize(
    ("outcomes", "exits", "cause", "why"),
    [
        ([LOST, None], [0, -9], Cause.ITSELF, LOST.reason),
        ([None, LOST], [-9, 0], Cause.ITSELF, LOST.reason),
        ([LOST, Outcome(state=State.OOM, reason="out of memory")], [0, 0], Cause.ITSELF, ""),
        ([LOST, Outcome(state=State.FAILED, reason="a file is missing")], [0, 0], Cause.ITSELF, ""),
        ([Outcome(state=State.COMPLETE), None], [0, -11], Cause.ITSELF, ""),
        ([None, None], [-9, -9], Cause.ITSELF, ""),
        ([None, None], [None, None], Cause.ITSELF, ""),
        ([None, None], [-6, -9], Cause.ITSELF, "process 0 ended without a word (killed by signal 6 (SIGABRT))"),
        ([None, None], [-9, -9], Cause.STALL, "none of its processes went on"),
        ([Outcome(state=State.PREEMPTED), LOST], [0, 0], Cause.STALL, "none of its processes went on"),
        ([LOST, None], [0, -9], Cause.INTERRUPT, ""),
        ([LOST, None], [0, -9], Cause.TIME, ""),
        ([LOST], [0], Cause.ITSELF, ""),
    ],
)
def test_what_it_means_when_they_lose_one_another(
    tmp_path: Path, outcomes: list[Outcome | None], exits: list[int | None], cause: Cause, why: str
) -> None:
    attempt = AttemptFolder(tmp_path)
    for rank, outcome in enumerate(outcomes):
        attempt.rank(rank).root.mkdir(exist_ok=True)
        if outcome is not None:
            outcome.write(attempt.rank(rank).outcome)
    assert collective_fault(attempt, exits, cause) == why
    word = rank_outcome(attempt, len(exits))
    if any(outcome is not None and outcome.state is State.OOM for outcome in outcomes):
        assert word is not None
        assert word.state is State.OOM


@pytest.mark.parametrize("victim", [0, 1])
def test_one_that_did_not_notice_the_death_of_another_is_no_sign_that_all_were_killed(tmp_path: Path, victim: int) -> None:
    attempt = AttemptFolder(tmp_path)
    why = collective_fault(attempt, [-9, -9], Cause.ITSELF, [1 - victim])
    assert why == "another process of the trial ended without a word (killed by signal 9 (SIGKILL)), and nobody noticed"
    assert collective_fault(attempt, [-9, -9], Cause.INTERRUPT, [1 - victim]) == ""
