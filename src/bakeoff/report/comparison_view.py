"""What the page shows of comparisons, arranged for the template. Everything stands in the analysis."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.analysis.verdict_model import Contrast, TaskComparison
from bakeoff.report import words
from bakeoff.report.verdict_view import p_value

LABELS = 10
SHOWN_KEYS = 6
OPPOSITE = {"better": "worse", "worse": "better", "undecided": "undecided"}


def of_task(analysis: Analysis, task: TaskAnalysis) -> TaskComparison | None:
    """The comparisons on a task.

    Args:
        analysis: the analysis.
        task: the task.

    Returns:
        The comparisons; None while test stays closed, and for a single recipe.
    """
    tasks = analysis.conclusions.tasks if analysis.conclusions else []
    found = next((comparison for comparison in tasks if comparison.task == task.name), None)
    return found if found is not None and found.pairs else None


def own_intervals(analysis: Analysis, task: TaskAnalysis) -> dict[str, tuple[float, float]]:
    """Where the score to be expected of each recipe lies.

    Args:
        analysis: the analysis.
        task: the task.

    Returns:
        Ends of the 95 % interval by recipe; nothing while test stays closed, and of a recipe of which nothing is known.
    """
    tasks = analysis.conclusions.tasks if analysis.conclusions else []
    scores = [score for comparison in tasks if comparison.task == task.name for score in comparison.scores]
    return {score.recipe: (score.low, score.high) for score in scores if math.isfinite(score.low) and math.isfinite(score.high)}


def comparison_view(analysis: Analysis, task: TaskAnalysis) -> dict[str, Any] | None:
    """Everything that the template needs of a task's comparisons.

    Args:
        analysis: the analysis.
        task: the task.

    Returns:
        Sentences and tables by name; None if there is nothing to compare.
    """
    found = of_task(analysis, task)
    if found is None:
        return None
    order = [standing.recipe for standing in task.standings]
    pairs = sorted(found.pairs, key=lambda pair: (pair.rival != task.reference, order.index(pair.recipe)))
    return {
        "leaders": leaders(found),
        "warnings": found.warnings,
        "design": design(found),
        "rows": [pair_row(pair) for pair in pairs],
        "sensitive": any(pair.sensitive_low is not None for pair in pairs),
        "effects": any(pair.hedges is not None for pair in pairs),
        "order": order,
        "matrix": [(recipe, [_cell(found.pairs, recipe, other) for other in order]) for recipe in order],
        "differing": [_differing(pair) for pair in pairs if pair.rival == task.reference],
        "label_pair": found.label_pair,
        "labels": [
            {
                "label": entry.label,
                "value": words.points(entry.value),
                "span": words.span(entry.low, entry.high),
                "p": p_value(entry.corrected),
            }
            for entry in found.labels[:LABELS]
        ],
    }


def leaders(found: TaskComparison) -> str:
    """The set not shown worse than the leader.

    Args:
        found: the comparisons.

    Returns:
        A sentence.
    """
    if not found.leader:
        return "No recipe has a score at every seed, so none leads."
    others = found.not_shown_worse[1:]
    if not others:
        return f"{found.leader} has the best mean, and every other recipe is shown to be worse (all pairs, Holm)."
    return (
        f"{found.leader} has the best mean. Not shown to be worse, so possibly as good: {', '.join(others)} (all pairs, Holm). "
        "Who leads was itself read from these scores."
    )


def design(found: TaskComparison) -> str:
    """What the intervals rest on, and what this design can see.

    Args:
        found: the comparisons.

    Returns:
        Sentences.
    """
    units = "examples" if found.clusters == found.examples else f"clusters of {found.examples:,} examples"
    groups = f"{found.clusters:,} {units}, {found.groups} groups"
    text = f"Intervals count both the choice of seeds and that of test examples ({groups})."
    visible = found.smallest
    if visible is None or not math.isfinite(visible.difference):
        return f"{text} With one seed no difference between recipes can be shown."
    return (
        f"{text} Between {visible.recipe} and {visible.rival}, four of five studies like this one would show a true "
        f"difference of {100 * visible.difference:.1f} points, beside {visible.comparisons - 1} other pairs; smaller ones "
        "mostly stay undecided."
    )


def pair_row(pair: Contrast) -> dict[str, Any]:
    """A pair as a row of a table.

    Args:
        pair: the pair.

    Returns:
        Words by column.
    """
    seeds = str(pair.seeds[0]) if pair.seeds[0] == pair.seeds[1] else f"{pair.seeds[0]} and {pair.seeds[1]}"
    effect = pair.hedges
    chance = pair.improvement
    return {
        "recipe": pair.recipe,
        "rival": pair.rival,
        "claimed": pair.claimed,
        "value": words.points(pair.value),
        "span": words.span(pair.low, pair.high),
        "wide": words.span(pair.wide_low, pair.wide_high),
        "p": p_value(pair.corrected),
        "direction": pair.direction,
        "relevance": pair.relevance,
        "seeds": seeds,
        "pairing": f"{pair.pairing:+.2f}".replace("-", "−") if math.isfinite(pair.pairing) else words.NOTHING,
        "sensitive": words.span(pair.sensitive_low, pair.sensitive_high),
        "hedges": f"{effect.value:.2f} ({effect.low:.2f} to {effect.high:.2f})" if effect else words.NOTHING,
        "chance": f"{chance.value:.2f} ({chance.low:.2f} to {chance.high:.2f})" if chance else words.NOTHING,
        "keys": len(pair.differing),
        "next": _next(pair),
    }


def _next(pair: Contrast) -> str:
    parts = [f"{pair.needed_seeds} seeds"] if pair.needed_seeds is not None else []
    parts += [f"{pair.needed_examples:,} examples"] if pair.needed_examples is not None else []
    return " or ".join(parts) or words.NOTHING


def _cell(pairs: list[Contrast], recipe: str, other: str) -> tuple[str, str]:
    """How far the recipe of the row is better than that of the column, and what is shown."""
    for pair in pairs:
        if (pair.recipe, pair.rival) == (recipe, other):
            return words.points(pair.value), pair.direction
        if (pair.rival, pair.recipe) == (recipe, other):
            return words.points(-pair.value), OPPOSITE[pair.direction]
    return "", ""


def _differing(pair: Contrast) -> dict[str, Any]:
    keys = [f"{entry.key}: {entry.here or 'none'} in place of {entry.there or 'none'}" for entry in pair.differing]
    rest = len(keys) - SHOWN_KEYS
    return {
        "recipe": pair.recipe,
        "rival": pair.rival,
        "count": len(keys),
        "keys": [*keys[:SHOWN_KEYS], *([f"and {rest} more (see Settings)"] if rest > 0 else [])],
    }
