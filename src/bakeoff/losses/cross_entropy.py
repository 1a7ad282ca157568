"""Cross-entropy over labels that exclude one another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from bakeoff.catalog.loss_settings import CrossEntropySettings
from bakeoff.losses.base import Loss, LossFacts, widen
from bakeoff.losses.weighting import label_weights


class CrossEntropy(Loss):
    """-Σ w · y · log softmax(x), the same value for each label of a row: its mean over labels is the row's loss.

    Args:
        settings: class weights and smoothing.
        facts: counts by label.
    """

    weights: Tensor
    by_row = True

    def __init__(self, settings: CrossEntropySettings, facts: LossFacts) -> None:
        super().__init__()
        self.label_smoothing = settings.label_smoothing
        self.keep("weights", label_weights(settings.class_weights, facts))

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:  # noqa: ARG002  (the same at all times)
        """See `Loss.forward`.

        Args:
            logits: [B, L].
            targets: [B, L], one 1 a row.
            progress: not used.

        Returns:
            [B, L].
        """
        x = widen(logits)
        y = targets.to(x.dtype)
        if self.label_smoothing:
            y = y * (1 - self.label_smoothing) + self.label_smoothing / y.shape[1]
        row = -(self.weights * y * log_softmax(x, dim=1)).sum(dim=1, keepdim=True)
        return row.expand_as(x)

    def of_known(self, logits: Tensor, targets: Tensor, known: Tensor, progress: float) -> Tensor:  # noqa: ARG002
        """See `Loss.of_known`: smoothing spreads over the labels that a row could have.

        Args:
            logits: [B, L].
            targets: [B, L].
            known: [B, L] bool.
            progress: not used.

        Returns:
            [B, L].
        """
        x = widen(logits)
        y = targets.to(x.dtype)
        labels = known.sum(dim=1, keepdim=True).clamp(min=1)
        if self.label_smoothing:
            y = y * (1 - self.label_smoothing) + self.label_smoothing * known / labels
        row = -(self.weights * y * torch.where(known, log_softmax(x, dim=1), 0.0)).sum(dim=1, keepdim=True)
        # over the known labels of a row the values add up to what they add up to where all are known
        return (row * (x.shape[1] / labels)).expand_as(x)
