"""Binary cross-entropy."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from bakeoff.losses.weighting import TwoSided


def bce_sides(x: Tensor) -> tuple[Tensor, Tensor]:
    """-log σ(x) for positives and -log σ(-x) for negatives, finite for every finite logit.

    Args:
        x: logits, [B, L] float32 or float64.

    Returns:
        Two of [B, L].
    """
    return -logsigmoid(x), -logsigmoid(-x)


class Bce(TwoSided):
    """Binary cross-entropy on each label: -y · log p - (1 - y) · log(1 - p)."""

    def sides(self, x: Tensor, progress: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002  (the same at all times)
        """See `TwoSided.sides`.

        Args:
            x: logits, [B, L].
            progress: not used.

        Returns:
            Two of [B, L].
        """
        return bce_sides(x)
