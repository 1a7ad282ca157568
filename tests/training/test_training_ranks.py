"""Several processes for one trial: the same numbers as one process, the same end for all, and a lost one is noticed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import make_trainer, random_data, weights
from torch import Tensor

from bakeoff.data.dataset import Dataset
from bakeoff.errors import CollectiveError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, Outputs, Result, State
from bakeoff.records.specs import JobSpec
from bakeoff.running.executors import Executor, Handle
from bakeoff.running.local import LocalExecutor
from bakeoff.running.processes import kill_tree
from bakeoff.running.ranks import rank_jobs
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.testing.models import Family
from bakeoff.training import ranks as ranks_module
from bakeoff.training.health import Diverged
from bakeoff.training.progress import Progress
from bakeoff.training.ranks import ALONE, LAUNCHER_VARIABLES, OBSOLETE, Ranks, forget_launchers, join, obsolete_variables
from tiny import full_trial, make_dataset
from waiting import until

ModelOf = Callable[..., Path]
FAMILIES: tuple[Family, ...] = ("bert", "deberta-v2")
TRAIN_ROWS = 50  # three batches of 16, and one of 2, in which only one process has anything to do
TWO = Ranks(0, 2)
STANDSTILL_SECONDS = 12.0
"""How long one waits for another that was stopped: on a busy machine two that are well may be seconds apart."""


@dataclass
class Materials:
    """What a trial needs, for each family and dropout."""

    root: Path
    dataset: Dataset
    model_of: ModelOf
    executor: Executor
    started: list[Path] = field(default_factory=list)

    def job(self, family: Family = "bert", dropout: float = 0.0, **changes: object) -> JobSpec:
        settings = {"epochs": 2, "evaluations_per_epoch": 2, "batch_size": 16, "micro_batch_size": 4, **changes}
        trial = full_trial(self.dataset, family, learning_rate=2e-4, head_learning_rate=2e-3, **settings)
        model, tokens = self.model_of(family, dropout), self.root / f"tokens {family}"
        if not tokens.exists():
            build_store(self.dataset, load_tokenizer(model), 32, tokens)
        return JobSpec(
            kind="train", id=trial.id, trial=trial, dataset=str(self.dataset.folder), model=str(model), tokens=str(tokens)
        )

    def start(self, job: JobSpec, ranks: int, seconds: float = 120.0) -> list[Handle]:
        attempt = AttemptFolder(self.root / f"attempt; {len(self.started)}")
        self.started.append(attempt.root)
        handles = []
        for folder, part in rank_jobs(job, attempt, ranks, seconds):
            folder.root.mkdir()
            handles.append(self.executor.start(folder, part))
        return handles

    def wait(self, handles: list[Handle]) -> dict[Handle, int | None]:
        exits: dict[Handle, int | None] = {}
        while len(exits) < len(handles):
            exits |= {ended.handle: ended.exit for ended in self.executor.poll(0.02) if ended.handle in handles}
        return exits

    def run(self, job: JobSpec, ranks: int) -> AttemptFolder:
        handles = self.start(job, ranks)
        assert set(self.wait(handles).values()) == {0}
        for handle in handles:
            outcome = Outcome.read(handle.folder.outcome)
            assert (outcome.state, outcome.reason) == (State.COMPLETE, "")
            assert not [name for name in outcome.imported if name.split(".")[0] in ("torch", "accelerate", "transformers")]
        return handles[0].folder


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory, model_of: ModelOf) -> Iterator[Materials]:
    root = tmp_path_factory.mktemp("ranks; $(true)")
    dataset = make_dataset(root / "home", {"train": TRAIN_ROWS, "validation": 21, "test": 10})
    with LocalExecutor(list(FAMILIES), root / "warm.log") as executor:
        yield Materials(root, dataset, model_of, executor)


def product(attempt: AttemptFolder) -> tuple[Result, Outputs, Outputs]:
    folder = attempt.product
    return Result.read(folder / "result.json"), Outputs.read(folder / "validation.npz"), Outputs.read(folder / "test.npz")


def in_the_middle(handle: Handle) -> Callable[[], bool]:
    def begun() -> bool:
        assert not handle.folder.outcome.exists(), Outcome.read(handle.folder.outcome)
        return handle.folder.log.exists() and '"event":"validation"' in handle.folder.log.read_text()

    return begun


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_make_the_trial_of_one(materials: Materials, family: Family, dropout: float) -> None:
    job = materials.job(family, dropout)
    expected, expected_validation, expected_test = product(materials.run(job, 1))
    for ranks in (2, 3):
        found, validation, test = product(materials.run(job, ranks))
        np.testing.assert_allclose(validation.outputs, expected_validation.outputs, rtol=0, atol=1e-5)
        np.testing.assert_allclose(test.outputs, expected_test.outputs, rtol=0, atol=1e-5)
        assert found.validation == pytest.approx(expected.validation, abs=1e-5)
        for one, other in zip(expected.training["history"], found.training["history"], strict=True):
            assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
            assert other["validation"] == pytest.approx(one["validation"], abs=1e-5)
        for fact in ("steps", "examples", "tokens", "best_step", "parameters", "packed"):
            assert found.training[fact] == expected.training[fact]
        # it was trained: what is compared is not the head's start
        assert expected.training["steps"] == 8


def test_two_processes_leave_the_same_bytes_each_time(materials: Materials) -> None:
    job = materials.job(dropout=0.1)
    first, second = (materials.run(job, 2) for _ in range(2))
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (first.product / name).read_bytes() == (second.product / name).read_bytes()
    assert not first.rank(1).product.exists()
    assert first.rank(1).log.exists()


@pytest.mark.parametrize("evaluations", [1, 4])  # a stop in training, and one that is likely to meet an evaluation
@pytest.mark.parametrize("asked", [0, 1])
def test_a_stop_that_one_process_is_asked_for_stops_all(materials: Materials, asked: int, evaluations: int) -> None:
    handles = materials.start(materials.job(epochs=500, evaluations_per_epoch=evaluations), 2)
    until(in_the_middle(handles[0]))
    os.kill(handles[asked].pid, signal.SIGTERM)
    materials.wait(handles)
    assert [Outcome.read(handle.folder.outcome).state for handle in handles] == [State.PREEMPTED] * 2


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("victim", [0, 1])
def test_a_lost_process_is_noticed_by_the_other(materials: Materials, victim: int, number: signal.Signals) -> None:
    handles = materials.start(materials.job(epochs=500), 2, seconds=STANDSTILL_SECONDS if number is signal.SIGSTOP else 120.0)
    until(in_the_middle(handles[0]))
    os.kill(handles[victim].pid, number)
    other = handles[1 - victim]
    until(other.folder.outcome.exists)
    kill_tree(handles[victim].pid)
    assert materials.wait(handles)[handles[victim]] == -signal.SIGKILL
    outcome = Outcome.read(other.folder.outcome)
    assert (outcome.state, outcome.facts) == (State.FAILED, {"collective": True})
    assert ("did not answer" in outcome.reason) == (number == signal.SIGSTOP)


def test_a_process_whose_partner_never_comes_says_so(materials: Materials) -> None:
    job = materials.job().model_copy(update={"ranks": 2, "collective_seconds": 1.0})
    folder = AttemptFolder(materials.root / "alone")
    folder.root.mkdir()
    handle = materials.executor.start(folder, job.model_copy(update={"rendezvous": str(folder.rendezvous)}))
    materials.wait([handle])
    outcome = Outcome.read(folder.outcome)
    assert outcome.facts == {"collective": True}
    assert "did not answer" in outcome.reason
    assert "start" in outcome.reason


def as_if_another_had(factor: float) -> Callable[..., None]:
    """An all-reduce with a process whose tensors are this one's times a factor."""

    def reduce(tensor: Tensor, operation: object = None) -> None:
        tensor.mul_(1 + factor)

    return reduce


def test_sums_are_right_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks_module.distributed, "all_reduce", as_if_another_had(2.0))
    calls = []
    tensors = [torch.full((number, 2), float(number)) for number in range(1, 9)]
    for limit in (1, 64, 1 << 20):
        monkeypatch.setattr(ranks_module, "BUCKET_BYTES", limit)
        calls.append(len(list(ranks_module._buckets(tensors))))
        summed = [tensor.clone() for tensor in tensors]
        TWO.sum_(summed)
        for before, after in zip(tensors, summed, strict=True):
            assert torch.equal(after, before * 3)
    assert calls == [8, 3, 1]


def test_one_process_sums_nothing() -> None:
    tensors = [torch.ones(2)]
    ALONE.sum_(tensors)
    assert torch.equal(tensors[0], torch.ones(2))
    assert (ALONE.agree(True), ALONE.agree(False)) == (True, False)
    assert ALONE.leads
    assert [part for part in range(4) if ALONE.owns(part)] == [0, 1, 2, 3]


def test_a_gradient_that_is_not_finite_elsewhere_ends_the_training_here(
    model_of: ModelOf, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks_module.distributed, "all_reduce", as_if_another_had(float("nan")))
    trainer = make_trainer(model_of("bert"), random_data(64), progress, micro_batch_size=4, max_skipped=2)
    before = weights(trainer.model)
    trainer.share(TWO)
    monkeypatch.setattr(Ranks, "agree", lambda self, wish: wish)
    # every gradient is said to be there, as in a real first step
    monkeypatch.setattr("bakeoff.training.reduction.GradientSum._agree_on_used", lambda own: [True] * len(own._parameters))
    with pytest.raises(Diverged):
        trainer.run(lambda step, loss: False)
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer.model).items())


def test_a_weight_that_suddenly_has_a_gradient_is_refused(
    model_of: ModelOf, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks_module.distributed, "all_reduce", as_if_another_had(1.0))
    data = random_data(16)
    trainer = make_trainer(model_of("bert"), data, progress, micro_batch_size=4)
    trainer.share(TWO)
    monkeypatch.setattr("bakeoff.training.reduction.GradientSum._agree_on_used", lambda own: [False] * len(own._parameters))
    with pytest.raises(CollectiveError, match="no gradient in the first step"):
        trainer.step(0, data.rows)


def test_launchers_leave_nothing_for_accelerate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in LAUNCHER_VARIABLES:
        monkeypatch.setenv(name, "2")
    assert join(0, 1, tmp_path / "rendezvous", None) is ALONE
    assert not set(LAUNCHER_VARIABLES) & set(os.environ)
    forget_launchers()


def test_obsolete_names_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert obsolete_variables() == []
    for name in OBSOLETE:
        monkeypatch.setenv(name, "1")
    said = obsolete_variables()
    assert len(said) == len(OBSOLETE)
    for text, (old, new) in zip(said, OBSOLETE.items(), strict=True):
        assert text.startswith(f"{old} ")
        assert new in text


def test_an_obsolete_name_stands_in_log_and_outcome(materials: Materials) -> None:
    folder = AttemptFolder(materials.root / "obsolete")
    folder.root.mkdir()
    handle = materials.executor.start(folder, materials.job(epochs=1), {"NCCL_BLOCKING_WAIT": "1"})
    materials.wait([handle])
    (note,) = Outcome.read(folder.outcome).facts["notes"]
    assert note.startswith("NCCL_BLOCKING_WAIT in the environment is an obsolete name")
    assert note in [record.get("text") for record in map(json.loads, folder.log.read_text().splitlines())]
