"""The optimizer is AdamW with clipping, written the plain way; a step that is not finite changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from parts import comparable, random_data, weights
from torch import Tensor

from bakeoff.losses.base import Loss
from bakeoff.records.specs import TrainingSpec
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import make_batch
from bakeoff.training.classifier import Classifier
from bakeoff.training.optimizer import SCALE_GROWTH_STEPS, SCALE_START, Optimizer
from bakeoff.training.schedule import rate_factor
from tiny import training

ModelOf = Callable[..., Path]
STEPS = 6
DATA = random_data(40)


class Plain(Loss):
    """A loss with nothing to learn, of which no optimizer takes notice."""


def plain_adamw(model: torch.nn.Module, spec: TrainingSpec) -> torch.optim.AdamW:
    """What the documentation says: no decay of what has one dimension, a rate of its own for the head."""
    groups: list[dict[str, Any]] = []
    for name, parameter in model.named_parameters():
        rate = spec.head_learning_rate if name.startswith("head.") else spec.learning_rate
        decay = spec.weight_decay if parameter.ndim > 1 else 0.0
        groups.append({"params": [parameter], "lr": rate, "peak": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, foreach=False, fused=False)


def value(model: Classifier, step: int) -> Tensor:
    """Some scalar whose gradient reaches every part, of other tokens in each step."""
    batch = make_batch(DATA.store, "train", np.arange(step * 6, step * 6 + 6))
    return model(batch).square().mean() * (50.0 if step % 2 else 0.01)


def make(folder: Path, **changes: Any) -> tuple[Classifier, Optimizer, TrainingSpec]:
    spec = training(**changes)
    model = Classifier(Backbone(folder, "mean"), 3, seed=1).train()
    return model, Optimizer(model, Plain(), spec, STEPS, scaled=False), spec


def advance(model: Classifier, optimizer: Optimizer, step: int) -> Tensor:
    optimizer.clear()
    torch.autograd.backward(value(model, step))
    return optimizer.step(step)


def advance_plainly(model: Classifier, adamw: torch.optim.AdamW, spec: TrainingSpec, step: int) -> Tensor:
    adamw.zero_grad()
    model.backbone.token_table.touched = []
    torch.autograd.backward(value(model, step))
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm or float("inf"))
    for group in adamw.param_groups:
        group["lr"] = group["peak"] * rate_factor(step, STEPS, spec.warmup, spec.schedule)
    adamw.step()
    return norm


@pytest.mark.parametrize("family", ["bert", "llama"])
@pytest.mark.parametrize("changes", [{}, {"clip_norm": 0.05, "weight_decay": 0.5}, {"clip_norm": 0.0, "schedule": "linear"}])
def test_equal_to_torchs_adamw_with_clipping(model_of: ModelOf, family: str, changes: dict[str, Any]) -> None:
    model, optimizer, spec = make(model_of(family), **changes)
    plain = Classifier(Backbone(model_of(family), "mean"), 3, seed=1).train()
    adamw = plain_adamw(plain, spec)
    start = weights(model)
    clipped = 0
    for step in range(STEPS):
        norm = advance(model, optimizer, step)
        torch.testing.assert_close(norm, advance_plainly(plain, adamw, spec, step), rtol=1e-5, atol=0)
        clipped += float(norm) > spec.clip_norm
    assert clipped not in (0, STEPS) or spec.clip_norm != 1.0  # both sides of the limit were met
    for name, found in comparable(weights(model)).items():
        # a step moves a weight by up to the rate, whatever its gradient's size: rounding of the smallest ones is seen
        torch.testing.assert_close(found, weights(plain)[name], rtol=0, atol=5e-6, msg=lambda text, at=name: f"{at}: {text}")
        assert not torch.equal(found, start[name]), name


def test_a_step_with_nan_leaves_every_bit_and_the_next_goes_on(model_of: ModelOf) -> None:
    model, optimizer, spec = make(model_of("bert"))
    plain = Classifier(Backbone(model_of("bert"), "mean"), 3, seed=1).train()
    adamw = plain_adamw(plain, spec)
    for step in (0, 1, 3):
        advance_plainly(plain, adamw, spec, step)
    advance(model, optimizer, 0)
    advance(model, optimizer, 1)
    for poison in (float("nan"), float("inf")):
        for name, parameter in model.named_parameters():
            if not name.endswith(("word_embeddings.weight", "head.bias", "layer.1.output.dense.weight")):
                continue
            before = weights(model)
            optimizer.clear()
            torch.autograd.backward(value(model, 2))
            assert parameter.grad is not None
            row = model.backbone.token_table.rows()[3] if "word" in name else 0
            parameter.grad[row].fill_(poison)
            assert not torch.isfinite(optimizer.step(2))
            for other, found in weights(model).items():
                assert torch.equal(found, before[other]), f"{poison} in {name} changed {other}"
    assert torch.isfinite(advance(model, optimizer, 3))
    for name, found in comparable(weights(model)).items():
        # a step moves a weight by up to the rate, whatever its gradient's size: rounding of the smallest ones is seen
        torch.testing.assert_close(found, weights(plain)[name], rtol=0, atol=5e-6, msg=lambda text, at=name: f"{at}: {text}")


def test_clearing_removes_every_trace_of_a_bad_gradient(model_of: ModelOf) -> None:
    model, optimizer, _ = make(model_of("bert"))
    torch.autograd.backward(value(model, 0) * float("nan"))
    optimizer.clear()
    table = model.backbone.token_table.weight
    assert table.grad is not None
    assert not table.grad.any()
    assert all(parameter.grad is None for parameter in model.parameters() if parameter is not table)


def test_what_a_loss_learns_moves_at_the_heads_rate(model_of: ModelOf) -> None:
    loss = Plain()
    loss.weight = torch.nn.Parameter(torch.ones(2))
    model = Classifier(Backbone(model_of("bert"), "mean"), 3, seed=1)
    optimizer = Optimizer(model, loss, training(warmup=0.0), STEPS, scaled=False)
    torch.autograd.backward(value(model, 0) + loss.weight.sum())
    optimizer.step(0)
    torch.testing.assert_close(loss.weight.detach(), torch.full((2,), 1 - training().head_learning_rate), rtol=0, atol=1e-5)


def test_the_loss_scale_halves_on_overflow_and_doubles_after_2000_good_steps(model_of: ModelOf) -> None:
    model = Classifier(Backbone(model_of("bert"), "mean"), 3, seed=1)
    optimizer = Optimizer(model, Plain(), training(), STEPS, scaled=True)
    good, bad = torch.tensor(0.0), torch.tensor(1.0)
    assert float(optimizer.loss_scale) == SCALE_START == 65536
    optimizer._rescale(bad)
    assert float(optimizer.loss_scale) == SCALE_START / 2
    for _ in range(SCALE_GROWTH_STEPS - 1):
        optimizer._rescale(good)
    assert float(optimizer.loss_scale) == SCALE_START / 2
    optimizer._rescale(bad)  # the count begins again
    for _ in range(SCALE_GROWTH_STEPS - 1):
        optimizer._rescale(good)
    assert float(optimizer.loss_scale) == SCALE_START / 4
    optimizer._rescale(good)
    assert float(optimizer.loss_scale) == SCALE_START / 2
    optimizer._rescale(good)
    assert float(optimizer.loss_scale) == SCALE_START / 2


def test_a_scaled_loss_makes_the_same_step(model_of: ModelOf) -> None:
    found = []
    for scaled in (False, True):
        model = Classifier(Backbone(model_of("bert"), "mean"), 3, seed=1).train()
        optimizer = Optimizer(model, Plain(), training(), STEPS, scaled=scaled)
        for step in range(3):
            optimizer.clear()
            torch.autograd.backward(value(model, step) * optimizer.loss_scale)
            norm = optimizer.step(step)
        found.append((norm, weights(model)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-5, atol=0)
    for name, expected in comparable(found[0][1]).items():
        torch.testing.assert_close(found[1][1][name], expected, rtol=0, atol=1e-6)
