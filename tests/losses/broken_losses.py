"""Losses with one fault each, for the checks that should see it."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.catalog.cards import LossCard, Settings
from bakeoff.losses.base import Loss, LossFacts, widen

CLIP, GAMMA = 0.05, 4.0


class Broken(Loss):
    """What every loss here is made of."""

    def __init__(self, settings: Settings, facts: LossFacts) -> None:
        super().__init__()


class Inverted(Broken):
    """The widespread variant of the asymmetric loss: negatives' log times (1 - p + clip)^γ in place of p_m^γ."""

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        p = torch.sigmoid(widen(logits))
        rest = (1 - p + CLIP).clamp(max=1)
        return -targets * torch.log(p.clamp(min=1e-8)) - (1 - targets) * rest**GAMMA * torch.log(rest)


class Naive(Broken):
    """Cross-entropy by the logarithm of a sigmoid, which underflows."""

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        p = torch.sigmoid(widen(logits))
        return -targets * torch.log(p) - (1 - targets) * torch.log(1 - p)


class Squared(Broken):
    """The squared error of the probability: no gradient where it is surely wrong."""

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        return (torch.sigmoid(widen(logits)) - targets) ** 2


def no_loss(settings: Settings, facts: LossFacts) -> object:
    """What a plug-in written for another interface could return."""
    return lambda logits, targets: logits


CARDS = {
    name: LossCard(name=name, summary="for tests", path=f"broken_losses:{code}")
    for name, code in {"inverted": "Inverted", "naive": "Naive", "squared": "Squared", "no-loss": "no_loss"}.items()
}
