"""Treated data in the training loop: the declared draws and tokens, exact batches, and the same bytes after any stop."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from parts import comparable, make_trainer, random_data, weights

from bakeoff.data.dataset import Dataset
from bakeoff.data.treatments.augmentation import Sequences
from bakeoff.data.treatments.draws import Draws, Pool, make_draws
from bakeoff.records.results import Result
from bakeoff.records.specs import Component, TreatmentSpec, TrialSpec
from bakeoff.tasks.tokenizer import added_tokens, load_tokenizer
from bakeoff.tasks.tokens import TokenStore
from bakeoff.training import full, probe
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import Batch, read_sequences
from bakeoff.training.classifier import Classifier
from bakeoff.training.extracting import build_features
from bakeoff.training.full import load_loss
from bakeoff.training.loop import Trainer, TrainingData
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.treating import Treatment, treatment_of
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset, training

OVER = Component(name="oversample", version=1, settings={"below": None, "by": 1.5})
NOISE = Component(name="token-noise", version=1, settings={"delete": 0.3, "swap": 0.3, "share": 0.8, "examples": "all"})
BOTH = TreatmentSpec(sampling=OVER, augmentation=NOISE)
PRODUCT = ("result.json", "validation.npz", "test.npz")


@pytest.fixture
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"), {"train": 20, "validation": 8, "test": 6})


def treated(dataset: Dataset, treatment: TreatmentSpec | None = BOTH, family: str = "bert", **changes: Any) -> TrialSpec:
    trial = full_trial(dataset, family, **changes)
    return trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"treatment": treatment})})


def test_the_treatment_is_in_the_id_and_no_part_of_other_trials_ids(dataset: Dataset) -> None:
    plain, both = treated(dataset, None), treated(dataset)
    assert plain.id == full_trial(dataset).id
    assert "treatment" not in plain.definition["recipe"]
    assert len({plain.id, both.id, treated(dataset, TreatmentSpec(sampling=OVER)).id}) == 3


def test_the_result_shows_counts_meant_and_realised(dataset: Dataset, work_of: Callable[..., Work]) -> None:
    work = work_of(dataset, treated(dataset, epochs=2, batch_size=4), "bert")
    full.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    gold = work.gold("train")
    draws = make_draws(OVER, gold)
    drawn = facts["drawn"]
    assert drawn["counts"] == gold.sum(axis=0).tolist()
    assert drawn["aims"] == draws.aims.tolist()
    assert drawn["realised"] == [round(count, 3) for count in draws.realised(gold, work.trial.seed, 2).tolist()]
    assert (drawn["examples"], drawn["epochs"]) == (draws.size, 2)
    assert draws.size > 20
    assert facts["examples"] == 2 * draws.size
    assert facts["steps"] == 2 * -(-draws.size // 4)


@pytest.mark.parametrize("at", [1, 5, 9])
def test_a_treated_trial_is_taken_up_bitwise(
    dataset: Dataset, work_of: Callable[..., Work], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    trial = treated(dataset, epochs=2, batch_size=4)
    whole, torn = work_of(dataset, trial, "bert"), work_of(dataset, trial, "bert", checkpoint_steps=1)
    full.run(whole)
    original = Trainer.step

    def stopped(self: Trainer, number: int, *drawn: Any) -> None:
        if number == at:
            raise Preempted
        original(self, number, *drawn)

    monkeypatch.setattr(Trainer, "step", stopped)
    with pytest.raises(Preempted):
        full.run(torn)
    monkeypatch.undo()
    again = work_of(dataset, trial, "bert", resume=[torn.attempt.root])
    full.run(again)
    for name in PRODUCT:
        assert (whole.attempt.product / name).read_bytes() == (again.attempt.product / name).read_bytes()


def test_a_probe_is_sampled_too(dataset: Dataset, work_of: Callable[..., Work], tmp_path: Path) -> None:
    trial = treated(dataset, TreatmentSpec(sampling=OVER))
    method = Component(name="linear-probe", version=1)
    trial = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"method": method})})
    work = work_of(dataset, trial, "bert", features=tmp_path / "features")
    build_features(work, tmp_path / "features")
    probe.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    assert facts["drawn"]["examples"] * trial.recipe.training.epochs == facts["examples"]  # type: ignore[union-attr]


def test_what_the_model_reads_is_the_treated_store(
    dataset: Dataset, work_of: Callable[..., Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example's tokens are those of the store but for the noise: special tokens stay, and validation is untouched."""
    work = work_of(dataset, treated(dataset, epochs=2, batch_size=4), "bert")
    store = TokenStore.open(work.tokens, dataset.fingerprint)  # type: ignore[arg-type]
    special = set(added_tokens(load_tokenizer(work.model)))  # type: ignore[arg-type]
    seen: list[tuple[str, bool, int, list[int]]] = []
    forward = Classifier.forward

    def watched(self: Classifier, batch: Batch) -> torch.Tensor:
        ends = np.cumsum(batch.lengths)
        for row, end, length in zip(batch.rows.tolist(), ends, batch.lengths, strict=True):
            seen.append((batch.split, self.training, row, batch.tokens[end - length : end].tolist()))
        return forward(self, batch)

    monkeypatch.setattr(Classifier, "forward", watched)
    full.run(work)
    changed = 0
    for split, trains, row, tokens in seen:
        stored = store.gather(split, np.array([row])).tolist()
        if not trains:
            assert tokens == stored
            continue
        changed += tokens != stored
        assert [token for token in tokens if token in special] == [token for token in stored if token in special]
        assert set(tokens) <= set(stored)
    trained = [entry for entry in seen if entry[1]]
    assert len(trained) == 2 * make_draws(OVER, work.gold("train")).size
    assert changed > len(trained) / 3


@pytest.mark.parametrize("size", [1, 2, 4])
def test_smaller_passes_over_repeats_are_the_same_step(progress: Progress, model_of: Callable[..., Path], size: int) -> None:
    data = random_data(8)
    draws = Draws(np.ones(8, np.int64), (Pool(np.arange(3), 2),), np.zeros(3, np.int64))
    data = TrainingData(data.store, data.rows, data.targets, Treatment(draws))
    rows = np.array([0, 0, 1, 1, 2, 5, 7, 7])
    one, other = (make_trainer(model_of("bert"), data, progress, batch_size=8, micro_batch_size=micro) for micro in (8, size))
    one.step(0, rows)
    other.step(0, rows)
    assert one.steps_per_epoch == 2
    for name, value in comparable(weights(one.model)).items():
        torch.testing.assert_close(weights(other.model)[name], value, rtol=1e-4, atol=2e-6)


def test_class_weights_balance_what_is_drawn() -> None:
    targets = np.zeros((12, 2), np.float32)
    targets[:2, 0] = targets[2:, 1] = 1
    draws = make_draws(Component(name="oversample", version=1, settings={"below": 3, "by": 4.0}), targets.astype(np.uint8))
    assert draws.size == 20
    balanced = Component(name="bce", version=1, settings={"class_weights": "balanced"})
    logits = torch.zeros(1, 2)
    gold = torch.ones(1, 2)
    found = load_loss(balanced, targets, draws)(logits, gold, 0.0)[0]
    assert found[0] == found[1]  # 10 of 20 each
    plain = load_loss(balanced, targets)(logits, gold, 0.0)[0]
    assert float(plain[0] / plain[1]) == pytest.approx(5.0)


def test_pairs_keep_their_halves(work_of: Callable[..., Work], dataset: Dataset) -> None:
    """A pair's second segment begins behind its own separator, also after tokens before it are gone."""
    work = work_of(dataset, treated(dataset, TreatmentSpec(augmentation=NOISE)), "bert")
    treatment = treatment_of(work)
    assert treatment is not None
    first, second = treatment.special
    tokens = np.array([first, *range(30, 40), second, *range(50, 60), second], dtype=np.int64)
    pair = Sequences(tokens, np.array([23]), np.array([12], dtype=np.int32))
    for epoch in range(5):
        found = treatment.apply(pair, 1, epoch, np.array([4]), np.array([0]))
        begin = int(found.seconds[0])
        assert found.tokens[begin - 1] == second
        assert set(found.tokens[begin:-1].tolist()) <= set(range(50, 60))


def test_reading_a_step_changes_nothing_without_a_treatment(progress: Progress, model_of: Callable[..., Path]) -> None:
    data = random_data(9)
    trainer = make_trainer(model_of("bert"), data, progress)
    rows = np.array([4, 2, 7])
    plain = read_sequences(data.store, "train", rows)
    assert trainer.treatment.apply(plain, 1, 0, rows, np.zeros(3, np.int64)) is plain


def test_the_log_tells_how_many_examples_follow(dataset: Dataset, work_of: Callable[..., Work]) -> None:
    work = work_of(dataset, treated(dataset, epochs=1, batch_size=4), "bert")
    full.run(work)
    begin = next(
        record for line in work.attempt.log.read_text().splitlines() if (record := json.loads(line))["event"] == "begin"
    )
    assert begin["examples"] == make_draws(OVER, work.gold("train")).size


def test_an_epoch_goes_over_exactly_its_draws(progress: Progress, model_of: Callable[..., Path]) -> None:
    data = random_data(10)
    draws = Draws(np.ones(10, np.int64), (Pool(np.arange(5), 2), Pool(np.arange(4, 9), 3)), np.zeros(3, np.int64))
    spec = training(batch_size=4, epochs=2)
    model = Classifier(Backbone(model_of("bert"), "mean"), 3, 1, 0.0)
    loss = load_loss(Component(name="bce", version=1), data.targets)
    trainer = Trainer(
        model,
        spec,
        TrainingData(data.store, data.rows, data.targets, Treatment(draws)),
        loss,
        7,
        contextlib.nullcontext,
        progress,
    )
    taken: list[list[int]] = []
    step = trainer.step

    def noted(number: int, rows: Any, repeated: Any) -> None:
        taken.append(rows.tolist())
        step(number, rows, repeated)

    trainer.step = noted  # type: ignore[method-assign]
    trainer.run(lambda *_: False)
    epochs = [[row for rows in taken[epoch * 4 : (epoch + 1) * 4] for row in rows] for epoch in range(2)]
    assert [sorted(rows) for rows in epochs] == [draws.examples(7, epoch).tolist() for epoch in range(2)]
    assert trainer.examples == 2 * draws.size == 30
