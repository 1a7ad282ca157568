"""How losses behave: value and gradient over logits, direction, vanishing, overflow. Computed, never assumed.

The label looked at is the middle one of three: 5 % of 1,000 examples have it, beside one with 30 % and one with 1 %. As a
positive it stands alone; as a negative it stands beside the frequent label.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bakeoff.catalog import registry
from bakeoff.losses.base import Loss, LossFacts, make_loss

FACTS = LossFacts(positives=(300, 50, 10), examples=1_000)
LABEL = 1
TARGETS = {"positive": (0.0, 1.0, 0.0), "negative": (1.0, 0.0, 0.0)}
EDGE = 12.0
POINTS = 241
TYPICAL = (-6.0, -2.0, 0.0, 2.0, 6.0)
CONFIDENT = 4.0
"""|logit| from which a mistake counts as confident: the model gives the truth less than 2 %."""
VANISHING = 0.01
"""|gradient| below which a confident mistake teaches nothing to speak of; that of BCE is 0.98 and more."""
NOISE = 1e-9
"""Gradients this small have no direction: they are rounding."""
HUGE = (30.0, 100.0, 1e3, 1e4)
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def curve(loss: Loss, side: str, points: Tensor, progress: float = 0.0) -> tuple[Tensor, Tensor]:
    """Value and gradient of one label's decision over its logit, the other logits being 0.

    Args:
        loss: the loss, for the labels of `FACTS`.
        side: `positive` or `negative`.
        points: logits, [P], in the type that is tried.
        progress: share of the training that is done.

    Returns:
        Values [P] and gradients [P].
    """
    logits = torch.zeros((len(points), len(TARGETS[side])), dtype=points.dtype)
    logits[:, LABEL] = points
    logits.requires_grad_(True)
    targets = torch.tensor(TARGETS[side]).expand(len(points), -1)
    values = loss(logits, targets, progress)[:, LABEL]
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    return values.detach(), gradient[:, LABEL]


def wrong_sign(gradients: Tensor, side: str, points: Tensor) -> list[float]:
    """Where the gradient points away from the target: descent would make the decision worse.

    Args:
        gradients: [P].
        side: `positive` (the gradient must not be above 0) or `negative` (not below 0).
        points: their logits, [P].

    Returns:
        Logits.
    """
    towards = gradients if side == "positive" else -gradients
    found: list[float] = points[towards > NOISE].tolist()
    return found


def vanishing(gradients: Tensor, side: str, points: Tensor) -> list[float]:
    """Confident mistakes that have next to no gradient.

    Args:
        gradients: [P].
        side: `positive` (mistaken where the logit is low) or `negative` (where it is high).
        points: their logits, [P].

    Returns:
        Logits.
    """
    mistaken = points <= -CONFIDENT if side == "positive" else points >= CONFIDENT
    found: list[float] = points[mistaken & (gradients.abs() < VANISHING)].tolist()
    return found


def overflow(loss: Loss, kind: str) -> list[float]:
    """Logits at which a value or a gradient is not finite.

    Args:
        loss: the loss.
        kind: `fp32` or `bf16`: the type of the logits.

    Returns:
        Logits up to 1e4 in size.
    """
    points = torch.tensor([sign * size for size in (EDGE, *HUGE) for sign in (-1.0, 1.0)], dtype=TYPES[kind])
    broken = torch.zeros(len(points), dtype=torch.bool)
    for side in TARGETS:
        values, gradients = curve(loss, side, points)
        broken |= ~(torch.isfinite(values) & torch.isfinite(gradients))
    return sorted(points[broken].tolist())


def _side(loss: Loss, side: str) -> dict[str, Any]:
    points = torch.linspace(-EDGE, EDGE, POINTS)
    values, gradients = curve(loss, side, points)
    return {
        "values": values.tolist(),
        "gradients": gradients.tolist(),
        "typical": curve(loss, side, torch.tensor(TYPICAL))[1].tolist(),
        "wrong_sign": wrong_sign(gradients, side, points),
        "vanishing": vanishing(gradients, side, points),
    }


def inspect_loss(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """All that is shown of a loss.

    Args:
        name: its name in the catalog.
        settings: its settings; what is left out has its default.

    Returns:
        Plain data: name, version, settings, the logits, and for `positive` and `negative` the values and gradients there, the
        gradients at typical logits, where the sign is wrong and where the gradient vanishes; `overflow` by type.
    """
    card = registry.loss(name)
    loss = make_loss(name, settings, FACTS)
    return {
        "name": name,
        "version": card.version,
        "settings": card.settings.model_validate(settings).model_dump(mode="json"),
        "logits": torch.linspace(-EDGE, EDGE, POINTS).tolist(),
        "typical": list(TYPICAL),
        **{side: _side(loss, side) for side in TARGETS},
        "overflow": {kind: overflow(loss, kind) for kind in TYPES},
    }
