"""Adapters and frozen layers: only what shall be trained is trained, saved and loaded; the base stays bitwise what it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.data.dataset import Dataset
from bakeoff.errors import ModelError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.training import full
from bakeoff.training.adapting import frozen_hash, load_trained
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.full import build_model
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

ModelOf = Callable[..., Path]
FAMILIES = ("bert", "llama")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"))


def trial_of(dataset: Dataset, family: str, method: str = "lora", **settings: Any) -> TrialSpec:
    trial = full_trial(dataset, family)
    component = Component(name=method, version=1, settings=settings)
    return trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"method": component})})


@pytest.fixture
def make_work(dataset: Dataset, model_of: ModelOf, tmp_path: Path) -> Iterator[Callable[..., Work]]:
    logs: list[Progress] = []

    def make(trial: TrialSpec, family: str, **more: Any) -> Work:
        folder, tokens = model_of(family, 0.1), tmp_path / f"tokens {family}"
        if not tokens.exists():
            build_store(dataset, load_tokenizer(folder), 32, tokens)
        attempt = AttemptFolder(tmp_path / f"attempt {len(logs)}")
        attempt.root.mkdir()
        logs.append(Progress(attempt.log))
        return Work(trial, dataset, folder, tokens, attempt, logs[-1], keep_model=True, **more)

    yield make
    for log in logs:
        log.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_is_trained_saved_and_gives_the_same_logits_again(
    make_work: Callable[..., Work], dataset: Dataset, family: str
) -> None:
    work = make_work(trial_of(dataset, family, rank=4, alpha=8.0, dropout=0.1), family)
    full.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    base = build_model(work.trial.recipe, work.model or Path(), 3, seed=99)
    assert facts["base_sha256"] == frozen_hash(base.backbone)
    assert 0 < facts["trainable_parameters"] < facts["parameters"] / 3
    saved = load_file(work.attempt.product / "model" / "classifier.safetensors")
    assert all("lora_" in name or name.startswith("head.") for name in saved)
    assert any("lora_B" in name and bool(tensor.abs().max() > 0) for name, tensor in saved.items())
    load_trained(base, saved)
    again = outputs_of(base, contextlib.nullcontext, *_store(work), "test", np.arange(dataset.size("test")), work.progress)
    np.testing.assert_array_equal(again, Outputs.read(work.attempt.product / "test.npz").outputs)


def _store(work: Work) -> tuple[Any]:
    from bakeoff.tasks.tokens import TokenStore

    assert work.tokens
    return (TokenStore.open(work.tokens, work.dataset.fingerprint),)


def test_the_start_of_an_adapter_belongs_to_the_seed(dataset: Dataset, model_of: ModelOf) -> None:
    recipe = trial_of(dataset, "bert").recipe
    torch.manual_seed(1)
    first = build_model(recipe, model_of("bert"), 3, seed=5)
    torch.manual_seed(2)
    second, other = build_model(recipe, model_of("bert"), 3, seed=5), build_model(recipe, model_of("bert"), 3, seed=6)
    name = next(name for name, _ in first.named_parameters() if "lora_A" in name)
    assert torch.equal(first.get_parameter(name), second.get_parameter(name))
    assert not torch.equal(first.get_parameter(name), other.get_parameter(name))


@pytest.mark.parametrize("settings", [{"rslora": True}, {"dora": True}, {"targets": "all-linear"}, {"targets": ["key"]}])
def test_variants(make_work: Callable[..., Work], dataset: Dataset, settings: dict[str, Any]) -> None:
    work = make_work(trial_of(dataset, "bert", **settings), "bert")
    full.run(work)
    assert Result.read(work.attempt.product / "result.json").training["base_sha256"]


def test_targets_that_are_not_there_are_named(dataset: Dataset, model_of: ModelOf) -> None:
    with pytest.raises(ModelError, match="no module called q_proj") as caught:
        build_model(trial_of(dataset, "bert", targets=["q_proj"]).recipe, model_of("bert"), 3, seed=1)
    assert "query" in caught.value.remedy


def test_lower_layers_stay_frozen(make_work: Callable[..., Work], dataset: Dataset) -> None:
    work = make_work(trial_of(dataset, "bert", "full", frozen_layers=1), "bert")
    full.run(work)
    saved = load_file(work.attempt.product / "model" / "classifier.safetensors")
    assert not any("embeddings" in name or "layer.0." in name for name in saved)
    assert any("layer.1." in name for name in saved)
    with pytest.raises(ModelError, match="3 layers are to be frozen, and the model has 2"):
        build_model(trial_of(dataset, "bert", "full", frozen_layers=3).recipe, work.model or Path(), 3, seed=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_taken_up_bitwise(
    make_work: Callable[..., Work], dataset: Dataset, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_of(dataset, family, dropout=0.1)
    whole = make_work(trial, family)
    full.run(whole)
    torn = make_work(trial, family, checkpoint_steps=1)
    monkeypatch.setattr(full.Trainer, "step", _stopping(full.Trainer.step, 1))
    with pytest.raises(Preempted):
        full.run(torn)
    monkeypatch.undo()
    again = make_work(trial, family, resume=[torn.attempt.root])
    full.run(again)
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (whole.attempt.product / name).read_bytes() == (again.attempt.product / name).read_bytes()


def _stopping(step: Callable[..., None], at: int) -> Callable[..., None]:
    def stopped(self: Any, number: int, *drawn: Any) -> None:
        if number == at:
            raise Preempted
        step(self, number, *drawn)

    return stopped
