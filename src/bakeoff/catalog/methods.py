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


class FullSettings(Settings):
    """Settings of full fine-tuning.

    Attributes:
        frozen_layers: layers, counted from the embeddings, that stay as they are, the embeddings with them; 0 freezes nothing.
        layer_decay: factor between the learning rates of a layer and of the one below it; the last layer has the recipe's rate
            (discriminative fine-tuning; Howard and Ruder, 2018, section 3.2, with 1 / 2.6). 1 gives all layers one rate.
    """

    frozen_layers: int = Field(default=0, ge=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)


class LoraSettings(Settings):
    """Settings of low-rank adapters.

    Attributes:
        rank: width of the adapter's two matrices.
        alpha: the adapter's output is scaled by alpha / rank (alpha / √rank with `rslora`).
        dropout: probability before the adapter.
        targets: `auto` (queries and values of the architecture), `all-linear`, or names of modules.
        rslora: whether the scale is rank-stabilised (Kalajdzievski, 2023).
        dora: whether direction and magnitude are adapted apart (Liu et al., 2024).
    """

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: Literal["auto", "all-linear"] | list[str] = "auto"
    rslora: bool = False
    dora: bool = False


METHODS = (
    MethodCard(
        name="full",
        summary="all weights of the pretrained model and a new head are trained",
        path="bakeoff.training.full:run",
        settings=FullSettings,
        tasks=("multilabel", "single-label"),
    ),
    MethodCard(
        name="lora",
        summary="low-rank adapters beside frozen matrices, and a new head, are trained",
        source="Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, by PEFT",
        path="bakeoff.training.full:run",
        settings=LoraSettings,
        modules=("peft", "peft.tuners.lora"),
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
