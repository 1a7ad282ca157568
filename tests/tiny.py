"""The parts of a trial, small enough to be made in milliseconds: a dataset, a store of random tokens, specs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.records.paths import Home
from bakeoff.records.specs import Component, ModelSpec, RecipeSpec, TaskSpec, TrainingSpec, TrialSpec
from bakeoff.tasks.tokens import SPLITS, TokenStore

LABELS = ("joy", "anger", "calm")
SIZES = {"train": 24, "validation": 12, "test": 10}
PHRASES = ("what a happy day", "this is bad, very bad!", "a quiet night by the sea and nothing else to say of it")

TRAINING = TrainingSpec(
    epochs=1,
    batch_size=8,
    micro_batch_size=4,
    learning_rate=1e-3,
    head_learning_rate=1e-2,
    schedule="cosine",
    warmup=0.1,
    weight_decay=0.01,
    clip_norm=1.0,
    precision="fp32",
    gradient_checkpointing=False,
    evaluations_per_epoch=1,
    threads=1,
    max_skipped=3,
)


def training(**changes: Any) -> TrainingSpec:
    """Hyperparameters for a few quick steps."""
    return TrainingSpec.model_validate({**TRAINING.model_dump(), **changes})


def rows_of(split: str, size: int) -> list[Row]:
    """Rows whose text tells the label; some have two labels, some none."""
    chosen = [((number % 3,), (number % 3, (number + 1) % 3), ())[(number // 3) % 3] for number in range(size)]
    return [
        Row(f"{split}-{number}", " and ".join(PHRASES[label] for label in labels) + f" {number}", labels)
        for number, labels in enumerate(chosen)
    ]


def make_dataset(root: Path, sizes: dict[str, int] | None = None) -> Dataset:
    """A stored dataset with three labels."""
    splits = {split: rows_of(split, size) for split, size in (sizes or SIZES).items()}
    return write_dataset(Home(root), Import("tiny", LABELS, splits))


def random_store(lengths: list[int], vocabulary: int, seed: int = 0) -> TokenStore:
    """A store with a train split of random tokens (never the first five, which may be special ones)."""
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    tokens = np.random.default_rng(seed).integers(5, vocabulary, int(offsets[-1])).astype(np.int32)
    first = {split: 0 if split == "train" else len(lengths) for split in SPLITS}
    seconds = np.zeros(len(lengths), dtype=np.int32)
    return TokenStore(tokens, offsets, seconds, first, {"train": len(lengths), "validation": 0, "test": 0})


def task_of(dataset: Dataset, **changes: Any) -> TaskSpec:
    """The task of a dataset."""
    task = TaskSpec(
        name="tiny", dataset=dataset.name, fingerprint=dataset.fingerprint, kind="multilabel", metric="f1_macro", max_length=32
    )
    return task.model_copy(update=changes)


def full_trial(dataset: Dataset, family: str = "bert", seed: int = 1, pooling: str = "mean", **changes: Any) -> TrialSpec:
    """A trial of the method `full`; the changes are of its hyperparameters."""
    recipe = RecipeSpec(
        name=f"full {family}",
        method=Component(name="full", version=1),
        model=ModelSpec(name=family, fingerprint="0" * 64, family=family),
        loss=Component(name="bce", version=1),
        pooling=pooling,  # type: ignore[arg-type]
        training=training(**changes),
    )
    return TrialSpec(task=task_of(dataset), recipe=recipe, seed=seed)


def tfidf_trial(dataset: Dataset, seed: int = 1, **settings: Any) -> TrialSpec:
    """A trial of the method `tfidf`."""
    method = Component(name="tfidf", version=1, settings=settings)
    return TrialSpec(task=task_of(dataset), recipe=RecipeSpec(name="tfidf", method=method), seed=seed)
