"""Texts in windows: every method hears a text's pieces together; a piece bears its text's labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from bakeoff.catalog import registry
from bakeoff.data.dataset import Dataset
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, RecipeSpec, TrialSpec
from bakeoff.tasks.pieces import LongText
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.training import full
from bakeoff.training.batches import make_batch
from bakeoff.training.material import open_material
from bakeoff.training.progress import Progress
from bakeoff.training.smoke import run_smoke
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

ROOM, STRIDE = 10, 2


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"))


@pytest.fixture
def make_work(dataset: Dataset, model_of: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Work]]:
    logs: list[Progress] = []

    def make(method: str, family: str = "bert", how: str = "windows", **more: Any) -> Work:
        folder, tokens = model_of(family, 0.0), tmp_path / f"tokens {family} {how}"
        if not tokens.exists():
            build_store(dataset, load_tokenizer(folder), ROOM, tokens, long_text=LongText(how, STRIDE))  # type: ignore[arg-type]
        attempt = AttemptFolder(tmp_path / f"attempt {len(logs)}")
        attempt.root.mkdir()
        logs.append(Progress(attempt.log))
        return Work(trial_of(dataset, method, family, how), dataset, folder, tokens, attempt, logs[-1], keep_model=True, **more)

    yield make
    for log in logs:
        log.close()


def trial_of(dataset: Dataset, method: str, family: str, how: str) -> TrialSpec:
    trial = full_trial(dataset, family, epochs=2)
    card = registry.method(method)
    changes: dict[str, Any] = {"method": Component(name=method, version=1, settings={})}
    if not card.trains:
        changes |= {"loss": None, "training": None}
    recipe: RecipeSpec = trial.recipe.model_copy(update=changes)
    task = {"max_length": ROOM, "long_text": how, "stride": STRIDE if how == "windows" else None}
    return trial.model_copy(update={"task": trial.task.model_copy(update=task), "recipe": recipe})


@pytest.mark.parametrize(
    ("method", "family"),
    [
        ("full", "bert"),
        ("lora", "llama"),
        ("linear-probe", "bert"),
        ("nearest-centroid", "bert"),
        ("zero-shot", "bert"),
    ],
)
@pytest.mark.parametrize("how", ["windows", "head-tail"])
def test_every_method_says_one_thing_of_each_text(
    make_work: Callable[..., Work], dataset: Dataset, method: str, family: str, how: str
) -> None:
    work = make_work(method, family, how)
    registry.method(method).load()(work)
    outputs = Outputs.read(work.attempt.product / "test.npz")
    assert outputs.outputs.shape == (dataset.size("test"), 3)
    assert outputs.ids == dataset.ids("test")
    assert np.isfinite(outputs.outputs).all()
    assert outputs.lengths is not None
    assert outputs.lengths.tolist() == [len(text) for text in dataset.texts("test")]
    assert "f1_macro" in Result.read(work.attempt.product / "result.json").validation


def test_pieces_bear_labels_and_are_heard_together(make_work: Callable[..., Work], dataset: Dataset) -> None:
    work = make_work("full")
    material = open_material(work)
    rows = material.rows("train")
    owners = material.store.owners_of("train", rows)
    assert len(rows) > len(set(owners)) == dataset.size("train")
    np.testing.assert_array_equal(material.targets(), dataset.targets("train")[owners])
    full.run(work)
    model = full.build_model(work.trial.recipe, work.model or Path(), 3, seed=5)
    model.load_state_dict(load_file(work.attempt.product / "model" / "classifier.safetensors"))
    model.eval()
    found = Outputs.read(work.attempt.product / "test.npz").outputs
    for text in range(dataset.size("test")):
        pieces = material.store.rows_of("test", np.array([text]))
        logits = model(make_batch(material.store, "test", pieces)).detach().numpy()
        np.testing.assert_allclose(found[text], logits.mean(axis=0), atol=1e-5)


def test_limits_draw_texts_with_all_their_pieces(make_work: Callable[..., Work]) -> None:
    work = make_work("full")
    work.trial = work.trial.model_copy(update={"task": work.trial.task.model_copy(update={"train_limit": 5})})
    material = open_material(work)
    owners = material.store.owners_of("train", material.rows("train"))
    assert sorted(set(owners.tolist())) == work.rows("train").tolist()
    assert len(material.targets()) == len(owners) > 5


@pytest.mark.parametrize("method", ["full", "linear-probe"])
def test_a_smoke_run_finds_nothing_wrong(make_work: Callable[..., Work], method: str) -> None:
    found = run_smoke(make_work(method), ["steps", "sanity"])
    assert found["faults"] == {"steps": [], "sanity": []}
    assert found["steps"]["difference"] == 0.0
