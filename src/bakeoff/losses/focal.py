"""Focal loss (Lin et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from bakeoff.catalog.loss_settings import FocalSettings
from bakeoff.losses.base import LossFacts
from bakeoff.losses.weighting import TwoSided


def focal_sides(x: Tensor, gamma: float, alpha: float | None = None) -> tuple[Tensor, Tensor]:
    """-α(1 - p)^γ · log p for positives, -(1 - α)p^γ · log(1 - p) for negatives (eq. 5).

    The powers are taken of logarithms: p underflows for large logits, and a power of 0 has no finite gradient for γ < 1.

    Args:
        x: logits, [B, L] float32 or float64.
        gamma: focusing.
        alpha: weight of positives; None weighs both with 1.

    Returns:
        Two of [B, L].
    """
    log_p, log_q = logsigmoid(x), logsigmoid(-x)
    positive, negative = -torch.exp(gamma * log_q) * log_p, -torch.exp(gamma * log_p) * log_q
    return (positive, negative) if alpha is None else (alpha * positive, (1 - alpha) * negative)


class Focal(TwoSided):
    """Focal loss on each label.

    Args:
        settings: alpha, gamma, class weights, smoothing.
        facts: counts by label.
    """

    def __init__(self, settings: FocalSettings, facts: LossFacts) -> None:
        super().__init__(settings, facts)
        self.alpha, self.gamma = settings.alpha, settings.gamma

    def sides(self, x: Tensor, progress: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002  (the same at all times)
        """See `TwoSided.sides`.

        Args:
            x: logits, [B, L].
            progress: not used.

        Returns:
            Two of [B, L].
        """
        return focal_sides(x, self.gamma, self.alpha)
