"""A head on cached features learns what it would learn on the frozen model itself, and that stays bitwise what it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.data.dataset import Dataset
from bakeoff.errors import DataError
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokens import SPLITS, TokenStore
from bakeoff.training import full, probe
from bakeoff.training.adapting import frozen_hash
from bakeoff.training.backbone import Backbone
from bakeoff.training.classifier import Classifier
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.extracting import build_features, features_of, frozen_model
from bakeoff.training.features import FeatureStore, FeatureTable
from bakeoff.training.full import load_loss
from bakeoff.training.loop import Trainer, TrainingData
from bakeoff.training.progress import Preempted
from bakeoff.training.smoke import run_smoke
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

WorkOf = Callable[..., Work]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"))


def trial_of(dataset: Dataset, family: str = "bert", **changes: Any) -> TrialSpec:
    trial = full_trial(dataset, family, **{"dropout": 0.1, "epochs": 3, **changes})
    component = Component(name="linear-probe", version=1)
    return trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"method": component})})


def on_the_model_itself(work: Work) -> Trainer:
    """The same head on the frozen model, which runs anew in each step."""
    spec = work.trial.recipe.training
    assert work.model
    assert work.tokens
    assert spec
    backbone = Backbone(work.model, "mean", dropout=0.0).requires_grad_(False)
    model = Classifier(backbone, 3, work.trial.seed, spec.dropout)
    store = TokenStore.open(work.tokens, work.dataset.fingerprint)
    data = TrainingData(store, work.rows("train"), work.gold("train").astype(np.float32))
    loss = load_loss(Component(name="bce", version=1), data.targets)
    return Trainer(model, spec, data, loss, work.trial.seed, contextlib.nullcontext, work.progress)


@pytest.mark.parametrize("family", ["bert", "deberta-v2", "llama"])
def test_it_learns_what_it_would_on_the_model_itself(work_of: WorkOf, dataset: Dataset, family: str) -> None:
    work = work_of(dataset, trial_of(dataset, family), family)
    cached, _ = probe.assemble(work)
    anew = on_the_model_itself(work)
    losses: dict[Trainer, list[float]] = {cached: [], anew: []}
    for trainer, seen in losses.items():
        trainer.run(lambda _, loss, seen=seen: seen.append(loss) is not None)
    ours, theirs = (
        outputs_of(trainer.model, contextlib.nullcontext, trainer.data.store, "test", work.rows("test"), work.progress)
        for trainer in (cached, anew)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(cached.model.head.weight.detach(), anew.model.head.weight.detach(), atol=1e-5)
    assert np.abs(ours).max() > 0.1
    assert losses[cached] == pytest.approx(losses[anew], abs=1e-5)
    assert len(losses[anew]) == 3


def test_trials_share_a_store_and_say_that_the_base_is_what_it_was(work_of: WorkOf, dataset: Dataset, tmp_path: Path) -> None:
    store = tmp_path / "features"
    first = work_of(dataset, trial_of(dataset), "bert", keep_model=True)
    before = frozen_hash(frozen_model(first).backbone)
    build_features(first, store)
    written = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    for rate in (1e-2, 1e-1):
        work = work_of(dataset, trial_of(dataset, head_learning_rate=rate), "bert", features=store)
        probe.run(work)
        facts = Result.read(work.attempt.product / "result.json").training
        assert facts["base_sha256"] == before
        assert facts["trainable_parameters"] == facts["parameters"] == 3 * 33
        assert facts["base_parameters"] > 10_000
        assert facts["packed"]
        assert facts["steps"] == 9
    assert {path.name: path.stat().st_mtime_ns for path in store.iterdir()} == written
    assert frozen_hash(frozen_model(first).backbone) == before


def test_it_is_taken_up_bitwise(work_of: WorkOf, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, store = trial_of(dataset), tmp_path / "features"
    whole = work_of(dataset, trial, "bert", features=store)
    build_features(whole, store)
    probe.run(whole)
    torn = work_of(dataset, trial, "bert", features=store, checkpoint_steps=1)
    step = full.Trainer.step

    def stopped(self: Trainer, number: int, *drawn: Any) -> None:
        if number == 4:
            raise Preempted
        step(self, number, *drawn)

    monkeypatch.setattr(full.Trainer, "step", stopped)
    with pytest.raises(Preempted):
        probe.run(torn)
    monkeypatch.undo()
    again = work_of(dataset, trial, "bert", features=store, resume=[torn.attempt.root])
    probe.run(again)
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (whole.attempt.product / name).read_bytes() == (again.attempt.product / name).read_bytes()


def test_a_smoke_run_makes_its_own_features_and_loads_the_head_again(work_of: WorkOf, dataset: Dataset) -> None:
    work = work_of(dataset, trial_of(dataset), "bert", keep_model=True)
    found = run_smoke(work, ["steps", "sanity"])
    assert found["faults"] == {"steps": [], "sanity": []}
    assert found["steps"]["difference"] == 0.0


def test_only_the_rows_that_trials_use_are_computed(work_of: WorkOf, dataset: Dataset) -> None:
    trial = trial_of(dataset)
    limited = trial.model_copy(update={"task": trial.task.model_copy(update={"train_limit": 8, "data_seed": 3})})
    work = work_of(dataset, limited, "bert")
    store = features_of(work)
    assert {split: len(store.rows[split]) for split in SPLITS} == {"train": 8, "validation": 12, "test": 10}
    assert store.vectors["train"].shape == (8, 32)
    np.testing.assert_array_equal(store.of("train", work.rows("train")[::-1]), store.vectors["train"][::-1])
    other = np.setdiff1d(np.arange(24), work.rows("train"))[:1]
    with pytest.raises(DataError, match="has not all rows of train"):
        store.of("train", other)
    assert FeatureTable(store).width == 32


@pytest.mark.parametrize("name", ["train.npy", "validation-rows.npy", "features.json"])
def test_a_damaged_store_is_refused(work_of: WorkOf, dataset: Dataset, tmp_path: Path, name: str) -> None:
    work, store = work_of(dataset, trial_of(dataset), "bert"), tmp_path / "features"
    build_features(work, store)
    content = bytearray((store / name).read_bytes())
    content[len(content) // 2] ^= 1
    (store / name).write_bytes(bytes(content))
    assert work.tokens
    with pytest.raises(DataError, match="feature store"):
        FeatureStore.open(store, work.trial, work.tokens.name)


def test_a_store_of_other_vectors_is_refused(work_of: WorkOf, dataset: Dataset, tmp_path: Path) -> None:
    work, store = work_of(dataset, trial_of(dataset), "bert"), tmp_path / "features"
    build_features(work, store)
    recipe = work.trial.recipe.model_copy(update={"pooling": "first"})
    other = work_of(dataset, work.trial.model_copy(update={"recipe": recipe}), "bert", features=store)
    with pytest.raises(DataError, match="otherwise than the trial asks for"):
        probe.run(other)
    with pytest.raises(DataError, match="otherwise than the trial asks for"):
        FeatureStore.open(store, work.trial, "other tokens")
    assert not (other.attempt.product / "test.npz").exists()


def test_outputs_are_those_of_the_best_head(work_of: WorkOf, dataset: Dataset) -> None:
    work = work_of(dataset, trial_of(dataset), "roberta")
    probe.run(work)
    result = Result.read(work.attempt.product / "result.json")
    outputs = Outputs.read(work.attempt.product / "validation.npz")
    assert result.validation == work.task.score(outputs.outputs, outputs.gold)
