"""`drift.html`: how far training moved what models make of texts, as a page that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.analysis.drift_model import Drift, Spread
from bakeoff.records.paths import RunFolder
from bakeoff.report.drift_figures import drift_figures
from bakeoff.report.html import template
from bakeoff.report.pages import write_page


def write_drift_page(run: RunFolder, drift: Drift) -> Path:
    """Write `drift.html` and its figures.

    Args:
        run: the run folder.
        drift: what is shown.

    Returns:
        Path of the page.
    """
    tasks = [{"facts": task, "figures": drift_figures(run, task, number)} for number, task in enumerate(drift.tasks, start=1)]
    page = template("drift.html", {"spread": spread, "number": number_words, "ratio": ratio, "layers": layer_words}).render(
        drift=drift,
        tasks=tasks,
    )
    write_page(run, run.drift_page, page)
    return run.drift_page


def layer_words(layers: Sequence[int]) -> str:
    """Layers in words.

    Args:
        layers: their numbers, 0 for the embeddings.

    Returns:
        Such as "layers 1 to 6", "layers 2, 5" or "layer 6".
    """
    numbers = sorted(set(layers))
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"layers {numbers[0]} to {numbers[-1]}"
    return f"layer{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def number_words(value: float) -> str:
    """A drift in words.

    Args:
        value: the drift.

    Returns:
        Three digits; a stroke where it is not known.
    """
    return f"{value:.3f}".replace("-", "−") if math.isfinite(value) else "–"


def spread(value: Spread) -> str:
    """A number with its interval.

    Args:
        value: the number.

    Returns:
        Such as "0.120 (0.090 to 0.150)".
    """
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return number_words(value.mean)
    return f"{number_words(value.mean)} ({number_words(value.low)} to {number_words(value.high)})"


def ratio(value: Spread) -> str:
    """A ratio as a difference in per cent.

    Args:
        value: drift of one over drift of another.

    Returns:
        Such as "62 % less (40 to 75 % less)".
    """

    def words(one: float) -> str:
        if not math.isfinite(one):
            return "any" if math.isinf(one) else "–"
        # a drift below 0 is one that cannot be told from none
        return f"{abs(100 * (max(one, 0.0) - 1)):.0f} % {'less' if one < 1 else 'more'}"

    if not math.isfinite(value.mean):
        return "–"
    known = math.isfinite(value.low) and math.isfinite(value.high)
    tail = f" ({words(value.high)} to {words(value.low)})" if known else " (interval without end)"
    return words(value.mean) + tail


def summary(drift: Drift) -> list[dict[str, Any]]:
    """A row for each recipe on each task, for a table.

    Args:
        drift: what was measured.

    Returns:
        The rows.
    """
    return [
        {
            "task": task.name,
            "recipe": recipe.recipe,
            "seeds": len(recipe.seeds),
            "drift": spread(recipe.drift),
            "between": number_words(recipe.between_seeds),
            "layer": max(recipe.layers, key=lambda one: one.cka.mean).layer,
        }
        for task in drift.tasks
        for recipe in task.recipes
    ]
