"""Cards of the task kinds."""

from __future__ import annotations

from bakeoff.catalog.cards import TaskCard
from bakeoff.catalog.metrics import METRICS

SINGLE_FIRST = ("accuracy", "f1", "mcc")

TASKS = (
    TaskCard(
        name="multilabel",
        summary="any number of labels for a text",
        path="bakeoff.tasks.multilabel:Multilabel",
        metrics=tuple(card.name for card in METRICS if "multilabel" in card.tasks),
    ),
    TaskCard(
        name="single-label",
        summary="one of several labels for a text, or for a pair of texts",
        path="bakeoff.tasks.single_label:SingleLabel",
        metrics=(
            *SINGLE_FIRST,
            *(card.name for card in METRICS if "single-label" in card.tasks and card.name not in SINGLE_FIRST),
        ),
    ),
    TaskCard(
        name="qa",
        summary="the span of a context that answers a question, or that there is none",
        path="bakeoff.tasks.question_answering:QuestionAnswering",
        metrics=tuple(card.name for card in METRICS if "qa" in card.tasks),
    ),
)
