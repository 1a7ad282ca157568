"""Cards of data treatments: how often an epoch draws each training example, and what is done to its tokens."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bakeoff.catalog.cards import AugmentationCard, SamplingCard, Settings

Probability = Annotated[float, Field(ge=0, lt=1)]


class OversampleSettings(Settings):
    """Settings of oversampling.

    Attributes:
        below: labels with fewer training examples than this are rare; null means the median over labels.
        by: share by which a rare label grows: it draws so many of its examples once more, rounded down.
    """

    below: Annotated[int, Field(ge=1)] | None = None
    by: float = Field(default=0.5, gt=0, le=100)


class UndersampleSettings(Settings):
    """Settings of undersampling.

    Attributes:
        above: labels with more training examples than this shrink to it; null means the mean over labels, rounded up.
    """

    above: Annotated[int, Field(ge=1)] | None = None


class RepeatFactorSettings(Settings):
    """Settings of repeat-factor sampling.

    Attributes:
        threshold: share of the training examples below which a label's examples are repeated.
    """

    threshold: float = Field(default=0.05, gt=0, le=1)


class TokenNoiseSettings(Settings):
    """Settings of token deletion and swap.

    Attributes:
        delete: probability with which a token is left out; of a text, at least one token stays.
        swap: probability with which a token is picked; those picked in a text change places at random.
        share: share of the examples, drawn anew in every epoch, that are treated at all.
        examples: `all`, or `repeats`: only what a sampling draws once more.
    """

    delete: Probability = 0.1
    swap: Probability = 0.1
    share: float = Field(default=0.5, gt=0, le=1)
    examples: Literal["all", "repeats"] = "all"

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.delete and not self.swap:
            raise PydanticCustomError("token_noise", "neither deletes nor swaps: give delete or swap a probability above 0")
        return self


TREATMENTS = (
    SamplingCard(
        name="oversample",
        summary="rare labels draw some of their examples once more",
        source="random oversampling, a label at a time: Charte et al., Addressing imbalance in multilabel classification, "
        "Neurocomputing 163, 2015 (ML-ROS), with a declared bound and growth",
        path="bakeoff.data.treatments.oversample:oversample",
        settings=OversampleSettings,
    ),
    SamplingCard(
        name="undersample",
        summary="an epoch leaves out some examples that have none but frequent labels, others in each epoch",
        source="Charte et al., the same (ML-RUS), with a declared bound",
        path="bakeoff.data.treatments.undersample:undersample",
        settings=UndersampleSettings,
    ),
    SamplingCard(
        name="repeat-factor",
        summary="an example is drawn as often as its rarest label asks for: the square root of a threshold over its share",
        source="Gupta, Dollár and Girshick, LVIS, CVPR 2019, section 3.3 (after Mahajan et al., ECCV 2018)",
        path="bakeoff.data.treatments.repeat_factor:repeat_factor",
        settings=RepeatFactorSettings,
    ),
    AugmentationCard(
        name="token-noise",
        summary="some tokens are left out and some change places",
        source="random deletion and random swap of Wei and Zou, EDA, EMNLP-IJCNLP 2019, on tokens",
        path="bakeoff.data.treatments.token_noise:TokenNoise",
        settings=TokenNoiseSettings,
    ),
)
