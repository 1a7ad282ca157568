"""Cross-entropy over labels that exclude one another."""

from __future__ import annotations

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
