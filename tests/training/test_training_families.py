"""Every family of models through every kind of task and every method: saved and loaded to the same logits, merged, taken up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from bakeoff.catalog import registry
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.records.paths import AttemptFolder, Home
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.tasks.windows import Cut, build_windows
from bakeoff.testing.models import FAMILIES, Family
from bakeoff.training import full, probe
from bakeoff.training.adapting import load_trained
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.loop import Trainer
from bakeoff.training.material import open_material
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.work import Work
from questions import LENGTH, STRIDE, make_questions, qa_task
from tiny import full_trial, make_dataset, task_of

SIZES = {"train": 8, "validation": 3, "test": 3}
KINDS = ("multilabel", "single-label", "qa")
METHODS: dict[str, dict[str, Any]] = {"full": {}, "lora": {"rank": 2, "dropout": 0.1}, "linear-probe": {}}
LOSSES = {"multilabel": "bce", "single-label": "cross-entropy", "qa": "cross-entropy"}
ASSEMBLE = {"full": full.assemble, "lora": full.assemble, "linear-probe": probe.assemble}


def make_pairs(root: Path) -> Dataset:
    """Pairs of texts, the second of different lengths, with one of two labels."""
    said = ("the happy day", "a bad night", "very good, very happy")
    splits = {
        split: [Row(f"{split}-{n}", said[n % 3], (n % 2,), said[(n + n % 2) % 3] * (1 + n % 2)) for n in range(size)]
        for split, size in SIZES.items()
    }
    return write_dataset(Home(root), Import("pairs", ("no", "yes"), splits))


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    root = tmp_path_factory.mktemp("home")
    made = (make_dataset(root, SIZES), make_pairs(root), make_questions(root, SIZES))
    return dict(zip(KINDS, made, strict=True))


def trial_of(dataset: Dataset, family: Family, kind: str, method: str) -> TrialSpec:
    plain = full_trial(dataset, family, pooling="last" if family in ("llama", "gpt2") else "mean", batch_size=4)
    task = {
        "multilabel": task_of(dataset),
        "single-label": task_of(dataset, kind="single-label", metric="accuracy"),
        "qa": qa_task(dataset),
    }[kind]
    parts = {
        "method": Component(name=method, version=1, settings=METHODS[method]),
        "loss": Component(name=LOSSES[kind], version=1),
    }
    return plain.model_copy(update={"task": task, "recipe": plain.recipe.model_copy(update=parts)})


@pytest.fixture
def make_work(model_of: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Work]]:
    logs: list[Progress] = []

    def make(dataset: Dataset, trial: TrialSpec, family: Family, **more: Any) -> Work:
        folder, tokens = model_of(family, 0.1), tmp_path / "tokens"
        if not tokens.exists():
            tokenizer = load_tokenizer(folder)
            if trial.task.finds_spans:
                build_windows(dataset, tokenizer, Cut(LENGTH, STRIDE), tokens)
            else:
                build_store(dataset, tokenizer, 32, tokens)
        attempt = AttemptFolder(tmp_path / f"attempt {len(logs)}")
        attempt.root.mkdir()
        logs.append(Progress(attempt.log))
        return Work(trial, dataset, folder, tokens, attempt, logs[-1], keep_model=True, **more)

    yield make
    for log in logs:
        log.close()


def stop_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    step = Trainer.step

    def stopped(self: Trainer, at: int, *rest: Any) -> None:
        if at == number:
            raise Preempted
        step(self, at, *rest)

    monkeypatch.setattr(Trainer, "step", stopped)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_trained_taken_up_saved_and_loaded(
    make_work: Callable[..., Work],
    datasets: dict[str, Dataset],
    monkeypatch: pytest.MonkeyPatch,
    family: Family,
    kind: str,
    method: str,
) -> None:
    dataset, run = datasets[kind], registry.method(method).load()
    trial = trial_of(dataset, family, kind, method)
    whole = make_work(dataset, trial, family)
    run(whole)
    torn = make_work(dataset, trial, family, checkpoint_steps=1)
    stop_at(monkeypatch, 1)
    with pytest.raises(Preempted):
        run(torn)
    monkeypatch.undo()
    again = make_work(dataset, trial, family, resume=[torn.attempt.root])
    run(again)
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (whole.attempt.product / name).read_bytes() == (again.attempt.product / name).read_bytes(), name
    facts, outputs = (
        Result.read(whole.attempt.product / "result.json").training,
        Outputs.read(whole.attempt.product / "test.npz"),
    )
    assert np.isfinite(outputs.outputs).all()
    assert facts["packed"]
    assert facts["note"] == ""
    assert bool(facts.get("base_sha256")) == (method != "full")
    assert facts.get("base_sha256_after") == facts.get("base_sha256")
    if method == "lora":
        assert facts["anatomy"]["mergeable"]
        assert facts["anatomy"]["merged_difference"] > 0  # something was merged
    # another start of head and adapter: what is not saved would show
    other = make_work(dataset, trial.model_copy(update={"seed": 99}), family, features=again_features(again))
    trainer, _ = ASSEMBLE[method](other)
    load_trained(trainer.model, load_file(whole.attempt.product / "model" / "classifier.safetensors"))
    material = open_material(other, trainer.data.store)
    rows = material.rows("test")
    logits = outputs_of(trainer.model, contextlib.nullcontext, material.store, "test", rows, other.progress)
    np.testing.assert_array_equal(material.outputs("test", logits).outputs, outputs.outputs)


def again_features(work: Work) -> Path | None:
    """The features that an attempt made for itself, if its method reads any."""
    made = work.attempt.root / "features"
    return made if made.is_dir() else None
