"""Cards of the task kinds."""

from __future__ import annotations

from bakeoff.catalog.cards import TaskCard
from bakeoff.catalog.metrics import METRICS

TASKS = (
    TaskCard(
        name="multilabel",
        summary="any number of labels for a text",
        path="bakeoff.tasks.multilabel:Multilabel",
        metrics=tuple(card.name for card in METRICS),
    ),
)
