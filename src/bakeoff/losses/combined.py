"""A weighted sum of asymmetric, focal and binary cross-entropy losses."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bakeoff.catalog.loss_settings import PARTS, CombinedSettings
from bakeoff.losses.asymmetric import asymmetric_sides
from bakeoff.losses.base import LossFacts
from bakeoff.losses.bce import bce_sides
from bakeoff.losses.focal import focal_sides
from bakeoff.losses.weighting import TwoSided, class_weights

PRESET_BCE = 0.2
Ramp = tuple[float, float]


def declared_weights(settings: CombinedSettings, facts: LossFacts) -> dict[str, Ramp]:
    """The weight of each part at the beginning and at the end of training.

    Args:
        settings: weights or ratio.
        facts: counts by label, for the preset's mean class weight.

    Returns:
        (from, to) by part; parts that never count are left out.
    """
    stated = {part: getattr(settings, part) for part in PARTS}
    if settings.ratio is not None:
        positive, _ = class_weights(settings.mean_class_weights, settings.class_weights_beta, facts)
        focal = (1 - settings.ratio) * float(positive.mean())
        stated = {"asymmetric": settings.ratio, "focal": focal, "bce": PRESET_BCE}
    ramps = {part: (weight[0], weight[1]) if isinstance(weight, list) else (weight, weight) for part, weight in stated.items()}
    return {part: ramp for part, ramp in ramps.items() if any(ramp)}


class Combined(TwoSided):
    """Σ over parts of weight · loss; every part is unreduced, so weights mix values of one kind.

    With `uncertainty` a part's weight is exp(-s) and s / 2 is added, s = log σ² being learned (Kendall et al. 2018, eq. 10);
    exp(-s) begins at the declared weight. The value may then be negative.

    Args:
        settings: weights, and the settings of the parts.
        facts: counts by label.
    """

    def __init__(self, settings: CombinedSettings, facts: LossFacts) -> None:
        super().__init__(settings, facts)
        self.settings = settings
        self.ramps = declared_weights(settings, facts)
        self.log_variances: nn.Parameter | None = None
        if settings.weighting == "uncertainty":
            self.log_variances = nn.Parameter(torch.tensor([-math.log(first) for first, _ in self.ramps.values()]))

    def learned(self) -> dict[str, float]:
        """See `Loss.learned`.

        Returns:
            The learned weight of each part; empty if the weights are declared.
        """
        if self.log_variances is None:
            return {}
        return dict(zip(self.ramps, torch.exp(-self.log_variances.detach()).tolist(), strict=True))

    def _part(self, part: str, x: Tensor) -> tuple[Tensor, Tensor]:
        if part == "asymmetric":
            return asymmetric_sides(x, self.settings)
        return bce_sides(x) if part == "bce" else focal_sides(x, self.settings.gamma, self.settings.alpha)

    def sides(self, x: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """See `TwoSided.sides`.

        Args:
            x: logits, [B, L].
            progress: share of the training that is done.

        Returns:
            Two of [B, L].
        """
        positive, negative = torch.zeros_like(x), torch.zeros_like(x)
        for number, (part, (first, last)) in enumerate(self.ramps.items()):
            weight: float | Tensor = first + (last - first) * progress
            if self.log_variances is not None:
                weight = torch.exp(-self.log_variances[number])
            of_positives, of_negatives = self._part(part, x)
            positive, negative = positive + weight * of_positives, negative + weight * of_negatives
        return positive, negative

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        """See `Loss.forward`.

        Args:
            logits: [B, L].
            targets: [B, L] in [0, 1].
            progress: share of the training that is done.

        Returns:
            [B, L].
        """
        values = super().forward(logits, targets, progress)
        return values if self.log_variances is None else values + self.log_variances.sum() / 2
