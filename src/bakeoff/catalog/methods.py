"""Cards of the methods: how a recipe learns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.catalog.cards import MethodCard, Settings


class TfidfSettings(Settings):
    """Settings of the TF-IDF baseline.

    Attributes:
        ngrams: longest word n-gram counted.
        min_df: texts that a term must occur in.
        max_features: terms kept at most.
        c: inverse strength of the L2 penalty of the logistic regression.
        class_weight: `none`, or `balanced` (n / (2 · positives)).
    """

    ngrams: int = Field(default=2, ge=1, le=5)
    min_df: int = Field(default=2, ge=1)
    max_features: int = Field(default=200_000, ge=1)
    c: float = Field(default=1.0, gt=0)
    class_weight: Literal["none", "balanced"] = "balanced"


METHODS = (
    MethodCard(
        name="full",
        summary="all weights of the pretrained model and a new head are trained",
        path="bakeoff.training.full:run",
        tasks=("multilabel", "single-label"),
    ),
    MethodCard(
        name="tfidf",
        summary="TF-IDF features and one logistic regression a label: the baseline that a transformer has to beat",
        source="scikit-learn's TfidfVectorizer and LogisticRegression",
        path="bakeoff.training.tfidf:run",
        settings=TfidfSettings,
        needs_model=False,
        tasks=("multilabel", "single-label"),
    ),
)
