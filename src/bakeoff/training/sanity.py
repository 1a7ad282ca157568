"""Can it learn at all? Ten examples by heart, gradients everywhere they should be, and frozen weights that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.losses.base import Loss
from bakeoff.records.specs import Component
from bakeoff.training.batches import Batch, make_batch
from bakeoff.training.loop import Trainer
from bakeoff.training.optimizer import Optimizer

EXAMPLES = 10
MOST_STEPS = 200
BOUND = 0.1
"""Share of the loss at the start, over what no answer can go below, that may be left in the end."""
LEAST_BODY_RATE, LEAST_HEAD_RATE = 1e-4, 1e-2
"""A rate that suits a long training may be too low for two hundred steps."""
SCALES = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
REACHED_STEPS = 3
"""Steps in which a gradient must have come: where an adapter's second matrix starts at zero, the first gets none at once."""


@dataclass(frozen=True)
class Fault:
    """What a smoke run or a sanity check found wrong.

    Attributes:
        what: what is wrong, in one sentence.
        found: what there is.
        needed: what there should be.
        remedy: what to do.
    """

    what: str
    found: str
    needed: str
    remedy: str


def check_sanity(trainer: Trainer, method: Component) -> tuple[dict[str, Any], list[Fault]]:
    """Train on ten examples, without dropout, until they are known by heart.

    Args:
        trainer: a training before its first step; its weights are changed.
        method: the method with its settings, which say what is to be frozen.

    Returns:
        Facts, and what is wrong.
    """
    model, learned = trainer.model, trainer.loss
    parameters = {name: p for part in (model, learned) for name, p in part.named_parameters()}
    frozen = {name: p.detach().clone() for name, p in parameters.items() if not p.requires_grad}
    before = {name: p.detach().clone() for name, p in parameters.items() if p.requires_grad}
    batch, targets = _ten(trainer)
    unreached, losses = _overfit(trainer, batch, targets)
    floor = _floor(learned, targets)
    changed = [name for name, tensor in frozen.items() if not torch.equal(tensor, parameters[name].detach())]
    stayed = [
        name for name, tensor in before.items() if torch.equal(tensor, parameters[name].detach()) and name not in unreached
    ]
    left = (losses[-1] - floor) / max(losses[0] - floor, 1e-12)
    facts = {
        "examples": len(batch.rows),
        "steps": len(losses) - 1,
        "loss_before": losses[0],
        "loss_after": losses[-1],
        "floor": floor,
        "trained": len(before),
        "frozen": len(frozen),
    }
    should = list(frozen) if method.name == "full" and not method.settings.get("frozen_layers") else []
    faults = _weights(should, unreached, stayed, changed, method.name)
    # a head alone, on vectors that stay as they are, need not be able to tell ten examples apart
    learns = any(parameter.requires_grad for parameter in model.backbone.parameters())
    if learns and not left <= BOUND:  # a loss that is not finite is not below it either
        faults.append(
            Fault(
                f"ten examples are not learned by heart: {left:.0%} of the loss is left after {len(losses) - 1} steps",
                f"loss {losses[0]:.4g} before, {losses[-1]:.4g} after, {floor:.4g} at best",
                f"at most {BOUND:.0%} left",
                "look at the model's weights, the labels of the data and the loss: nothing of it can be learned as it is",
            )
        )
    return facts, faults


def _weights(should: list[str], unreached: list[str], stayed: list[str], changed: list[str], method: str) -> list[Fault]:
    lists = (
        (
            should,
            f"are frozen, and the method {method} trains all",
            "requires_grad for each",
            "unfreeze them, or another method",
        ),
        (
            unreached,
            "get no gradient, though they should be trained",
            "a gradient that is not zero",
            "connect them to the output, or freeze them",
        ),
        (
            stayed,
            "were not changed by the optimizer, though they should be trained",
            "an update each step",
            "give them to the optimizer",
        ),
        (changed, "were changed, though they are frozen", "the same bits before and after", "take them out of the optimizer"),
    )
    return [
        Fault(f"{len(names)} weights {what}, such as {names[0]}", ", ".join(names[:5]), needed, remedy)
        for names, what, needed, remedy in lists
        if names
    ]


def _ten(trainer: Trainer) -> tuple[Batch, Tensor]:
    """Ten rows, spread over the training data, as one batch with its targets."""
    data = trainer.data
    chosen = np.unique(np.linspace(0, len(data.rows) - 1, EXAMPLES).astype(np.int64))
    batch = make_batch(data.store, "train", data.rows[chosen])
    place: dict[int, NDArray[Any]] = {
        int(row): data.targets[number] for number, row in zip(chosen, data.rows[chosen], strict=True)
    }
    return batch, torch.from_numpy(np.stack([place[int(row)] for row in batch.rows])).to(trainer.device)


def _overfit(trainer: Trainer, batch: Batch, targets: Tensor) -> tuple[list[str], list[float]]:
    """Names of parameters that no gradient reached in the first steps, and the loss before each step and after the last."""
    model, loss = trainer.model, trainer.loss
    rates = {
        "learning_rate": max(trainer.spec.learning_rate, LEAST_BODY_RATE),
        "head_learning_rate": max(trainer.spec.head_learning_rate, LEAST_HEAD_RATE),
    }
    spec = trainer.spec.model_copy(update={**rates, "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0})
    optimizer = Optimizer(model, loss, spec, MOST_STEPS, scaled=spec.precision == "fp16")
    model.eval()  # dropout would make it another ten examples each time
    unreached = [name for part in (model, loss) for name, p in part.named_parameters() if p.requires_grad]
    losses: list[float] = []
    floor = _floor(loss, targets)
    for step in range(MOST_STEPS + 1):
        trainer.progress.check()
        optimizer.clear()
        with trainer.autocast():
            logits = model(batch)
        value = loss(logits, targets, 0.0).mean()
        losses.append(float(value.detach()))
        if step == MOST_STEPS or losses[-1] - floor <= BOUND / 2 * (losses[0] - floor):
            break
        torch.autograd.backward(value * optimizer.loss_scale)
        if step < REACHED_STEPS:
            reached = {name for part in (model, loss) for name, p in part.named_parameters() if _reached(p)}
            unreached = [name for name in unreached if name not in reached]
        optimizer.step(step)
        if trainer.progress.due:
            trainer.progress.say("step", step=step + 1, loss=losses[-1])
    return unreached, losses


def _reached(parameter: Tensor) -> bool:
    return parameter.grad is not None and bool(parameter.grad.count_nonzero())


def _floor(loss: Loss, targets: Tensor) -> float:
    """What the loss is at the best answers that can be thought of: not zero with smoothed labels, for one."""
    if not targets.is_floating_point():  # places of tokens, of which each can have all the probability
        return 0.0
    signs = 2 * (targets > 0).to(torch.float32) - 1
    with torch.no_grad():
        values = [float(loss(scale * signs, targets, 0.0).mean()) for scale in SCALES]
    return min(value for value in values if np.isfinite(value))
