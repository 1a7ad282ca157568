"""The section on examples that recipes miss."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.model import TaskAnalysis
from bakeoff.report.texts import ExampleTexts, Show

LONGEST = 400
"""Characters shown of a text."""
KINDS = {"missed": "missed by most", "disputed": "recipes disagree"}


def examples_view(task: TaskAnalysis, texts: ExampleTexts) -> dict[str, Any]:
    """What the page shows of single examples of a task.

    Args:
        task: the task.
        texts: what may be shown of them.

    Returns:
        How much is shown, the recipes, and a row an example: none of them where nothing is shown.
    """
    found = texts.texts.get(task.name, {})
    recipes = [recipe.name for recipe in task.recipes if any(recipe.name in example.by_recipe for example in task.missed)]
    rows = [
        {
            "label": example.label,
            "kind": KINDS[example.kind],
            "id": example.id,
            "text": _cut(found.get(example.id, "")) if texts.show is Show.ALL else "",
            "labels": example.labels,
            "shares": [example.by_recipe.get(recipe) for recipe in recipes],
        }
        for example in (task.missed if texts.show is not Show.NONE else [])
    ]
    return {"show": texts.show.value, "note": texts.note, "named": len(task.missed), "recipes": recipes, "rows": rows}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
