"""Ensembles, averaged weights and students, against numbers worked out by hand and by NumPy, on tiny models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.catalog.methods import DistillSettings
from bakeoff.data.dataset import Dataset
from bakeoff.errors import DataError, ModelError
from bakeoff.losses.base import LossFacts, make_loss
from bakeoff.losses.known import KnownOnly
from bakeoff.metrics.multilabel import sigmoid
from bakeoff.metrics.single import softmax
from bakeoff.records.files import move_into_place, sha256_file, write_document
from bakeoff.records.paths import TrialFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import TRIAL_VERSION, Component, TrialSpec
from bakeoff.training import full
from bakeoff.training.adapting import adapt
from bakeoff.training.backbone import Backbone
from bakeoff.training.distilling import TaughtLoss, unlabelled_rows
from bakeoff.training.distilling import run as distill
from bakeoff.training.ensembles import average_probabilities, average_weights, mean_logits, mean_tensors
from bakeoff.training.layers import taken
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

MakeWork = Callable[..., Work]
Family = Callable[..., Path]


def test_the_mean_of_probabilities_by_hand() -> None:
    members = [np.log(np.array([[0.2, 0.5]]) / np.array([[0.8, 0.5]])), np.log(np.array([[0.6, 0.9]]) / np.array([[0.4, 0.1]]))]
    logits = mean_logits([one.astype(np.float32) for one in members], exclusive=False)
    assert sigmoid(logits) == pytest.approx(np.array([[0.4, 0.7]]), abs=1e-6)
    members = [np.log(np.array([[0.7, 0.2, 0.1]])), np.log(np.array([[0.1, 0.8, 0.1]]))]
    logits = mean_logits([one.astype(np.float32) for one in members], exclusive=True)
    assert softmax(logits) == pytest.approx(np.array([[0.4, 0.5, 0.1]]), abs=1e-6)
    certain = np.full((1, 2), 200.0, dtype=np.float32)
    assert np.isfinite(mean_logits([certain, certain], exclusive=False)).all()


def test_the_mean_of_weights_and_what_has_none() -> None:
    members = [{"a": torch.tensor([1.0, 3.0])}, {"a": torch.tensor([2.0, 5.0])}]
    assert mean_tensors(members)["a"].tolist() == [1.5, 4.0]
    with pytest.raises(ModelError, match="different names or shapes"):
        mean_tensors([members[0], {"a": torch.zeros(3)}])


@pytest.mark.parametrize(
    ("count", "wanted", "places"), [(6, 3, [0, 2, 5]), (12, 6, [0, 2, 4, 6, 8, 11]), (6, 1, [0]), (4, 4, [0, 1, 2, 3])]
)
def test_a_student_takes_layers_evenly(count: int, wanted: int, places: list[int]) -> None:
    assert taken(count, wanted) == places


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_loss_of_a_student_against_numpy(exclusive: bool) -> None:
    chance = np.random.default_rng(4)
    logits, teacher = chance.normal(size=(2, 5, 3)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[chance.integers(0, 3, 5)]
    settings = DistillSettings(teacher="t", temperature=3.0, weight=0.7)
    own = make_loss("cross-entropy" if exclusive else "bce", {}, LossFacts([1, 2, 2], 5))
    taught = TaughtLoss(own, settings, exclusive)
    found = taught(torch.from_numpy(logits), torch.from_numpy(np.hstack([labels, teacher])), 0.0).numpy()
    if exclusive:
        apart = -softmax(teacher / 3.0) * np.log(softmax(logits / 3.0))
    else:
        p, q = sigmoid(teacher / 3.0), sigmoid(logits / 3.0)
        apart = -(p * np.log(q) + (1 - p) * np.log(1 - q))
    alone = own(torch.from_numpy(logits), torch.from_numpy(labels), 0.0).numpy()
    assert found == pytest.approx(0.7 * 9.0 * apart + 0.3 * alone, abs=1e-5)
    hidden = np.hstack([np.full_like(labels, -1.0), teacher])
    unlabelled = TaughtLoss(KnownOnly(own), settings, exclusive)(torch.from_numpy(logits), torch.from_numpy(hidden), 0.0)
    assert unlabelled.numpy() == pytest.approx(0.7 * 9.0 * apart, abs=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama", "deberta-v2"])
def test_layers_can_be_taken_from_every_family(model_of: Family, family: str) -> None:
    backbone = Backbone(model_of(family), "mean")
    layers = backbone.model.config.num_hidden_layers
    adapt(backbone, Component(name="distill", version=1, settings={"teacher": "t", "layers": 1}), 1)
    assert backbone.model.config.num_hidden_layers == 1 < layers
    with pytest.raises(ModelError, match=f"is to have {layers} layers"):
        adapt(backbone, Component(name="distill", version=1, settings={"teacher": "t", "layers": layers}), 1)


@pytest.fixture
def trained(tmp_path: Path, work_of: MakeWork) -> tuple[Dataset, list[tuple[TrialSpec, TrialFolder]]]:
    """Two seeds of a tiny trial, complete, with their models."""
    dataset = make_dataset(tmp_path)
    found = []
    for seed in (1, 2):
        trial = full_trial(dataset, seed=seed)
        trial = trial.model_copy(update={"task": trial.task.model_copy(update={"train_limit": 16})})
        work = work_of(dataset, trial, "bert", keep_model=True)
        full.run(work)
        folder = TrialFolder(tmp_path / trial.id)
        write_document(folder.trial, "trial", TRIAL_VERSION, {"id": trial.id, **trial.model_dump()})
        for path in sorted(work.attempt.product.iterdir()):
            move_into_place(path, folder.root / path.name)
        found.append((trial, folder))
    return dataset, found


def made(work_of: MakeWork, dataset: Dataset, members: list[tuple[TrialSpec, TrialFolder]], method: Component) -> Work:
    """A trial that is made of others."""
    first = members[0][0]
    recipe = first.recipe.model_copy(update={"name": "made", "method": method})
    trial = first.model_copy(update={"recipe": recipe, "made_of": {one.id: one.definition_hash for one, _ in members}})
    return work_of(dataset, trial, "bert", keep_model=True, made_of={one.id: folder for one, folder in members})


def test_an_ensemble_says_the_mean_of_what_its_members_say(
    trained: tuple[Dataset, list[tuple[TrialSpec, TrialFolder]]], work_of: MakeWork
) -> None:
    dataset, members = trained
    work = made(work_of, dataset, members, Component(name="ensemble", version=1, settings={"of": ["full"]}))
    average_probabilities(work)
    for split in ("validation", "test"):
        said = [Outputs.read(folder.root / f"{split}.npz") for _, folder in members]
        found = Outputs.read(work.attempt.product / f"{split}.npz")
        assert found.ids == said[0].ids
        mean = np.mean([sigmoid(one.outputs) for one in said], axis=0)
        assert sigmoid(found.outputs) == pytest.approx(mean, abs=1e-5)
    training = Result.read(work.attempt.product / "result.json").training
    assert training["made_from"] == {trial.id: sha256_file(folder.result) for trial, folder in members}
    members[0][1].test.write_bytes(b"torn")
    with pytest.raises(DataError, match="is not complete"):
        average_probabilities(made(work_of, dataset, members, work.trial.recipe.method))


def test_averaged_weights_are_one_model(
    trained: tuple[Dataset, list[tuple[TrialSpec, TrialFolder]]], work_of: MakeWork
) -> None:
    dataset, members = trained
    work = made(work_of, dataset, members, Component(name="weight-average", version=1, settings={"of": ["full"]}))
    average_weights(work)
    product = work.attempt.product
    found = load_file(product / "model" / "classifier.safetensors")
    weights = [load_file(folder.model / "classifier.safetensors") for _, folder in members]
    for name, tensor in found.items():
        assert torch.allclose(tensor, (weights[0][name] + weights[1][name]) / 2, atol=1e-6)
    assert Result.read(product / "result.json").training["weights_sha256"] == sha256_file(
        product / "model" / "classifier.safetensors"
    )
    assert np.isfinite(Outputs.read(product / "test.npz").outputs).all()
    (members[0][1].model / "classifier.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="is not the one that it ended with"):
        average_weights(made(work_of, dataset, members, work.trial.recipe.method))


@pytest.mark.parametrize("unlabelled", [0, 6])
def test_a_student_learns_from_its_teacher(
    trained: tuple[Dataset, list[tuple[TrialSpec, TrialFolder]]], work_of: MakeWork, unlabelled: int
) -> None:
    dataset, members = trained
    settings = {"teacher": "full", "layers": 1, "temperature": 2.0, "weight": 1.0, "unlabelled": unlabelled}
    work = made(work_of, dataset, members[:1], Component(name="distill", version=1, settings=settings))
    assert work.trial.recipe.training is not None
    longer = work.trial.recipe.training.model_copy(update={"epochs": 12})
    work = replace(
        work, trial=work.trial.model_copy(update={"recipe": work.trial.recipe.model_copy(update={"training": longer})})
    )
    distill(work)
    product = work.attempt.product
    training = Result.read(product / "result.json").training
    assert training["unlabelled_examples"] == unlabelled
    assert training["made_from"] == {members[0][0].id: sha256_file(members[0][1].result)}
    assert training["history"][-1]["loss"] < training["history"][0]["loss"]
    assert json.loads((product / "model" / "config.json").read_text())["num_hidden_layers"] == 1
    assert not [name for name in load_file(product / "model" / "classifier.safetensors") if ".layer.1." in name]
    rows = unlabelled_rows(work, unlabelled)
    assert len(rows) == unlabelled and not set(rows) & set(work.rows("train"))
    with pytest.raises(ModelError, match="8 examples beyond the limit"):
        unlabelled_rows(work, 9)
