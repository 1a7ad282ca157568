"""Binary cross-entropy."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from bakeoff.catalog.cards import Settings


def bce(logits: Tensor, targets: Tensor, settings: Settings) -> Tensor:  # noqa: ARG001  (every loss takes its settings)
    """Binary cross-entropy on each label, -y·log σ(x) - (1 - y)·log σ(-x), finite for every finite logit.

    Args:
        logits: [B, L], any floating type; computed in float32.
        targets: [B, L] in [0, 1].
        settings: none.

    Returns:
        [B, L] float32, not reduced.
    """
    x = logits.float()
    return -(targets * logsigmoid(x) + (1 - targets) * logsigmoid(-x))
