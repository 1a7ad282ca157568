"""Smoke runs and sanity checks: sound recipes pass in every family, and each way to be broken is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bakeoff.data.dataset import Dataset
from bakeoff.errors import ModelError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import Component, RecipeSpec, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.training import full, smoke
from bakeoff.training.batches import Batch
from bakeoff.training.classifier import Classifier
from bakeoff.training.optimizer import Optimizer
from bakeoff.training.progress import Progress
from bakeoff.training.smoke import run_smoke
from bakeoff.training.work import Work
from broken_models import forget, freeze, merge_rows
from tiny import full_trial, make_dataset, tfidf_trial

ModelOf = Callable[..., Path]
MakeWork = Callable[..., Work]
Build = Callable[[RecipeSpec, Path, int, int], Classifier]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"), {"train": 40, "validation": 20, "test": 20})


@pytest.fixture
def make_work(dataset: Dataset, model_of: ModelOf, hostile_path: Path) -> Iterator[MakeWork]:
    """Everything that a trial needs; each call is another attempt."""
    logs: list[Progress] = []

    def make(family: str = "bert", trial: TrialSpec | None = None) -> Work:
        folder = model_of(family, 0.1)
        tokens = hostile_path / f"tokens {family}"
        if not tokens.exists():
            build_store(dataset, load_tokenizer(folder), 32, tokens)
        attempt = AttemptFolder(hostile_path / f"attempt {len(logs)}")
        attempt.root.mkdir()
        logs.append(Progress(attempt.log))
        chosen = trial or full_trial(dataset, family, learning_rate=5e-3, head_learning_rate=5e-2, batch_size=8)
        return Work(chosen, dataset, folder, tokens, attempt, logs[-1])

    yield make
    for log in logs:
        log.close()


def said(facts: dict[str, Any], part: str) -> str:
    return " | ".join(fault["what"] for fault in facts["faults"][part])


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2", "llama"])
def test_a_sound_recipe_passes_and_is_measured(make_work: MakeWork, family: str) -> None:
    facts = run_smoke(make_work(family), ["measure", "steps", "sanity"])
    assert facts["faults"] == {"steps": [], "sanity": []}
    assert (facts["steps"]["steps"], facts["steps"]["difference"]) == (2, 0.0)
    assert facts["sanity"]["loss_after"] < 0.1 * facts["sanity"]["loss_before"]
    assert (facts["sanity"]["examples"], facts["sanity"]["frozen"]) == (10, 0)
    measured = facts["measure"]
    assert measured["train_seconds"] > measured["evaluation_seconds"] > 0
    assert measured["peak_bytes"] > 10**7
    assert measured["peak_tokens"] <= 4 * 32


def test_a_smoothed_loss_is_measured_by_what_it_can_reach(make_work: MakeWork, dataset: Dataset) -> None:
    trial = full_trial(dataset, learning_rate=5e-3, head_learning_rate=5e-2)
    loss = Component(name="bce", version=1, settings={"label_smoothing": 0.3})
    trial = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"loss": loss})})
    facts = run_smoke(make_work(trial=trial), ["sanity"])
    assert facts["faults"]["sanity"] == []
    assert facts["sanity"]["loss_after"] > facts["sanity"]["floor"] > 0.2


def test_an_adapter_passes_and_so_do_layers_that_are_meant_to_be_frozen(make_work: MakeWork, dataset: Dataset) -> None:
    trial = full_trial(dataset, learning_rate=5e-3, head_learning_rate=5e-2)
    for method in (
        Component(name="lora", version=1, settings={"rank": 4}),
        Component(name="full", version=1, settings={"frozen_layers": 1}),
    ):
        changed = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"method": method})})
        facts = run_smoke(make_work(trial=changed), ["steps", "sanity"])
        assert facts["faults"] == {"steps": [], "sanity": []}
        assert facts["sanity"]["frozen"] > 0


def test_a_method_without_a_model_makes_a_whole_result(make_work: MakeWork, dataset: Dataset) -> None:
    facts = run_smoke(make_work(trial=tfidf_trial(dataset, min_df=1)), ["measure", "steps", "sanity"])
    assert facts["faults"] == {"steps": []}


def built(change: Callable[[Classifier], None]) -> Build:
    """How a model is built, and then broken."""
    build = full.build_model

    def make(recipe: RecipeSpec, folder: Path, outputs: int, seed: int, points: bool = False) -> Classifier:
        model = build(recipe, folder, outputs, seed, points)
        change(model)
        return model

    return make


def disconnect(model: Classifier) -> None:
    forward = model.backbone.forward

    def detached(batch: Batch) -> Tensor:
        return forward(batch).detach()

    model.backbone.forward = detached  # type: ignore[method-assign]


def test_a_head_that_is_lost_on_reload_is_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "build_model", built(forget))
    # the job fails with it, and that is the finding
    with pytest.raises(ModelError, match=r"the stored weights do not fit: head\.weight, head\.bias"):
        run_smoke(make_work(), ["steps"])


def test_other_logits_after_a_reload_are_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    load = smoke.load_file
    monkeypatch.setattr(smoke, "load_file", lambda path: {n: t + (n == "head.bias") * 0.5 for n, t in load(path).items()})
    facts = run_smoke(make_work(), ["steps"])
    assert "gives other logits after it was saved and loaded" in said(facts, "steps")
    assert facts["steps"]["difference"] == pytest.approx(0.5, rel=1e-3)


def test_a_saved_model_without_its_head_is_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    load = smoke.load_file
    monkeypatch.setattr(smoke, "load_file", lambda path: {n: t for n, t in load(path).items() if not n.startswith("head.")})
    facts = run_smoke(make_work(), ["steps"])
    assert "2 tensors of the model are lost when it is saved, such as head.bias" in said(facts, "steps")


def test_a_model_that_is_not_saved_at_all_is_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "keep_model", lambda work, weights: None)
    assert "is not saved" in said(run_smoke(make_work(), ["steps"]), "steps")


def test_a_frozen_layer_that_should_train_is_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "build_model", built(freeze))
    facts = run_smoke(make_work(), ["steps", "sanity"])
    assert "weights are frozen, and the method full trains all, such as backbone.model.encoder.layer.1." in said(
        facts, "sanity"
    )
    assert facts["sanity"]["frozen"] > 0


def test_a_model_that_cannot_tell_examples_apart_is_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "build_model", built(merge_rows))
    facts = run_smoke(make_work(), ["steps", "sanity"])
    assert facts["faults"]["steps"] == []
    assert said(facts, "sanity").startswith("ten examples are not learned by heart: ")


def test_weights_that_no_gradient_reaches_are_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "build_model", built(disconnect))
    assert "weights get no gradient, though they should be trained" in said(run_smoke(make_work(), ["sanity"]), "sanity")


def test_weights_that_the_optimizer_does_not_have_are_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Optimizer.__init__

    def without_head(self: Optimizer, model: Classifier, *more: Any, **named: Any) -> None:
        make(self, model, *more, **named)
        for group in self.adamw.param_groups:
            group["params"] = [p for p in group["params"] if p is not model.head.weight]

    monkeypatch.setattr(Optimizer, "__init__", without_head)
    assert "1 weights were not changed by the optimizer" in said(run_smoke(make_work(), ["sanity"]), "sanity")


def test_a_frozen_weight_that_changes_is_found(make_work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "build_model", built(freeze))
    step = Optimizer.step

    def meddle(self: Optimizer, number: int) -> Tensor:
        norm = step(self, number)
        with torch.no_grad():
            frozen.add_(1e-7)
        return norm

    work = make_work()
    trainer, _ = full.assemble(work)
    frozen = next(p for n, p in trainer.model.named_parameters() if not p.requires_grad and n.endswith("bias"))
    monkeypatch.setattr(full, "assemble", lambda work: (trainer, ""))
    monkeypatch.setattr(Optimizer, "step", meddle)
    assert "1 weights were changed, though they are frozen" in said(run_smoke(work, ["sanity"]), "sanity")
