"""Questions on contexts, small and awkward: signs of many scripts, contexts beyond a window, questions without an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Answer, Import, Row
from bakeoff.records.paths import Home
from bakeoff.records.specs import Component, RecipeSpec, TaskSpec, TrialSpec
from tiny import full_trial

LABELS = ("no answer", "answer")
LENGTH, STRIDE = 40, 13
CONTEXTS = (
    "the happy night. a good day, very good.",
    "cafe\u0301 nai\u0308f and 😀🏽 day; שלום עולם and bad; Ünïcode. " + "not sad and very happy, the day. " * 4 + "the end!",
    "day",
    "one two three four five six seven eight nine ten. " * 3 + "a bad night and a good day.",
)
ANSWERS = (
    ("happy night", "very good"),
    ("cafe\u0301", "😀🏽", "שלום עולם", "Ünïcode", "the end"),
    ("day",),
    ("one", "a good day", "ten. one two"),
)
SIZES = {"train": 16, "validation": 8, "test": 8}


def rows_of(split: str, size: int) -> list[Row]:
    """Rows; every third has no answer."""
    rows = []
    for number in range(size):
        context = CONTEXTS[number % len(CONTEXTS)]
        known = ANSWERS[number % len(CONTEXTS)]
        text = known[number // len(CONTEXTS) % len(known)]
        answers = () if number % 3 == 2 else (Answer(context.index(text), text),)
        rows.append(
            Row(
                f"{split}-{number}",
                f"where is number {number}?",
                (int(bool(answers)),),
                context,
                f"article {number % 4}",
                answers,
            )
        )
    return rows


def make_questions(root: Path, sizes: dict[str, int] | None = None) -> Dataset:
    """A stored dataset of questions."""
    splits = {split: rows_of(split, size) for split, size in (sizes or SIZES).items()}
    return write_dataset(Home(root), Import("questions", LABELS, splits))


def qa_task(dataset: Dataset, **changes: Any) -> TaskSpec:
    """The task of such a dataset."""
    task = TaskSpec(
        name="questions",
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        kind="qa",
        metric="answer_f1",
        max_length=LENGTH,
        stride=STRIDE,
        max_answer=30,
    )
    return task.model_copy(update=changes)


def qa_trial(dataset: Dataset, family: str = "bert", method: str = "full", seed: int = 1, **changes: Any) -> TrialSpec:
    """A trial on it; the changes are of its hyperparameters."""
    plain = full_trial(dataset, family, seed, **changes)
    parts = {"loss": Component(name="cross-entropy", version=1), "method": Component(name=method, version=1)}
    return plain.model_copy(update={"task": qa_task(dataset), "recipe": plain.recipe.model_copy(update=parts)})


def baseline_trial(dataset: Dataset, method: str) -> TrialSpec:
    """A trial of a method without a model."""
    recipe = RecipeSpec(name=method, method=Component(name=method, version=1))
    return TrialSpec(task=qa_task(dataset), recipe=recipe, seed=1)
