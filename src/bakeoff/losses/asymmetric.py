"""Asymmetric loss (Ben-Baruch et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.catalog.loss_settings import AsymmetricSettings, AsymmetrySettings
from bakeoff.losses.base import LossFacts
from bakeoff.losses.focal import focal_sides
from bakeoff.losses.weighting import TwoSided


def asymmetric_sides(x: Tensor, settings: AsymmetrySettings) -> tuple[Tensor, Tensor]:
    """-(1 - p)^γ₊ · log p for positives; -p_m^γ₋ · log(1 - p_m) with p_m = max(p - clip, 0) for negatives (eq. 4-7).

    The gradient goes through the focusing factors too, as the paper's analysis has it (its released code can hold them fixed).

    Args:
        x: logits, [B, L] float32 or float64.
        settings: gamma_neg, gamma_pos, clip.

    Returns:
        Two of [B, L].
    """
    positive, _ = focal_sides(x, settings.gamma_pos)
    if settings.clip == 0:
        return positive, focal_sides(x, settings.gamma_neg)[1]
    return positive, _shifted_negative(x, settings.gamma_neg, settings.clip)


def _shifted_negative(x: Tensor, gamma: float, clip: float) -> Tensor:
    shifted = torch.sigmoid(x) - clip
    counted = shifted > 0
    # where p_m is 0 the power is taken of 1: for gamma < 1 that of 0 has no finite gradient
    p_m = torch.where(counted, shifted, 1.0)
    # two forms of log(1 - p_m), each where it loses no digits
    near_zero = torch.log1p(-torch.clamp(shifted, min=0.0))
    near_one = torch.log(torch.sigmoid(-x) + clip)
    return -torch.where(counted, p_m**gamma * torch.where(x < 0, near_zero, near_one), 0.0)


class Asymmetric(TwoSided):
    """Asymmetric loss on each label.

    Args:
        settings: gamma_neg, gamma_pos, clip, class weights, smoothing.
        facts: counts by label.
    """

    def __init__(self, settings: AsymmetricSettings, facts: LossFacts) -> None:
        super().__init__(settings, facts)
        self.settings = settings

    def sides(self, x: Tensor, progress: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002  (the same at all times)
        """See `TwoSided.sides`.

        Args:
            x: logits, [B, L].
            progress: not used.

        Returns:
            Two of [B, L].
        """
        return asymmetric_sides(x, self.settings)
