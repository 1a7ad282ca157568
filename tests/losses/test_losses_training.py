"""Losses in the training loop: what they learn, what they are told, and that BCE is trained as it always was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from bakeoff.losses.base import Loss, LossFacts
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Result
from bakeoff.records.specs import Component
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.testing.models import make_tiny_model
from bakeoff.training import full
from bakeoff.training.backbone import Backbone
from bakeoff.training.classifier import Classifier
from bakeoff.training.loop import Trainer, TrainingData
from bakeoff.training.optimizer import parameter_groups
from bakeoff.training.progress import Progress
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset, random_store, training

LEARNING = Component(
    name="combined", version=1, settings={"asymmetric": 0.7, "focal": 0.3, "weighting": "uncertainty", "clip": 0.05}
)
TARGETS = (np.random.default_rng(0).random((24, 3)) < 0.4).astype(np.float32)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_tiny_model(tmp_path_factory.mktemp("tiny model"), "bert")


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    made = Progress(tmp_path / "log.jsonl")
    yield made
    made.close()


def trainer_of(folder: Path, loss: Loss, progress: Progress, **changes: object) -> Trainer:
    model = Classifier(Backbone(folder, "mean"), 3, seed=1)
    data = TrainingData(random_store([5, 9, 12, 3] * 6, 50), np.arange(24), TARGETS)
    return Trainer(model, training(**changes), data, loss, 7, _plain, progress)


def _plain() -> torch.autocast:
    return torch.autocast("cpu", enabled=False)


class Recorder(Loss):
    """BCE of torch's own that notes the progress that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        self.told.append(progress)
        return binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")


def weights_after(folder: Path, loss: Loss, progress: Progress) -> dict[str, Tensor]:
    trainer = trainer_of(folder, loss, progress, epochs=2)
    trainer.run(lambda step, value: False)
    return trainer.model.state_dict()


def test_a_loss_is_told_the_progress_from_0_to_1_once_a_part(model_folder: Path, progress: Progress) -> None:
    recorder = Recorder()
    weights_after(model_folder, recorder, progress)
    # 24 rows in batches of 8, each of two parts, over 2 epochs
    assert recorder.told == [step / 5 for step in range(6) for _ in range(2)]


def test_bce_trains_as_torchs_own_does(model_folder: Path, progress: Progress) -> None:
    ours = weights_after(model_folder, full.load_loss(Component(name="bce", version=1), TARGETS), progress)
    theirs = weights_after(model_folder, Recorder(), progress)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_what_a_loss_learns_has_the_heads_rate_and_no_decay(model_folder: Path) -> None:
    loss, spec = full.load_loss(LEARNING, TARGETS), training(weight_decay=0.1)
    model = Classifier(Backbone(model_folder, "mean"), 3, seed=1)
    (parameter,) = loss.parameters()
    (group,) = [group for group in parameter_groups(model, loss, spec) if any(parameter is p for p in group["params"])]
    assert (group["peak"], group["weight_decay"]) == (spec.head_learning_rate, 0.0)
    plain = parameter_groups(model, full.load_loss(Component(name="bce", version=1), TARGETS), spec)
    assert sum(len(group["params"]) for group in plain) == sum(p.requires_grad for p in model.parameters())


def test_learned_weights_move_and_come_back_from_the_best_checkpoint(
    model_folder: Path, progress: Progress, tmp_path: Path
) -> None:
    loss = full.load_loss(LEARNING, TARGETS)
    assert loss.learned() == pytest.approx({"asymmetric": 0.7, "focal": 0.3})
    trainer = trainer_of(model_folder, loss, progress)
    best = full.Best(tmp_path / "checkpoints" / "best.safetensors", None)
    trainer.step(0, np.arange(8))
    at_best = loss.learned()
    assert at_best["asymmetric"] != pytest.approx(0.7, abs=1e-5)
    best.consider(trainer, 1, {"f1": 0.5}, "f1", True)
    trainer.step(1, np.arange(8, 16))
    assert loss.learned() != at_best
    best.restore(trainer)
    assert loss.learned() == at_best
    best.discard()
    assert list(best.path.parent.iterdir()) == []


def test_facts_are_the_counts_of_the_training_examples() -> None:
    targets = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 0]], dtype=np.float32)
    found = full.load_loss(Component(name="bce", version=1, settings={"class_weights": "balanced"}), targets)
    assert found.get_buffer("positive_weights").tolist() == pytest.approx([4 / 6, 4 / 2, 4 / 4])
    assert found.get_buffer("negative_weights").tolist() == pytest.approx([4 / 2, 4 / 8, 4 / 4])
    assert LossFacts(positives=[3, 0, 2], examples=4).counts.tolist() == [3, 1, 2]


@pytest.mark.parametrize("name", ["class-balanced", "distribution-balanced", "combined"])
def test_a_whole_trial_runs_with_each_loss_that_needs_facts(
    model_folder: Path, progress: Progress, tmp_path: Path, name: str
) -> None:
    dataset = make_dataset(tmp_path / "data")
    build_store(dataset, load_tokenizer(model_folder), 32, tmp_path / "tokens")
    loss = LEARNING if name == "combined" else Component(name=name, version=1)
    trial = full_trial(dataset)
    trial = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"loss": loss})})
    attempt = AttemptFolder(tmp_path / "attempt")
    full.run(Work(trial, dataset, model_folder, tmp_path / "tokens", attempt, progress))
    result = Result.read(attempt.product / "result.json")
    learned = result.training["loss_weights"]
    assert sorted(learned) == (["asymmetric", "focal"] if name == "combined" else [])
    assert all(weight > 0 for weight in learned.values())
    assert not list(attempt.checkpoints.glob("*"))
