"""The method `tfidf` gives valid products, the same each time, on corpora of any size."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.catalog.methods import TfidfSettings
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.errors import DataError
from bakeoff.records.paths import AttemptFolder, Home
from bakeoff.records.results import Outputs, Result, verify_manifest
from bakeoff.records.specs import Component, TreatmentSpec
from bakeoff.training import tfidf
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.work import Work
from tiny import LABELS, make_dataset, rows_of, tfidf_trial

MakeWork = Callable[..., Work]


@pytest.fixture
def make_work(hostile_path: Path) -> Iterator[MakeWork]:
    open_logs = []

    def make(dataset: Dataset, seed: int = 1, **settings: Any) -> Work:
        attempt = AttemptFolder(hostile_path / f"attempt {len(open_logs)}")
        attempt.root.mkdir()
        open_logs.append(Progress(attempt.log))
        return Work(tfidf_trial(dataset, seed, **settings), dataset, None, None, attempt, open_logs[-1])

    yield make
    for log in open_logs:
        log.close()


def run(work: Work) -> tuple[Result, Outputs]:
    tfidf.run(work)
    return Result.read(work.attempt.product / "result.json"), Outputs.read(work.attempt.product / "test.npz")


def dataset_of(root: Path, train: list[Row]) -> Dataset:
    others = {split: rows_of(split, 6) for split in ("validation", "test")}
    return write_dataset(Home(root), Import("tiny", LABELS, {"train": train, **others}))


def test_the_product_is_valid_and_it_learns(make_work: MakeWork, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "home")
    work = make_work(dataset)
    result, outputs = run(work)
    assert verify_manifest(work.attempt.product, result.manifest) == []
    assert outputs.ids == dataset.ids("test")
    assert outputs.outputs.shape == (10, 3)
    assert result.validation["f1_macro"] > 0.95
    assert result.training["steps"] == 3
    assert result.training["examples"] == result.training["train_examples"] == 24
    assert result.training["parameters"] == 3 * (result.training["features"] + 1)
    events = [json.loads(line)["event"] for line in work.attempt.log.read_text().splitlines()]
    assert (events[0], events[-1]) == ("begin", "validation")


def test_the_same_trial_gives_the_same_bytes(make_work: MakeWork, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "home")
    works = [make_work(dataset), make_work(dataset)]
    for work in works:
        tfidf.run(work)
    for name in ("result.json", "validation.npz", "test.npz"):
        assert (works[0].attempt.product / name).read_bytes() == (works[1].attempt.product / name).read_bytes()


def test_logits_are_those_of_scikit_learn(make_work: MakeWork, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    dataset = make_dataset(tmp_path / "home")
    _, outputs = run(make_work(dataset, c=2.0, class_weight="none", ngrams=1))
    settings = TfidfSettings(ngrams=1)
    vectorizer, features = tfidf.fit_features(dataset.texts("train"), settings)
    assert "!" in vectorizer.vocabulary_
    model = LogisticRegression(C=2.0, solver="liblinear", random_state=1).fit(features, dataset.targets("train")[:, 1])
    expected = model.decision_function(vectorizer.transform(dataset.texts("test")))
    assert outputs.outputs[:, 1] == pytest.approx(expected, abs=1e-5)


def test_a_label_that_is_never_or_always_there_has_a_constant_logit(make_work: MakeWork, tmp_path: Path) -> None:
    train = [Row(str(number), f"word number {number} day", (0, 1) if number % 2 else (0,)) for number in range(12)]
    result, outputs = run(make_work(dataset_of(tmp_path / "home", train)))
    assert set(outputs.outputs[:, 0].tolist()) == {tfidf.EDGE}
    assert set(outputs.outputs[:, 2].tolist()) == {-tfidf.EDGE}
    assert result.training["parameters"] == result.training["features"] + 1 + 2


@pytest.mark.parametrize(
    "texts",
    [
        ["one"],
        ["one word", "another thing"],
        ["all of these", "have nothing in", "common with any", "other text here"],
        ["\u00e9t\u00e9 \ud800 broken", "\u00e9t\u00e9 \x00 again", "?"],
        ["", " ", "word"],
    ],
)
def test_a_tiny_corpus_works(make_work: MakeWork, tmp_path: Path, texts: list[str]) -> None:
    train = [Row(str(number), text, (number % 2,)) for number, text in enumerate(texts)]
    result, outputs = run(make_work(dataset_of(tmp_path / "home", train), min_df=5))
    assert result.training["features"] >= 1
    assert np.isfinite(outputs.outputs).all()


def test_a_corpus_without_words_is_an_error(make_work: MakeWork, tmp_path: Path) -> None:
    train = [Row(str(number), " \n", (number % 2,)) for number in range(4)]
    with pytest.raises(DataError, match="the training texts have no word"):
        tfidf.run(make_work(dataset_of(tmp_path / "home", train)))


def test_rare_terms_are_left_out() -> None:
    texts = ["good day", "good night", "bad day"]
    assert set(tfidf.fit_features(texts, TfidfSettings(ngrams=1, min_df=2))[0].vocabulary_) == {"good", "day"}
    assert set(tfidf.fit_features(texts, TfidfSettings(ngrams=1, min_df=1))[0].vocabulary_) == {"good", "day", "night", "bad"}
    assert len(tfidf.fit_features(texts, TfidfSettings(ngrams=2, min_df=1, max_features=3))[0].vocabulary_) == 3


def test_it_stops_when_asked(make_work: MakeWork, tmp_path: Path) -> None:
    work = make_work(make_dataset(tmp_path / "home"))
    work.progress.stop_asked = True
    with pytest.raises(Preempted):
        tfidf.run(work)
    assert not work.attempt.product.exists()


def test_a_sampling_is_a_weight_of_examples(make_work: MakeWork, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    train = [Row(str(n), f"a {'bad' if n % 3 else 'good'} day, number {n}", (int(n % 3 == 0),)) for n in range(24)]
    dataset = dataset_of(tmp_path / "home", train)
    work = make_work(dataset, c=2.0, class_weight="none", ngrams=1, min_df=1)
    treatment = TreatmentSpec(sampling=Component(name="oversample", version=1, settings={"below": 10, "by": 0.5}))
    recipe = work.trial.recipe.model_copy(update={"treatment": treatment})
    work.trial = work.trial.model_copy(update={"recipe": recipe})
    weights = tfidf.example_weights(work)
    assert weights is not None
    assert weights.mean() == pytest.approx(1)
    assert len(set(weights.tolist())) > 1
    _, outputs = run(work)
    vectorizer, features = tfidf.fit_features(dataset.texts("train"), TfidfSettings(ngrams=1, min_df=1))
    model = LogisticRegression(C=2.0, solver="liblinear", random_state=1)
    model.fit(features, dataset.targets("train")[:, 1], sample_weight=weights)
    expected = model.decision_function(vectorizer.transform(dataset.texts("test")))
    assert outputs.outputs[:, 1] == pytest.approx(expected, abs=1e-5)
