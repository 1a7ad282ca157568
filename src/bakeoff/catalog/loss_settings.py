"""Settings of the losses. The formulas stand in docs/losses.md and in the files of `losses/`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bakeoff.catalog.cards import Settings

NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Weight = NotNegative | Annotated[list[NotNegative], Field(min_length=2, max_length=2)]
"""A number, or [from, to]: linear over the progress of training."""
ClassWeights = Literal["none", "balanced", "effective"] | Annotated[list[Positive], Field(min_length=1)]
LabelWeights = Literal["none", "balanced"] | Annotated[list[Positive], Field(min_length=1)]
PARTS = ("asymmetric", "focal", "bce")


class WeightedSettings(Settings):
    """Settings of every loss that is a sum over positives and negatives.

    Attributes:
        label_smoothing: share of each target that is drawn towards one half.
        class_weights: `none`; `balanced` (n / (2 · count) for positives and negatives of a label); `effective` (by effective
            number, the two of a label summing to 2); or a list with the weight of each label's positives.
        class_weights_beta: for `effective`: the beta of the effective number.
    """

    label_smoothing: Share = 0.0
    class_weights: ClassWeights = "none"
    class_weights_beta: Share = 0.999


class FocusSettings(Settings):
    """Settings of the focal loss alone.

    Attributes:
        alpha: weight of positives, that of negatives being 1 - alpha; null weighs both with 1.
        gamma: how strongly well-classified examples are discounted; 0 is not at all.
    """

    alpha: Annotated[float, Field(ge=0, le=1)] | None = 0.25
    gamma: NotNegative = 2.0


class AsymmetrySettings(Settings):
    """Settings of the asymmetric loss alone.

    Attributes:
        gamma_neg: focusing of negatives.
        gamma_pos: focusing of positives.
        clip: probability that a negative is forgiven.
    """

    gamma_neg: NotNegative = 4.0
    gamma_pos: NotNegative = 0.0
    clip: Share = 0.05


class BceSettings(WeightedSettings):
    """Settings of binary cross-entropy."""


class FocalSettings(WeightedSettings, FocusSettings):
    """Settings of the focal loss."""


class AsymmetricSettings(WeightedSettings, AsymmetrySettings):
    """Settings of the asymmetric loss."""


class ClassBalancedSettings(Settings):
    """Settings of the class-balanced loss.

    Attributes:
        over: the loss that is weighted.
        beta: of the effective number: 0 weighs all labels alike, towards 1 it weighs by inverse frequency.
        gamma: for `over: focal`: its gamma.
        label_smoothing: share of each target that is drawn towards one half.
    """

    over: Literal["bce", "focal"] = "focal"
    beta: Share = 0.9999
    gamma: NotNegative = 2.0
    label_smoothing: Share = 0.0


class DistributionBalancedSettings(Settings):
    """Settings of the distribution-balanced loss.

    Attributes:
        alpha: floor of the re-balancing weight.
        beta: its steepness.
        mu: its centre.
        kappa: scale of the bias that the labels' frequencies give.
        negative_scale: lambda: how much faster the loss of an easy negative falls.
        gamma: focusing on top; 0 is none.
    """

    alpha: NotNegative = 0.1
    beta: NotNegative = 10.0
    mu: float = 0.2
    kappa: NotNegative = 0.05
    negative_scale: Annotated[float, Field(ge=1)] = 2.0
    gamma: NotNegative = 0.0


class CrossEntropySettings(Settings):
    """Settings of cross-entropy over labels that exclude one another.

    Attributes:
        label_smoothing: share of each target that is spread evenly over all labels.
        class_weights: `none`; `balanced` (n / (L · count)); or a list with the weight of each label.
    """

    label_smoothing: Share = 0.0
    class_weights: LabelWeights = "none"


class CombinedSettings(WeightedSettings, AsymmetrySettings, FocusSettings):
    """Settings of the combined loss: weights of its parts, and the settings of the parts.

    Attributes:
        asymmetric: weight of the asymmetric loss: a number, or [from, to] over the training.
        focal: weight of the focal loss, likewise.
        bce: weight of binary cross-entropy, likewise.
        ratio: the preset in place of the three: ratio · asymmetric + (1 - ratio) · focal · mean class weight + 0.2 · BCE.
        mean_class_weights: for `ratio`: the class weights of positives whose mean multiplies the focal loss.
        weighting: `declared`, or `uncertainty`: the weights are learned, beginning at the declared ones.
    """

    asymmetric: Weight = 0.0
    focal: Weight = 0.0
    bce: Weight = 0.0
    ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    mean_class_weights: ClassWeights = "balanced"
    weighting: Literal["declared", "uncertainty"] = "declared"

    @model_validator(mode="after")
    def _weights_fit_together(self) -> Self:
        declared = [weight for part in PARTS if (weight := getattr(self, part)) not in (0.0, [0.0, 0.0])]
        if self.ratio is not None and declared:
            raise PydanticCustomError("loss_weights", "the ratio stands in place of the weights of asymmetric, focal and bce")
        if self.ratio is None and not declared:
            raise PydanticCustomError("loss_weights", "no part has a weight: give one to asymmetric, focal or bce, or a ratio")
        if self.weighting == "uncertainty" and (self.ratio is not None or any(isinstance(weight, list) for weight in declared)):
            raise PydanticCustomError("loss_weights", "learned weights begin at plain numbers, without ratio and [from, to]")
        return self
