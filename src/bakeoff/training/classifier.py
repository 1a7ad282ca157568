"""A body with a new head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bakeoff.records.seeds import derive
from bakeoff.training.batches import Batch
from bakeoff.training.body import Body
from bakeoff.training.dropout import Dropout

HEAD_SD = 0.02


class Classifier(nn.Module):
    """Dropout and one linear layer on the pooled vector.

    Args:
        backbone: the pretrained model, or what stands for it.
        outputs: logits a row, L.
        seed: the trial's seed; it governs the head's start.
        dropout: probability before the head; None takes the model's own.
    """

    def __init__(self, backbone: Body, outputs: int, seed: int, dropout: float | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = Dropout(backbone.dropout if dropout is None else dropout)
        self.head = nn.Linear(backbone.width, outputs)
        generator = torch.Generator().manual_seed(derive(seed, "head"))
        with torch.no_grad():
            self.head.weight.normal_(0.0, HEAD_SD, generator=generator)
            self.head.bias.zero_()

    def shape(self, longest: int) -> tuple[int, ...]:  # noqa: ARG002  (heads on tokens need it)
        """Shape of a row's logits.

        Args:
            longest: tokens of the longest row.

        Returns:
            One dimension: the labels.
        """
        return (self.head.out_features,)

    def forward(self, batch: Batch) -> Tensor:
        """Logits of a batch.

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, L] float32, in the batch's order.
        """
        pooled = self.dropout(self.backbone(batch).float())
        # in float32 under any precision: bf16 logits near -5 come in steps of 0.03, which ties what thresholds must tell apart
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self.head(pooled)
        return logits
