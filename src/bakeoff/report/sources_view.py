"""What the page shows of a task's sources, arranged for the template. Everything stands in the analysis."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.analysis.source_model import SourceContrast, TaskSources
from bakeoff.report import words
from bakeoff.report.verdict_view import p_value

GISTS = {"better": "helps on", "worse": "hurts on", "undecided": "shows neither on"}


def sources_view(analysis: Analysis, task: TaskAnalysis) -> dict[str, Any] | None:
    """Everything that the template needs of a task's sources.

    Args:
        analysis: the analysis.
        task: the task.

    Returns:
        Tables by name; None for a task with one source, and while test stays closed.
    """
    told = analysis.conclusions.sources if analysis.conclusions else []
    found = next((one for one in told if one.task == task.name), None)
    if found is None:
        return None
    order = [standing.recipe for standing in task.standings]
    return {
        "columns": list(zip(found.names, found.examples, found.labels, strict=True)),
        "warnings": found.warnings,
        "rows": [(recipe, [_cell(found, recipe, name, task.reference) for name in found.names]) for recipe in order],
        "effects": [_row(one) for one in _by_added(found)],
        "gists": _gists(found),
    }


def _cell(found: TaskSources, recipe: str, source: str, reference: str) -> dict[str, Any]:
    score = next((one for one in found.scores if (one.recipe, one.source) == (recipe, source)), None)
    contrast = next(
        (one for one in found.contrasts if one.source == source and {one.recipe, one.rival} == {recipe, reference}), None
    )
    value, direction = None, ""
    if contrast is not None:
        turned = contrast.recipe != recipe
        opposite = {"better": "worse", "worse": "better"}
        value = -contrast.value if turned else contrast.value
        direction = opposite.get(contrast.direction, "") if turned else contrast.direction
    return {
        "score": words.score(score.mean if score else None),
        "trained": bool(score and score.trained),
        "difference": words.points(value) if contrast is not None else "",
        "direction": direction if direction in ("better", "worse") else "",
    }


def _by_added(found: TaskSources) -> list[SourceContrast]:
    added = [one for one in found.contrasts if one.added]
    return sorted(added, key=lambda one: (found.names.index(one.added), one.recipe, one.rival, found.names.index(one.source)))


def _gists(found: TaskSources) -> list[tuple[str, str]]:
    """Each source with a sentence on where it helps, where it hurts, and where that is open."""
    found_words = []
    for source in found.names:
        contrasts = [one for one in found.contrasts if one.added == source]
        pairs = {(one.recipe, one.rival) for one in contrasts}
        for recipe, rival in sorted(pairs):
            of = [one for one in contrasts if (one.recipe, one.rival) == (recipe, rival)]
            places = {said: [one.source for one in of if one.direction == said] for said in GISTS}
            parts = [f"{GISTS[said]} {' and '.join(some)}" for said, some in places.items() if some]
            beside = "" if len(pairs) == 1 else f" ({recipe} − {rival})"
            found_words.append((source, f"{', '.join(parts)}{beside}"))
    return found_words


def _row(one: SourceContrast) -> dict[str, Any]:
    return {
        "added": one.added,
        "pair": f"{one.recipe} − {one.rival}",
        "source": one.source,
        "value": words.points(one.value),
        "span": words.span(one.low, one.high),
        "p": p_value(one.corrected),
        "direction": {"better": "helps", "worse": "hurts"}.get(one.direction, "undecided"),
        "shown": one.direction != "undecided",
    }
