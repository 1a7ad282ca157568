"""Any loss, of the decisions that somebody made: a label that a source does not annotate pulls at nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.losses.base import Loss

UNKNOWN = -1.0
"""Target of a label that nobody decided on in an example."""
OUT_OF_THE_WAY = -1e4
"""What a loss sees in place of the logit of such a label. By their contract losses are finite there; under a softmax it has no
share in float32 as long as another logit of the row is above -9,800."""


class KnownOnly(Loss):
    """A loss whose values are 0 where a target is unknown, and whose gradient there is exactly 0.

    Args:
        loss: any loss.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss
        self.by_row = loss.by_row

    def learned(self) -> dict[str, float]:
        """See `Loss.learned`.

        Returns:
            What the loss has learned.
        """
        return self.loss.learned()

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        """See `Loss.forward`.

        Args:
            logits: [B, L].
            targets: [B, L] in [0, 1], or `UNKNOWN`.
            progress: share of the training that is done.

        Returns:
            [B, L]; 0 where the target is unknown.
        """
        known = targets >= 0
        # an unknown label is as good as absent: an exclusive loss has it out of its softmax
        seen = torch.where(known, logits, torch.full_like(logits, OUT_OF_THE_WAY))
        values = self.loss.of_known(seen, torch.where(known, targets, torch.zeros_like(targets)), known, progress)
        return torch.where(known, values, torch.zeros_like(values))
