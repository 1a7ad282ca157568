"""Distribution-balanced loss (Wu et al. 2020)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bakeoff.catalog.loss_settings import DistributionBalancedSettings
from bakeoff.losses.base import Loss, LossFacts, widen
from bakeoff.losses.focal import focal_sides


class DistributionBalanced(Loss):
    """Re-balanced weighting and negative-tolerant regularisation (sec. 3.1, 3.2).

    Weight of label k in an example: α + σ(β(r - μ)), r = (1/n_k) / Σ over the example's labels of 1/n_i: how seldom label-wise
    sampling would draw this example for k, among all labels that would draw it. An example without labels has r = ∞.
    Value: with u = x - ν, ν = κ · log(N/n_k - 1), a positive costs -log σ(u), a negative -log σ(-λu) / λ, each times the focal
    factor of its own probability.

    Args:
        settings: alpha, beta, mu, kappa, negative_scale, gamma.
        facts: counts by label and number of examples.
    """

    inverse_counts: Tensor
    shift: Tensor

    def __init__(self, settings: DistributionBalancedSettings, facts: LossFacts) -> None:
        super().__init__()
        self.settings = settings
        self.keep("inverse_counts", 1 / facts.counts)
        self.keep("shift", settings.kappa * np.log(facts.negative_counts / facts.counts))

    def _weights(self, targets: Tensor) -> Tensor:
        drawn = (targets * self.inverse_counts).sum(dim=1, keepdim=True)
        has_labels = drawn > 0
        ratio = self.inverse_counts / torch.where(has_labels, drawn, 1.0)
        mapped = torch.sigmoid(self.settings.beta * (ratio - self.settings.mu))
        return self.settings.alpha + torch.where(has_labels, mapped, 1.0)

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:  # noqa: ARG002  (the same at all times)
        """See `Loss.forward`.

        Args:
            logits: [B, L].
            targets: [B, L] in [0, 1].
            progress: not used.

        Returns:
            [B, L].
        """
        x = widen(logits)
        y = targets.to(x.dtype)
        u, scale = x - self.shift, self.settings.negative_scale
        positive, _ = focal_sides(u, self.settings.gamma)
        _, negative = focal_sides(scale * u, self.settings.gamma)
        return self._weights(y) * (y * positive + (1 - y) * negative / scale)
