"""Cards of label maps: how the labels of one data set are told in those of another."""

from __future__ import annotations

from bakeoff.catalog.cards import LabelMapCard
from bakeoff.catalog.datasets import GOEMOTIONS_LABELS

EKMAN_LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
SENTIMENT_LABELS = ("positive", "negative", "ambiguous", "neutral")
GROUPS = "the groups of Demszky et al., GoEmotions, ACL 2020, and of its published code"

_EKMAN = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "joy": (
        "joy",
        "amusement",
        "approval",
        "excitement",
        "gratitude",
        "love",
        "optimism",
        "relief",
        "pride",
        "admiration",
        "desire",
        "caring",
    ),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "realization", "confusion", "curiosity"),
    "neutral": ("neutral",),
}
_SENTIMENT = {
    "positive": (
        "amusement",
        "excitement",
        "joy",
        "love",
        "desire",
        "optimism",
        "caring",
        "pride",
        "admiration",
        "gratitude",
        "relief",
        "approval",
    ),
    "negative": (
        "fear",
        "nervousness",
        "remorse",
        "embarrassment",
        "disappointment",
        "sadness",
        "grief",
        "disgust",
        "anger",
        "annoyance",
        "disapproval",
    ),
    "ambiguous": ("realization", "surprise", "curiosity", "confusion"),
    "neutral": ("neutral",),
}


def _by_group(groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The group of each label, in the order of the labels."""
    group_of = {label: group for group, labels in groups.items() for label in labels}
    return {label: (group_of[label],) for label in GOEMOTIONS_LABELS}


LABEL_MAPS = (
    LabelMapCard(
        name="semeval-goemotions",
        summary="the emotions of SemEval-2018 E-c in those of GoEmotions",
        source="labels of the same name; the categories of Mohammad et al. 2018 that GoEmotions does not have stay unmapped",
        to=GOEMOTIONS_LABELS,
        sure={label: (label,) for label in ("anger", "disgust", "fear", "joy", "love", "optimism", "sadness", "surprise")},
        unmapped=("anticipation", "pessimism", "trust"),
    ),
    LabelMapCard(
        name="isear-goemotions",
        summary="the emotions of ISEAR in those of GoEmotions: shame is embarrassment, guilt is remorse",
        source="labels of the same name, and the nearest one for the two that GoEmotions calls otherwise",
        to=GOEMOTIONS_LABELS,
        sure={
            **{label: (label,) for label in ("joy", "fear", "anger", "sadness", "disgust")},
            "shame": ("embarrassment",),
            "guilt": ("remorse",),
        },
    ),
    LabelMapCard(
        name="meld-goemotions",
        summary="the emotions of MELD in those of GoEmotions",
        source="labels of the same name",
        to=GOEMOTIONS_LABELS,
        sure={label: (label,) for label in ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")},
    ),
    LabelMapCard(
        name="goemotions-ekman",
        summary="the 28 labels of GoEmotions in Ekman's six emotions and neutral",
        source=GROUPS,
        to=EKMAN_LABELS,
        sure=_by_group(_EKMAN),
    ),
    LabelMapCard(
        name="goemotions-sentiment",
        summary="the 28 labels of GoEmotions as positive, negative, ambiguous or neutral",
        source=GROUPS,
        to=SENTIMENT_LABELS,
        sure=_by_group(_SENTIMENT),
    ),
)
