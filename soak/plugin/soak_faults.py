"""A plug-in with a loss that goes wrong at a chosen place of the training; it becomes one by this folder on the path."""

from __future__ import annotations

from typing import Any, Literal

from bakeoff.catalog.cards import LossCard, Settings


class Faulty(Settings):
    """Settings of the faulty loss.

    Attributes:
        fault: what goes wrong.
        after: share of the training after which it does.
    """

    fault: Literal["nan-loss", "nan-gradient", "explosion"]
    after: float = 0.5


CARD = LossCard(
    name="faulty",
    summary="Binary cross-entropy that goes wrong",
    path="soak_faults:make",
    settings=Faulty,
    example={"fault": "nan-loss", "after": 1.0},
)


def make(settings: Faulty, facts: Any) -> Any:
    """The loss.

    Args:
        settings: what goes wrong, and when.
        facts: not used.

    Returns:
        It.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from bakeoff.losses.base import Loss, widen

    class Broken(torch.autograd.Function):
        """The values as they are, and gradients that are not numbers."""

        @staticmethod
        def forward(_: Any, values: Any) -> Any:
            return values.clone()

        @staticmethod
        def backward(_: Any, gradient: Any) -> Any:
            return gradient * float("nan")

    class FaultyLoss(Loss):
        """Binary cross-entropy until the fault."""

        def forward(self, logits: Any, targets: Any, progress: float) -> Any:
            values = binary_cross_entropy_with_logits(widen(logits), targets, reduction="none")
            if progress <= settings.after:
                return values
            if settings.fault == "nan-gradient":
                return Broken.apply(values)
            return values * float("nan" if settings.fault == "nan-loss" else "1e38")

    return FaultyLoss()
