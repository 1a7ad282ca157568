"""A whole trial of the method `full`, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.data.dataset import Dataset
from bakeoff.errors import DataError, ModelError
from bakeoff.records.files import sha256_file
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result, verify_manifest
from bakeoff.records.specs import TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import TokenStore, build_store
from bakeoff.training import full
from bakeoff.training.batches import make_batch
from bakeoff.training.best import Best
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.full import build_model
from bakeoff.training.health import Diverged
from bakeoff.training.progress import Progress
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

ModelOf = Callable[..., Path]
MakeWork = Callable[..., Work]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"))


@pytest.fixture
def make_work(dataset: Dataset, model_of: ModelOf, hostile_path: Path) -> Iterator[MakeWork]:
    """Everything that a trial needs; each call is another attempt."""
    open_logs = []

    def make(trial: TrialSpec | None = None, family: str = "bert", **more: Any) -> Work:
        folder = model_of(family, 0.1)
        tokens = hostile_path / f"tokens {family}"
        if not tokens.exists():
            build_store(dataset, load_tokenizer(folder), 32, tokens)
        attempt = AttemptFolder(hostile_path / f"attempt {len(open_logs)}")
        attempt.root.mkdir()
        open_logs.append(Progress(attempt.log))
        return Work(trial or full_trial(dataset, family), dataset, folder, tokens, attempt, open_logs[-1], **more)

    yield make
    for log in open_logs:
        log.close()


def read_log(work: Work) -> list[dict[str, Any]]:
    return [json.loads(line) for line in work.attempt.log.read_text().splitlines()]


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2", "llama"])
def test_a_trial_leaves_a_valid_product(make_work: MakeWork, dataset: Dataset, family: str) -> None:
    work = make_work(family=family)
    full.run(work)
    result = Result.read(work.attempt.product / "result.json")
    assert verify_manifest(work.attempt.product, result.manifest) == []
    assert result.manifest.keys() == {"validation.npz", "test.npz"}
    for split in ("validation", "test"):
        outputs = Outputs.read(work.attempt.product / f"{split}.npz")
        assert outputs.ids == dataset.ids(split)
        assert outputs.gold.tolist() == dataset.targets(split).tolist()
        assert outputs.outputs.shape == (dataset.size(split), 3)
        assert np.isfinite(outputs.outputs).all()
    facts = result.training
    assert (facts["steps"], facts["planned_steps"], facts["stopped_early"], facts["examples"]) == (3, 3, False, 24)
    assert facts["packed"] is True
    assert (facts["best_step"], facts["health"]["skipped_steps"], facts["note"]) == (3, 0, "")
    assert facts["tokens"] > 24 * 5
    assert [entry["step"] for entry in facts["history"]] == [3]
    assert result.validation == facts["history"][0]["validation"]
    assert not list(work.attempt.checkpoints.iterdir())
    begin, *_, validation = read_log(work)
    assert begin["event"] == "begin"
    assert (begin["steps"], begin["examples"]) == (3, 24)
    assert (validation["event"], validation["step"], validation["epoch"]) == ("validation", 3, 1.0)


def test_it_learns(make_work: MakeWork, dataset: Dataset) -> None:
    trial = full_trial(dataset, epochs=12, learning_rate=5e-3, head_learning_rate=2e-2, evaluations_per_epoch=1)
    work = make_work(trial)
    full.run(work)
    result = Result.read(work.attempt.product / "result.json")
    assert result.validation["f1_macro"] > 0.95
    losses = [entry["loss"] for entry in result.training["history"]]
    assert losses[-1] < 0.5 * losses[0]


def test_the_best_checkpoint_is_the_one_that_is_used_and_kept(
    make_work: MakeWork, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.9, 0.9, 0.3])
    monkeypatch.setattr("bakeoff.tasks.multilabel.validation_scores", lambda *_: {"f1_macro": next(scores), "threshold": 0.5})
    work = make_work(full_trial(dataset, epochs=2, evaluations_per_epoch=2), keep_model=True)
    seen = {}

    def keeping(self: Best, trainer: Any, step: int, *more: Any) -> bool:
        seen[step] = {name: value.clone() for name, value in trainer.model.state_dict().items()}
        return original(self, trainer, step, *more)

    original = Best.consider
    monkeypatch.setattr(Best, "consider", keeping)
    full.run(work)
    result = Result.read(work.attempt.product / "result.json")
    assert (result.training["best_step"], result.validation["f1_macro"]) == (3, 0.9)
    assert [entry["step"] for entry in result.training["history"]] == [2, 3, 5, 6]
    kept = work.attempt.product / "model"
    weights = load_file(kept / "classifier.safetensors")
    assert sha256_file(kept / "classifier.safetensors") == result.training["weights_sha256"]
    assert all(torch.equal(weights[name], value) for name, value in seen[3].items())
    assert {path.name for path in kept.iterdir()} == {
        "classifier.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "files.json",
    }
    model = build_model(work.trial.recipe, work.model or Path(), 3, 0)
    model.load_state_dict(weights)
    store = TokenStore.open(work.tokens or Path(), dataset.fingerprint)
    batch = make_batch(store, "test", np.arange(10))
    stored = Outputs.read(work.attempt.product / "test.npz").outputs
    with torch.no_grad():
        assert model.eval()(batch).numpy() == pytest.approx(stored[batch.rows], abs=1e-5)


def test_early_stopping_waits_as_long_as_it_is_told(
    make_work: MakeWork, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.9])
    monkeypatch.setattr("bakeoff.tasks.multilabel.validation_scores", lambda *_: {"f1_macro": next(scores), "threshold": 0.5})
    work = make_work(full_trial(dataset, epochs=9, early_stopping=2))
    full.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    assert (facts["steps"], facts["planned_steps"], facts["stopped_early"], facts["best_step"]) == (12, 27, True, 6)


def test_a_metric_of_which_less_is_better_is_chosen_by_less(tmp_path: Path) -> None:
    class Kept:
        model = torch.nn.Linear(1, 1)
        loss = torch.nn.Identity()

    best = Best(tmp_path / "checkpoints" / "best.safetensors", patience=None)
    for step, score in enumerate([0.5, 0.2, 0.4], start=1):
        assert not best.consider(Kept, step, {"m": score}, "m", higher=False)  # type: ignore[arg-type]
    assert (best.step, best.scores) == (2, {"m": 0.2})


def test_the_same_trial_gives_the_same_bytes_and_another_seed_others(make_work: MakeWork, dataset: Dataset) -> None:
    works = [make_work(full_trial(dataset, seed=seed)) for seed in (1, 1, 2)]
    for work in works:
        full.run(work)
    first, second, other = (
        [(work.attempt.product / name).read_bytes() for name in ("result.json", "validation.npz", "test.npz")] for work in works
    )
    assert first == second
    assert all(one != another for one, another in zip(first, other, strict=True))


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"gradient_checkpointing": True}, {"dropout": 0.5}])
def test_other_ways_to_compute_finish_too(make_work: MakeWork, dataset: Dataset, changes: dict[str, Any]) -> None:
    work = make_work(full_trial(dataset, **changes))
    full.run(work)
    assert Result.read(work.attempt.product / "result.json").training["steps"] == 3


def test_checkpointing_gives_the_same_outputs(make_work: MakeWork, dataset: Dataset) -> None:
    found = []
    for checkpointing in (False, True):
        work = make_work(full_trial(dataset, gradient_checkpointing=checkpointing))
        full.run(work)
        found.append(Outputs.read(work.attempt.product / "test.npz").outputs)
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_texts_longer_than_the_model_can_take_are_an_error_before_training(make_work: MakeWork, dataset: Dataset) -> None:
    trial = full_trial(dataset)
    trial = trial.model_copy(update={"task": trial.task.model_copy(update={"max_length": 65})})
    for family in ("bert", "roberta"):
        with pytest.raises(ModelError, match="max_length 65 is more than the model's context of 64"):
            full.run(make_work(trial, family))


def test_limits_take_the_rows_of_the_study(make_work: MakeWork, dataset: Dataset) -> None:
    trial = full_trial(dataset)
    limits = {"train_limit": 10, "validation_limit": 6, "test_limit": 5}
    work = make_work(trial.model_copy(update={"task": trial.task.model_copy(update=limits)}))
    full.run(work)
    result = Result.read(work.attempt.product / "result.json")
    assert result.training["examples"] == result.training["train_examples"] == 10
    assert len(Outputs.read(work.attempt.product / "validation.npz").ids) == 6
    assert Outputs.read(work.attempt.product / "test.npz").ids == dataset.ids("test", work.rows("test"))


def test_a_store_of_another_dataset_is_refused(make_work: MakeWork, tmp_path: Path) -> None:
    work = make_work()
    work.dataset = make_dataset(tmp_path / "other", {"train": 9, "validation": 9, "test": 9})
    with pytest.raises(DataError, match="another dataset"):
        full.run(work)


def test_no_finite_validation_is_a_divergence(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "outputs_of", lambda *_: np.full((12, 3), np.nan, dtype=np.float32))
    with pytest.raises(Diverged, match="no validation gave finite outputs") as caught:
        full.run(make_work())
    assert caught.value.step == 2
    assert len(caught.value.healthy_norms) == 3


def test_a_packing_that_differs_is_left_and_noted(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakeoff.training.checks.TOLERANCE", -1.0)
    work = make_work()
    full.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    assert facts["packed"] is False
    assert "padded batches are used" in facts["note"]
    assert [record["text"] for record in read_log(work) if record["event"] == "note"] == [facts["note"]]


def test_outputs_come_in_the_order_that_was_asked(make_work: MakeWork) -> None:
    work = make_work()
    store = TokenStore.open(work.tokens or Path(), work.dataset.fingerprint)
    model = build_model(work.trial.recipe, work.model or Path(), 3, 0).train()
    rows = np.array([7, 2, 11, 0])
    found = outputs_of(model, nullcontext, store, "validation", rows, work.progress)
    assert model.training
    for row, logits in zip(rows, found, strict=True):
        alone = outputs_of(model, nullcontext, store, "validation", np.array([row]), work.progress)
        assert logits == pytest.approx(alone[0], abs=1e-5)
    assert outputs_of(model, nullcontext, store, "validation", rows[:0], work.progress).shape == (0, 3)
