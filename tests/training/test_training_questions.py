"""Questions: two logits a token, as the library computes them; trained, saved, taken up and decoded like any other task."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from bakeoff.data.dataset import Dataset
from bakeoff.errors import ModelError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.windows import Cut, WindowStore, build_windows
from bakeoff.testing.models import Family
from bakeoff.training import full, probe
from bakeoff.training.adapting import frozen_hash, load_trained
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import make_batch, micro_batches, read_sequences
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.extracting import features_of
from bakeoff.training.full import build_model
from bakeoff.training.loop import Trainer
from bakeoff.training.material import Questions, open_material
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.smoke import run_smoke
from bakeoff.training.spans import SpanFinder, span_loss
from bakeoff.training.work import Work
from questions import LENGTH, STRIDE, make_questions, qa_trial

ModelOf = Callable[..., Path]
FAMILIES: tuple[Family, ...] = ("bert", "llama")
PLAIN = Component(name="cross-entropy", version=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_questions(tmp_path_factory.mktemp("home"))


@pytest.fixture
def make_work(dataset: Dataset, model_of: ModelOf, tmp_path: Path) -> Iterator[Callable[..., Work]]:
    logs: list[Progress] = []

    def make(trial: TrialSpec, family: Family, **more: Any) -> Work:
        folder, tokens = model_of(family, 0.1), tmp_path / f"tokens {family}"
        if not tokens.exists():
            build_windows(dataset, load_tokenizer(folder), Cut(LENGTH, STRIDE), tokens)
        attempt = AttemptFolder(tmp_path / f"attempt {len(logs)}")
        attempt.root.mkdir()
        logs.append(Progress(attempt.log))
        return Work(trial, dataset, folder, tokens, attempt, logs[-1], keep_model=True, **more)

    yield make
    for log in logs:
        log.close()


def test_logits_and_loss_are_the_librarys(make_work: Callable[..., Work], dataset: Dataset, model_of: ModelOf) -> None:
    work = make_work(qa_trial(dataset), "bert")
    store = WindowStore.open(work.tokens or Path(), dataset.fingerprint)
    library = transformers.BertForQuestionAnswering.from_pretrained(str(model_of("bert", 0.0))).eval()
    model = SpanFinder(Backbone(model_of("bert", 0.0), "first"), seed=1).eval()
    assert model.backbone.packed
    model.head.load_state_dict(library.qa_outputs.state_dict())
    rows = np.arange(store.sizes["train"])
    targets = store.targets("train", rows)
    batch = make_batch(store, "train", rows)
    loss = span_loss(PLAIN)
    with torch.no_grad():
        found = model(batch)
        ours = loss(found, torch.from_numpy(targets[batch.rows]), 0.0).mean(dim=1)
        for place, row in enumerate(batch.rows):
            one = make_batch(store, "train", np.array([row]))
            places = torch.from_numpy(targets[[row]])
            expected = library(
                input_ids=one.tokens[None],
                token_type_ids=one.padded_segments(),
                start_positions=places[:, 0],
                end_positions=places[:, 1],
            )
            length = len(one.tokens)
            logits = torch.stack([expected.start_logits[0], expected.end_logits[0]])
            torch.testing.assert_close(found[place, :, :length], logits, rtol=0, atol=1e-5)
            assert torch.isneginf(found[place, :, length:]).all()
            torch.testing.assert_close(ours[place], expected.loss, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_packed_windows_give_what_padded_ones_give(make_work: Callable[..., Work], dataset: Dataset, family: Family) -> None:
    work = make_work(qa_trial(dataset), family)
    store = WindowStore.open(work.tokens or Path(), dataset.fingerprint)
    batch = make_batch(store, "train", np.arange(store.sizes["train"]))
    targets, loss, found = torch.from_numpy(store.targets("train", batch.rows)), span_loss(PLAIN), {}
    for packed in (True, False):
        model = SpanFinder(Backbone(work.model or Path(), "first", packed=packed, dropout=0.0), seed=1)
        logits = model(batch)
        loss(logits, targets, 0.0).mean().backward()
        found[packed] = logits.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    torch.testing.assert_close(found[True][0], found[False][0], rtol=0, atol=1e-5)
    for name, gradient in found[False][1].items():
        torch.testing.assert_close(found[True][1][name], gradient, rtol=0, atol=1e-5)


def test_micro_batches_are_exact(make_work: Callable[..., Work], dataset: Dataset) -> None:
    work = make_work(qa_trial(dataset), "bert")
    store = WindowStore.open(work.tokens or Path(), dataset.fingerprint)
    loss, rows, found = span_loss(PLAIN), np.arange(12), []
    for size in (12, 5):
        model = SpanFinder(Backbone(work.model or Path(), "first", dropout=0.0), seed=1)
        for batch in micro_batches(read_sequences(store, "train", rows), "train", rows, size):
            targets = torch.from_numpy(store.targets("train", batch.rows))
            (loss(model(batch), targets, 0.0).sum() / (len(rows) * 2)).backward()
        found.append(model.head.weight.grad)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-6)


def test_smoothing_spreads_over_real_tokens_alone() -> None:
    logits = torch.tensor([[[1.0, 2.0, -torch.inf], [0.0, 1.0, -torch.inf]]])
    targets = torch.tensor([[0, 1]])
    smooth = span_loss(Component(name="cross-entropy", version=1, settings={"label_smoothing": 0.2}))
    expected = torch.nn.functional.cross_entropy(logits[0, :, :2], targets[0], label_smoothing=0.2, reduction="none")
    torch.testing.assert_close(smooth(logits, targets, 0.0)[0], expected)
    with pytest.raises(ModelError, match="no class weights"):
        span_loss(Component(name="cross-entropy", version=1, settings={"class_weights": "balanced"}))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_trial_leaves_answers_and_its_model_gives_them_again(
    make_work: Callable[..., Work], dataset: Dataset, family: Family, method: str
) -> None:
    work = make_work(qa_trial(dataset, family, method), family)
    full.run(work)
    result = Result.read(work.attempt.product / "result.json")
    outputs = Outputs.read(work.attempt.product / "test.npz")
    assert outputs.answers is not None
    assert outputs.outputs.shape == (dataset.size("test"), 2)
    assert np.isfinite(outputs.outputs).all()
    for text, context in zip(outputs.answers.best, dataset.seconds("test"), strict=True):
        assert text
        assert text in context
    assert set(result.validation) >= {"answer_f1", "exact_match", "has_answer_f1", "no_answer_accuracy", "threshold"}
    model = build_model(work.trial.recipe, work.model or Path(), 2, seed=99, points=True)
    load_trained(model, load_file(work.attempt.product / "model" / "classifier.safetensors"))
    material = open_material(work)
    rows = material.rows("test")
    logits = outputs_of(model, contextlib.nullcontext, material.store, "test", rows, work.progress)
    again = material.outputs("test", logits)
    np.testing.assert_array_equal(again.outputs, outputs.outputs)
    assert again.answers is not None
    assert again.answers.texts == outputs.answers.texts


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_taken_up_bitwise(
    make_work: Callable[..., Work], dataset: Dataset, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = qa_trial(dataset, family, epochs=2)
    whole = make_work(trial, family)
    full.run(whole)
    torn = make_work(trial, family, checkpoint_steps=1)
    step = full.Trainer.step

    def stopped(self: Any, number: int, *drawn: Any) -> None:
        if number == 3:
            raise Preempted
        step(self, number, *drawn)

    monkeypatch.setattr(full.Trainer, "step", stopped)
    with pytest.raises(Preempted):
        full.run(torn)
    monkeypatch.undo()
    again = make_work(trial, family, resume=[torn.attempt.root])
    full.run(again)
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (whole.attempt.product / name).read_bytes() == (again.attempt.product / name).read_bytes()


def test_a_probe_on_cached_tokens_learns_what_it_would_on_the_model_itself(
    make_work: Callable[..., Work], dataset: Dataset
) -> None:
    trial = qa_trial(dataset, "bert", "linear-probe", epochs=2)
    work = make_work(trial, "bert")
    cached, _ = probe.assemble(work)
    store = features_of(work)
    windows = open_material(work).rows("train")
    assert len(store.vectors["train"]) == store.starts["train"][-1] == cached.data.store.lengths("train", windows).sum()
    backbone = Backbone(work.model or Path(), "first", dropout=0.0).requires_grad_(False)
    spec, data = cached.spec, cached.data
    anew = Trainer(SpanFinder(backbone, trial.seed), spec, data, span_loss(PLAIN), trial.seed, cached.autocast, work.progress)
    logits = []
    for trainer in (cached, anew):
        trainer.run(lambda _, __: False)
        logits.append(outputs_of(trainer.model, contextlib.nullcontext, data.store, "train", windows, work.progress))
    np.testing.assert_allclose(*logits, atol=1e-5)
    assert not torch.equal(cached.model.head.weight, SpanFinder(backbone, trial.seed).head.weight)
    probe.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    assert facts["base_sha256"] == store.card["base_sha256"] == frozen_hash(backbone)
    assert facts["trainable_parameters"] == 2 * 33


def test_limits_draw_questions_and_training_visits_their_windows(make_work: Callable[..., Work], dataset: Dataset) -> None:
    trial = qa_trial(dataset)
    trial = trial.model_copy(update={"task": trial.task.model_copy(update={"train_limit": 6})})
    material = open_material(make_work(trial, "bert"))
    assert isinstance(material, Questions)
    windows = material.rows("train")
    assert set(material.store.questions[windows]) == set(material.work.rows("train").tolist())
    assert len(windows) > 6
    assert len(material.targets()) == len(windows)


def test_a_smoke_run_finds_nothing_wrong(make_work: Callable[..., Work], dataset: Dataset) -> None:
    found = run_smoke(make_work(qa_trial(dataset), "bert"), ["measure", "steps", "sanity"])
    assert found["faults"] == {"steps": [], "sanity": []}
    assert found["sanity"]["floor"] == 0.0
    assert found["steps"]["difference"] == 0.0
