"""The forest plot: how far each recipe lies from the reference, with intervals, and a dot a seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.analysis.verdict_model import Contrast
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette, words
from bakeoff.report.comparison_view import of_task
from bakeoff.report.figures import Figure, Sketch, draw, shown, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 100


def comparison_figures(run: RunFolder, analysis: Analysis, task: TaskAnalysis, number: int) -> dict[str, Figure]:
    """Draw and write the figures of a task's comparisons.

    Args:
        run: the run folder.
        analysis: the analysis.
        task: the task.
        number: the task's place, from 1.

    Returns:
        By kind, the figures that there are data for.
    """
    found = of_task(analysis, task)
    if found is None or analysis.conclusions is None:
        return {}
    order = [standing.recipe for standing in task.standings]
    rows = sorted(
        [pair for pair in found.pairs if pair.rival == task.reference and math.isfinite(pair.value)],
        key=lambda pair: order.index(pair.recipe),
    )
    if not rows:
        return {}
    return {
        "forest": draw(
            run.figures, forest(task, rows, analysis.conclusions.negligible, f"differences-{number}-{slug(task.name)}")
        )
    }


def forest(task: TaskAnalysis, rows: list[Contrast], negligible: float, name: str) -> Sketch:
    """Differences to the reference.

    Args:
        task: the task.
        rows: the comparisons, the best recipe first.
        negligible: half the width of the region of practical equivalence.
        name: name of its files.

    Returns:
        The sketch: thick lines are 95 % intervals, a dot is a seed; an interval without end is not drawn.
    """
    places = {recipe.name: index for index, recipe in enumerate(task.recipes)}

    def paint(axes: Axes) -> None:
        axes.axvspan(-POINTS * negligible, POINTS * negligible, color=palette.GRID, alpha=0.6, linewidth=0)
        axes.axvline(0, color=palette.MUTED, linewidth=0.9)
        for height, pair in enumerate(reversed(rows)):
            colour = palette.series(places[pair.recipe])
            if math.isfinite(pair.low) and math.isfinite(pair.high):
                axes.plot([POINTS * pair.low, POINTS * pair.high], [height, height], color=colour, linewidth=2.4)
            dots = [POINTS * value for value in pair.each if math.isfinite(value)]
            axes.plot(dots, [height - 0.25] * len(dots), "o", color=colour, markersize=3.2, alpha=0.6)
            axes.plot([POINTS * pair.value], [height], "D", color=colour, markersize=5.5)
        axes.set_yticks(range(len(rows)), [shown(pair.recipe, 24) for pair in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(shown(f"points better than {task.reference}"))

    band = f"±{POINTS * negligible:g} points"
    spoken = "; ".join(
        f"{pair.recipe} {words.points(pair.value)} ({words.span(pair.low, pair.high)}), {pair.direction}" for pair in rows
    )
    table: list[list[Any]] = [["recipe", "reference", "difference", "low", "high", "corrected p", "direction"]]
    table += [[pair.recipe, pair.rival, pair.value, pair.low, pair.high, pair.corrected, pair.direction] for pair in rows]
    return Sketch(
        name=name,
        title=f"Differences to {task.reference} in {task.metric} on {task.split}, in points",
        description=f"A diamond is the mean, its line the 95 % interval, a dot a seed; the band is {band}. {spoken}.",
        size=(4.6, 0.9 + 0.42 * len(rows)),
        draw=paint,
        table=table,
    )
