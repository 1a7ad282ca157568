"""The figures of a task: those of `figures.py`, and thresholds, labels and reliability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bakeoff.analysis.model import TaskAnalysis
from bakeoff.analysis.recipe_model import Standing, Summary
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette, words
from bakeoff.report.figures import Figure, Sketch, draw, legend, loss_curves, ranking, shown, slug, validation_curves
from bakeoff.report.heat_maps import HeatMap, paint_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("f1", "precision", "recall")


def make_figures(
    run: RunFolder, task: TaskAnalysis, trials: list[TrialAnalysis], number: int, intervals: Mapping[str, tuple[float, float]]
) -> dict[str, Figure]:
    """Draw and write every figure of a task.

    Args:
        run: the run folder.
        task: the task.
        trials: its trials.
        number: the task's place, from 1: it keeps file names apart.
        intervals: where the score to be expected of each recipe lies.

    Returns:
        By kind, the figures that there are data for.
    """
    tail = f"{number}-{slug(task.name)}"
    sketches = {
        "ranking": ranking(task, f"ranking-{tail}", intervals),
        "loss": loss_curves(task, trials, f"loss-{tail}"),
        "validation": validation_curves(task, trials, f"validation-{tail}"),
        **{part: threshold_curves(task, part, f"thresholds-{part}-{tail}") for part in PARTS},
        "labels": heat_map(task, f"labels-{tail}"),
        "reliability": reliability_diagram(task, f"reliability-{tail}"),
    }
    return {kind: draw(run.figures, sketch) for kind, sketch in sketches.items() if len(sketch.table) > 1}


def split_scores(task: TaskAnalysis, entry: Standing) -> dict[str, dict[str, Summary]]:
    """A recipe's scores on the split that ranks.

    Args:
        task: the task.
        entry: the recipe.

    Returns:
        Summary by threshold rule and metric; empty without a score.
    """
    return entry.test if task.split == "test" else entry.validation


def fixed_rules(scores: dict[str, dict[str, Summary]]) -> list[str]:
    """The fixed thresholds among the rules.

    Args:
        scores: scores by rule.

    Returns:
        Rules in their order.
    """
    return [rule for rule in scores if rule.replace(".", "", 1).isdigit()]


def threshold_curves(task: TaskAnalysis, part: str, name: str) -> Sketch:
    """A score over the fixed thresholds, a line a recipe.

    Args:
        task: the task.
        part: `f1`, `precision` or `recall`; the mean over labels is drawn.
        name: name of its files.

    Returns:
        The sketch.
    """
    places = {recipe.name: index for index, recipe in enumerate(task.recipes)}
    metric = f"{part}_macro"
    lines: dict[str, list[tuple[str, Summary]]] = {}
    for entry in task.standings:
        scores = split_scores(task, entry)
        points = [(rule, scores[rule][metric]) for rule in fixed_rules(scores) if metric in scores[rule]]
        if points and not any(math.isnan(summary.mean) for _, summary in points):
            lines[entry.recipe] = points

    def paint(axes: Axes) -> None:
        for recipe, points in lines.items():
            axes.plot(
                [float(rule) for rule, _ in points],
                [summary.mean for _, summary in points],
                **palette.line(places[recipe]),
                linewidth=1.6,
                marker="o",
                markersize=3.5,
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("threshold for all labels")
        axes.set_title(shown(metric), loc="left", fontsize=10, color=palette.INK)
        if part == "recall":  # which falls to the right, and leaves room
            legend(axes, list(lines), places)

    best = {recipe: max(points, key=lambda point: point[1].mean) for recipe, points in lines.items()}
    spoken = "; ".join(f"{recipe} is highest at {rule} with {value.mean:.4f}" for recipe, (rule, value) in best.items())
    table: list[list[Any]] = [["recipe", "threshold", "mean", "sd", "n"]]
    table += [[recipe, rule, value.mean, value.sd, value.n] for recipe, points in lines.items() for rule, value in points]
    return Sketch(
        name=name,
        title=f"{metric} on {task.split} over fixed thresholds",
        description=f"A line a recipe, the mean over seeds. {spoken}.",
        size=(3.5, 2.7),
        draw=paint,
        table=table,
    )


def heat_map(task: TaskAnalysis, name: str) -> Sketch:
    """F1 of each label for each recipe.

    Args:
        task: the task.
        name: name of its files.

    Returns:
        The sketch.
    """
    columns = {entry.recipe: entry.labels.f1 for entry in task.standings if entry.labels is not None}
    columns = {recipe: values for recipe, values in columns.items() if not any(math.isnan(value) for value in values)}
    positives, rare = task.data.positives.get(task.split, []), task.data.rare.get(task.split, [])
    order = sorted(range(len(positives)), key=lambda place: -positives[place])
    names = [shown(task.data.labels[place], 24) + (" *" if rare[place] else "") for place in order]
    heat = HeatMap([[values[place] for values in columns.values()] for place in order], names, list(columns))

    ranges = ", ".join(f"{entry.label} ({100 * entry.range:.0f} points)" for entry in task.label_ranges[:3])
    spoken = f" Recipes lie farthest apart on {ranges}." if ranges else ""
    table: list[list[Any]] = [["label", "positives", "rare", *columns]]
    table += [
        [task.data.labels[place], positives[place], rare[place], *(values[place] for values in columns.values())]
        for place in order
        if columns
    ]
    return Sketch(
        name=name,
        title=f"F1 of each label on {task.split}, by recipe",
        description=f"Labels from the most frequent to the rarest; * marks rare ones. The stronger the higher.{spoken}",
        size=(4.6, 0.7 + 0.2 * max(1, len(order))),
        draw=lambda axes: paint_heat_map(axes, heat),
        table=table,
    )


def reliability_diagram(task: TaskAnalysis, name: str) -> Sketch:
    """What was said and what was true, a line a recipe.

    Args:
        task: the task.
        name: name of its files.

    Returns:
        The sketch.
    """
    places = {recipe.name: index for index, recipe in enumerate(task.recipes)}
    found = {entry.recipe: entry.calibration for entry in task.standings if entry.calibration is not None}

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=palette.MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        for recipe, calibration in found.items():
            filled = [index for index, count in enumerate(calibration.counts) if count]
            axes.plot(
                [calibration.said[index] for index in filled],
                [calibration.true[index] for index in filled],
                **palette.line(places[recipe]),
                linewidth=1.5,
                marker="o",
                markersize=3.5,
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("probability that was said")
        axes.set_title("share that was true", loc="left", fontsize=10, color=palette.INK)
        legend(axes, list(found), places)

    spoken = "; ".join(f"{recipe} ECE {words.summary(calibration.error)}" for recipe, calibration in found.items())
    table: list[list[Any]] = [["recipe", "bin_from", "bin_to", "decisions", "said", "true"]]
    for recipe, calibration in found.items():
        bins = len(calibration.counts)
        for index, count in enumerate(calibration.counts):
            table.append([recipe, index / bins, (index + 1) / bins, count, calibration.said[index], calibration.true[index]])
    return Sketch(
        name=name,
        title=f"Reliability on {task.split}",
        description=f"A line a recipe, all seeds together, bins of equal width; the dashed line is what should be. {spoken}.",
        size=(4.6, 3.6),
        draw=paint,
        table=table,
    )
