"""A classifier, a loss and a trainer for tests."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bakeoff.losses.base import Loss
from bakeoff.records.specs import Component, TrainingSpec
from bakeoff.training.backbone import Backbone
from bakeoff.training.classifier import Classifier
from bakeoff.training.full import load_loss
from bakeoff.training.loop import Trainer, TrainingData
from bakeoff.training.progress import Progress
from tiny import random_store, training

VOCABULARY = 50


def random_data(rows: int, labels: int = 3, seed: int = 0, longest: int = 30) -> TrainingData:
    """Rows of random tokens with random targets."""
    generator = np.random.default_rng(seed)
    store = random_store(generator.integers(1, longest, rows).tolist(), VOCABULARY, seed)
    targets = (generator.random((rows, labels)) < 0.4).astype(np.float32)
    return TrainingData(store, np.arange(rows), targets)


def make_trainer(folder: Path, data: TrainingData, progress: Progress, loss: Loss | None = None, **changes: object) -> Trainer:
    """A trainer of a tiny model; the changes are of its hyperparameters."""
    spec: TrainingSpec = training(**changes)
    model = Classifier(Backbone(folder, "mean", dropout=spec.dropout), data.targets.shape[1], 1, spec.dropout)
    loss = loss or load_loss(Component(name="bce", version=1), data.targets)
    return Trainer(model, spec, data, loss, 7, contextlib.nullcontext, progress)


def weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter."""
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def comparable(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those parameters whose gradient is more than rounding.

    The gradient of a key's bias is 0 in exact arithmetic (a softmax does not see what all its scores share), so no output
    depends on it; but Adam brings whatever rounding leaves of it to full size.
    """
    return {name: value for name, value in found.items() if not name.endswith(("key.bias", "key_proj.bias"))}
