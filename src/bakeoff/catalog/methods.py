"""Cards of the methods: how a recipe learns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.catalog.cards import MethodCard, SafeRate, Settings

CLASSIFICATION = ("multilabel", "single-label")
LARGE = 300_000_000
"""Parameters from which on a model is large: BERT-large has 335 million."""


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


class ZeroShotSettings(Settings):
    """Settings of classification by label names.

    Attributes:
        words: what stands for a label in place of its name, by name; underscores of names become spaces.
        sentence: for encoders: what is compared with the text; `{label}` is where the words stand.
        prompt: for decoders: what stands before the words; `{text}` is where the text stands.
    """

    words: dict[str, str] = Field(default_factory=dict)
    sentence: str = Field(default="{label}", pattern=r"^[^{}]*\{label\}[^{}]*$")
    prompt: str = Field(default="{text}\nLabel:", pattern=r"^[^{}]*\{text\}[^{}]*$")


class ExternalSettings(Settings):
    """Settings of predictions from elsewhere.

    Attributes:
        file: a file of predictions for validation and test, as `bakeoff compare` reads them; relative to the study file.
        sha256: hash of the file; found out when the study is read, and part of the recipe in place of where the file lies.
        deterministic: whether what was predicted once counts for every seed: only for what has no chance in it, such as rules.
    """

    file: str = Field(min_length=1)
    sha256: str = ""
    deterministic: bool = False


class EnsembleSettings(Settings):
    """Settings of what is averaged.

    Attributes:
        of: names of recipes. Of one, the trials of all its seeds are averaged, which gives one trial, and so no seeds of its
            own; of several, those of the same seed, a trial a seed.
    """

    of: list[str] = Field(min_length=1)


class DistillSettings(Settings):
    """Settings of distillation.

    Attributes:
        teacher: name of the recipe whose trained model of the same seed is learned from.
        layers: layers of the student, taken evenly from the pretrained model that the teacher began with.
        temperature: what the logits of both are divided by where they are compared.
        weight: share of what the teacher says in the loss; the rest is the recipe's own loss on the labels. 0 is the same
            student without a teacher's help, to compare with.
        unlabelled: training examples beyond `train_limit` of which only the texts are used, drawn by the task's `data_seed`.
    """

    teacher: str = Field(min_length=1)
    layers: int = Field(default=3, ge=1)
    temperature: float = Field(default=2.0, gt=0)
    weight: float = Field(default=0.5, ge=0, le=1)
    unlabelled: int = Field(default=0, ge=0)


METHODS = (
    MethodCard(
        name="full",
        summary="all weights of the pretrained model and a new head are trained",
        path="bakeoff.training.full:run",
        settings=FullSettings,
        safe_rates=(SafeRate(5e-5, "Devlin et al., BERT, NAACL 2019, appendix A.3: 2e-5 to 5e-5", parameters=LARGE),),
        tasks=("multilabel", "single-label", "qa"),
    ),
    MethodCard(
        name="lora",
        summary="low-rank adapters beside frozen matrices, and a new head, are trained",
        source="Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, by PEFT",
        path="bakeoff.training.full:run",
        settings=LoraSettings,
        safe_rates=(SafeRate(5e-3, "ten times the largest of Hu et al., LoRA, ICLR 2022, appendix D, table 9"),),
        modules=("peft", "peft.tuners.lora"),
        tasks=("multilabel", "single-label", "qa"),
    ),
    MethodCard(
        name="linear-probe",
        summary="a head is trained on what the frozen model makes of each text, computed once for all trials that share it",
        source="Alain and Bengio, Understanding intermediate layers using linear classifier probes, 2016",
        path="bakeoff.training.probe:run",
        features=True,
        tasks=(*CLASSIFICATION, "qa"),
    ),
    MethodCard(
        name="tfidf",
        summary="TF-IDF features and one logistic regression a label: the baseline that a transformer has to beat",
        source="scikit-learn's TfidfVectorizer and LogisticRegression",
        path="bakeoff.training.tfidf:run",
        settings=TfidfSettings,
        needs_model=False,
        trains=False,
        mixes=True,
        baseline=True,
        deterministic=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="external",
        summary="predictions that were made elsewhere: a file with example ids, gold, predictions and seeds",
        path="bakeoff.training.external:run",
        settings=ExternalSettings,
        needs_model=False,
        trains=False,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="ensemble",
        summary="the mean of what other trials of the study give as probabilities",
        source="Hansen and Salamon, Neural network ensembles, IEEE PAMI 1990; Lakshminarayanan et al., NeurIPS 2017",
        path="bakeoff.training.ensembles:average_probabilities",
        settings=EnsembleSettings,
        needs_model=False,
        trains=False,
        made_of="of",
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="weight-average",
        summary="one model whose weights are the mean of those of other trials of the study",
        source="Wortsman et al., Model soups, ICML 2022, uniform",
        path="bakeoff.training.ensembles:average_weights",
        settings=EnsembleSettings,
        trains=False,
        made_of="of",
        reads_models=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="distill",
        summary="a student with fewer layers learns what a trained teacher says, and the labels",
        source="Hinton et al., Distilling the Knowledge in a Neural Network, 2015; layers as in Sanh et al., DistilBERT, 2019",
        path="bakeoff.training.distilling:run",
        settings=DistillSettings,
        safe_rates=(SafeRate(5e-4, "Sanh et al., DistilBERT, 2019: 5e-4"),),
        made_of="teacher",
        reads_models=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="majority",
        summary="one answer for all: label shares of the training examples",
        source="scikit-learn's DummyClassifier(strategy='prior')",
        path="bakeoff.training.baselines:majority",
        needs_model=False,
        trains=False,
        baseline=True,
        deterministic=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="random",
        summary="labels drawn at random, each as often as the training examples show it",
        source="scikit-learn's DummyClassifier(strategy='stratified')",
        path="bakeoff.training.baselines:stratified",
        needs_model=False,
        trains=False,
        baseline=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="nearest-centroid",
        summary="the label whose training texts are the nearest on average, by what the frozen model makes of each text",
        source="Snell, Swersky and Zemel, Prototypical Networks for Few-shot Learning, NeurIPS 2017, with cosines",
        path="bakeoff.training.baselines:nearest_centroid",
        trains=False,
        features=True,
        baseline=True,
        deterministic=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="zero-shot",
        summary="labels by their names: similarity with an encoder, likelihood with a decoder; no example is learned from",
        source="Yin, Hay and Roth, Benchmarking Zero-shot Text Classification, EMNLP 2019; Brown et al., NeurIPS 2020",
        path="bakeoff.training.zero_shot:run",
        settings=ZeroShotSettings,
        trains=False,
        baseline=True,
        deterministic=True,
        tasks=CLASSIFICATION,
    ),
    MethodCard(
        name="all-no-answer",
        summary="of every question, that it has no answer",
        path="bakeoff.training.answer_baselines:all_no_answer",
        needs_model=False,
        trains=False,
        baseline=True,
        deterministic=True,
        tasks=("qa",),
    ),
    MethodCard(
        name="lexical",
        summary="the sentence of the context that shares most words with the question",
        source="the sliding window of Richardson, Burges and Renshaw, MCTest, EMNLP 2013, over sentences and without weights",
        path="bakeoff.training.answer_baselines:lexical",
        needs_model=False,
        trains=False,
        baseline=True,
        deterministic=True,
        tasks=("qa",),
    ),
)
