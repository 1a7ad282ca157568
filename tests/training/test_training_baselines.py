"""Baselines: what they answer follows from label shares, centroids or label names, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.errors import ModelError
from bakeoff.records.paths import Home
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training import baselines, zero_shot
from bakeoff.training.extracting import features_of
from bakeoff.training.work import Work
from tiny import PHRASES, full_trial, make_dataset

WorkOf = Callable[..., Work]
SHARES = (0.5, 0.3, 0.2)
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Several labels for a text."""
    return make_dataset(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """One of three labels for a text, with shares of a half, three tenths and a fifth."""
    labels = [0] * 5 + [1] * 3 + [2] * 2
    splits = {
        split: [Row(f"{split}-{n}", f"{PHRASES[labels[n % 10]]} {n}", (labels[n % 10],)) for n in range(size)]
        for split, size in (("train", 40), ("validation", 20), ("test", 2000))
    }
    root = tmp_path_factory.mktemp("home of one")
    return write_dataset(Home(root), Import("one", ("joy", "anger", "calm_night"), splits))


def trial_of(dataset: Dataset, method: str, family: str = "bert", seed: int = 1, **settings: Any) -> TrialSpec:
    trial = full_trial(dataset, family, seed)
    component = Component(name=method, version=1, settings=settings)
    recipe = trial.recipe.model_copy(update={"method": component, "loss": None, "training": None})
    task = trial.task
    if dataset.name == "one":
        task = task.model_copy(update={"kind": "single-label", "metric": "accuracy"})
    return trial.model_copy(update={"recipe": recipe, "task": task})


def outputs(work: Work, split: str = "test") -> Any:
    return Outputs.read(work.attempt.product / f"{split}.npz").outputs


def test_majority_answers_the_most_frequent_label_and_its_shares(work_of: WorkOf, one: Dataset, many: Dataset) -> None:
    work = work_of(one, trial_of(one, "majority"), "bert")
    baselines.majority(work)
    np.testing.assert_allclose(np.exp(outputs(work)), np.tile(SHARES, (2000, 1)), rtol=1e-5)
    assert Result.read(work.attempt.product / "result.json").validation["accuracy"] == 0.5
    work = work_of(many, trial_of(many, "majority"), "bert")
    baselines.majority(work)
    shares = many.targets("train").mean(axis=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-outputs(work).astype(np.float64))), np.tile(shares, (10, 1)), rtol=1e-5)


def test_random_draws_each_label_as_often_as_training_shows_it(work_of: WorkOf, one: Dataset, many: Dataset) -> None:
    drawn = []
    for seed in (1, 1, 2):
        work = work_of(one, trial_of(one, "random", seed=seed), "bert")
        baselines.stratified(work)
        drawn.append(outputs(work) > 0)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert (drawn[0].sum(axis=1) == 1).all()
    np.testing.assert_allclose(drawn[0].mean(axis=0), SHARES, atol=0.04)  # three standard deviations and more
    work = work_of(many, trial_of(many, "random"), "bert")
    baselines.stratified(work)
    assert set(np.unique(outputs(work))) == {-5.0, 5.0}


@pytest.mark.parametrize("kind", ["one", "many"])
def test_the_nearest_centroid_wins(work_of: WorkOf, one: Dataset, many: Dataset, kind: str) -> None:
    dataset = one if kind == "one" else many
    work = work_of(dataset, trial_of(dataset, "nearest-centroid"), "bert")
    baselines.nearest_centroid(work)
    features, gold = features_of(work), dataset.targets("train").astype(bool)
    norm = {split: v / np.linalg.norm(v, axis=1, keepdims=True) for split, v in features.vectors.items()}
    expected = np.zeros(outputs(work).shape)
    for label in range(3):
        for members, sign in ((gold[:, label], 1), (~gold[:, label], -1)):
            middle = norm["train"][members].mean(axis=0)
            if sign > 0 or kind == "many":
                expected[:, label] += sign * 10 * norm["test"] @ middle / np.linalg.norm(middle)
    np.testing.assert_allclose(outputs(work), expected, atol=1e-4)
    facts = Result.read(work.attempt.product / "result.json")
    assert facts.training["base_sha256"] == features.card["base_sha256"]
    if kind == "one":
        assert facts.validation["accuracy"] > 0.9  # the texts of a label are nearly alike


def test_an_encoder_compares_texts_with_the_names_of_labels(work_of: WorkOf, one: Dataset) -> None:
    work = work_of(one, trial_of(one, "zero-shot", words={"joy": f"{PHRASES[0]} 0", "anger": f"{PHRASES[1]} 5"}), "bert")
    zero_shot.run(work)
    found = outputs(work)
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-5)
    gold = one.targets("test")
    assert (found.argmax(axis=1) == gold.argmax(axis=1))[gold[:, 2] == 0].mean() > 0.8
    assert Result.read(work.attempt.product / "result.json").training["by"] == "similarity"
    assert zero_shot.label_words(work, zero_shot.ZeroShotSettings()) == ["joy", "anger", "calm night"]


def test_words_for_a_label_that_is_not_there_are_named(work_of: WorkOf, one: Dataset) -> None:
    work = work_of(one, trial_of(one, "zero-shot", words={"rage": "x"}), "bert")
    with pytest.raises(ModelError, match="no label 'rage'"):
        zero_shot.run(work)


def decoder(folder: Path) -> Path:
    """A tiny model that predicts words, with the head that it needs for it."""
    tokenizer = load_tokenizer(folder)
    config = transformers.AutoConfig.from_pretrained(str(folder))
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config)
    target = folder.with_name(f"{folder.name} with words")
    model.save_pretrained(str(target))
    tokenizer.save_pretrained(str(target))
    return target


def test_a_decoder_says_how_likely_names_are_behind_the_text(
    work_of: WorkOf, one: Dataset, model_of: Callable[..., Path]
) -> None:
    trial = trial_of(one, "zero-shot", "llama", prompt="Say: {text} =>")
    trial = trial.model_copy(update={"task": trial.task.model_copy(update={"test_limit": 6, "max_length": 48})})
    work = work_of(one, trial, "llama")
    with pytest.raises(ModelError, match="cannot predict words"):
        zero_shot.run(work)
    work.model = decoder(model_of("llama"))
    zero_shot.run(work)
    tokenizer, model = load_tokenizer(work.model), zero_shot.load_decoder(work.model)
    row = int(work.rows("test")[2])
    answers = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in ("joy", "anger", "calm night")]
    tail = tokenizer(" =>", add_special_tokens=False)["input_ids"]
    text = tokenizer(f"Say: {one.texts('test')[row]}")["input_ids"][: 48 - len(tail) - max(map(len, answers))]
    expected = []
    for answer in answers:
        ids = text + tail + answer
        with torch.no_grad():
            said = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        places = range(len(ids) - len(answer), len(ids))
        expected.append(float(np.mean([float(said[place - 1, ids[place]]) for place in places])))
    np.testing.assert_allclose(outputs(work)[2], np.array(expected) - np.mean(expected), atol=1e-5)
    assert Result.read(work.attempt.product / "result.json").training["by"] == "likelihood"


@pytest.mark.parametrize(("family", "expected"), [("bert", False), ("roberta", False), ("deberta-v2", False), ("llama", True)])
def test_which_models_are_decoders(model_of: Callable[..., Path], family: str, expected: bool) -> None:
    assert zero_shot.is_decoder(model_of(family)) is expected


def test_what_rows_belong_to_is_stored_with_their_outputs(work_of: WorkOf, tmp_path: Path) -> None:
    groups = ["a", "", "b", "a", "", "b"]
    rows = [Row(str(number), f"text {number}", (number % 2,), group=group) for number, group in enumerate(groups)]
    dataset = write_dataset(Home(tmp_path / "home"), Import("grouped", ("x", "y"), dict.fromkeys(SPLITS, rows)))
    work = work_of(dataset, trial_of(dataset, "majority"), "bert")
    baselines.majority(work)
    for split in ("validation", "test"):
        clusters = Outputs.read(work.attempt.product / f"{split}.npz").clusters
        assert clusters is not None
        assert clusters.tolist() == [0, 1, 2, 0, 3, 2]  # an empty group is a row that stands alone


def test_rows_that_stand_alone_have_no_clusters(work_of: WorkOf, many: Dataset) -> None:
    trial = trial_of(many, "majority")
    alone = trial.model_copy(update={"task": trial.task.model_copy(update={"clusters": "none"})})
    work = work_of(many, alone, "bert")
    baselines.majority(work)
    assert Outputs.read(work.attempt.product / "test.npz").clusters is None
