"""Class-balanced loss (Cui et al. 2019)."""

from __future__ import annotations

from torch import Tensor

from bakeoff.catalog.loss_settings import ClassBalancedSettings
from bakeoff.losses.base import Loss, LossFacts, widen
from bakeoff.losses.bce import bce_sides
from bakeoff.losses.focal import focal_sides
from bakeoff.losses.weighting import effective_weights, smooth


class ClassBalanced(Loss):
    """w · (BCE or focal loss), w of a label proportional to (1 - β) / (1 - β^n) for n positives, with a mean of 1 (eq. 2, 4).

    The paper has one class an example; here each label's decisions bear its weight, positives and negatives alike, as Huang et
    al. 2021 do for several labels.

    Args:
        settings: loss, beta, gamma, smoothing.
        facts: counts by label.
    """

    weights: Tensor

    def __init__(self, settings: ClassBalancedSettings, facts: LossFacts) -> None:
        super().__init__()
        self.settings = settings
        weights = effective_weights(facts.counts, settings.beta)
        self.keep("weights", weights / weights.mean())

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
        y = smooth(targets.to(x.dtype), self.settings.label_smoothing)
        positive, negative = bce_sides(x) if self.settings.over == "bce" else focal_sides(x, self.settings.gamma)
        return self.weights * (y * positive + (1 - y) * negative)
