"""The figures of drift: a heat map of layers and recipes, curves with bands, and drift against score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bakeoff.analysis.drift_model import RecipeDrift, TaskDrift
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette
from bakeoff.report.figures import Figure, Sketch, draw, legend, shown, slug
from bakeoff.report.heat_maps import HeatMap, paint_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURE = "1 − debiased linear CKA with the base model"


def drift_figures(run: RunFolder, task: TaskDrift, number: int) -> dict[str, Figure]:
    """Draw and write the figures of a task.

    Args:
        run: the run folder.
        task: the task's drift.
        number: the task's place, from 1: it keeps file names apart.

    Returns:
        `heat`, `curves` and `scores`.
    """
    tail = f"{number}-{slug(task.name)}"
    sketches = {
        "heat": heat_map(task, f"drift-layers-{tail}"),
        "curves": curves(task, f"drift-curves-{tail}"),
        "scores": against_scores(task, f"drift-scores-{tail}"),
    }
    return {kind: draw(run.figures, sketch) for kind, sketch in sketches.items()}


def _layer_name(layer: int) -> str:
    return "embeddings" if layer == 0 else f"layer {layer}"


def heat_map(task: TaskDrift, name: str) -> Sketch:
    """Mean drift of each layer under each recipe.

    Args:
        task: the task's drift.
        name: name of its files.

    Returns:
        The sketch.
    """
    rows = max(len(recipe.layers) for recipe in task.recipes)
    columns = [{layer.layer: layer.cka.mean for layer in recipe.layers} for recipe in task.recipes]
    layers = range(rows - 1, -1, -1)
    heat = HeatMap(
        [[column.get(layer, math.nan) for column in columns] for layer in layers],
        [_layer_name(layer) for layer in layers],
        [recipe.recipe for recipe in task.recipes],
        digits=3,
    )

    spoken = "; ".join(
        f"{recipe.recipe} moves {_layer_name(max(recipe.layers, key=lambda one: one.cka.mean).layer)} most"
        for recipe in task.recipes
    )
    table: list[list[Any]] = [["layer", "recipe", "drift", "low", "high", "cosine", "procrustes", "between seeds"]]
    table += [
        [
            layer.layer,
            recipe.recipe,
            layer.cka.mean,
            layer.cka.low,
            layer.cka.high,
            layer.cosine.mean,
            layer.procrustes.mean,
            layer.between_seeds,
        ]
        for recipe in task.recipes
        for layer in recipe.layers
    ]
    return Sketch(
        name=name,
        title=f"Drift of each layer on {task.name}",
        description=f"{MEASURE}, mean over seeds; the top row is the last layer. {spoken}.",
        size=(1.4 + 1.3 * len(task.recipes), 0.8 + 0.3 * rows),
        draw=lambda axes: paint_heat_map(axes, heat),
        table=table,
    )


def curves(task: TaskDrift, name: str) -> Sketch:
    """Drift over depth with 95 % bands; dots are how far seeds of a recipe lie from one another.

    Args:
        task: the task's drift.
        name: name of its files.

    Returns:
        The sketch.
    """
    top = max((layer.cka.mean for recipe in task.recipes for layer in recipe.layers), default=0.0)

    def paint(axes: Axes) -> None:
        for place, recipe in enumerate(task.recipes):
            colour = palette.series(place)
            depth = [layer.layer for layer in recipe.layers]
            axes.plot(depth, [layer.cka.mean for layer in recipe.layers], **palette.line(place), linewidth=1.8)
            if all(math.isfinite(layer.cka.low) for layer in recipe.layers):
                low, high = [layer.cka.low for layer in recipe.layers], [layer.cka.high for layer in recipe.layers]
                axes.fill_between(depth, low, high, color=colour, alpha=0.18, linewidth=0)
            apart = [layer.between_seeds for layer in recipe.layers]
            axes.plot(depth, apart, "o", color=colour, markersize=3.5, alpha=0.7, markeredgewidth=0)
        # a band that says that nothing is known may be as high as it likes: the curves are to be seen
        axes.set_ylim(min(-0.02, -0.1 * top), max(1.9 * top, 0.05))
        axes.set_xlabel("layer (0: embeddings)")
        axes.set_title(shown("drift: 1 − debiased CKA"), loc="left", fontsize=10, color=palette.INK)
        legend(axes, [recipe.recipe for recipe in task.recipes], {one.recipe: i for i, one in enumerate(task.recipes)})

    spoken = "; ".join(f"{recipe.recipe} {recipe.drift.mean:.3f} on average" for recipe in task.recipes)
    table: list[list[Any]] = [["recipe", "layer", "seed", "drift"]]
    table += [
        [recipe.recipe, layer.layer, seed, value]
        for recipe in task.recipes
        for layer in recipe.layers
        for seed, value in zip(recipe.seeds, layer.cka.values, strict=True)
    ]
    return Sketch(
        name=name,
        title=f"Drift over depth on {task.name}",
        description=f"Lines are means over seeds, bands 95 % intervals, dots distances between seeds of a recipe. {spoken}.",
        size=(4.6, 3.2),
        draw=paint,
        table=table,
    )


def against_scores(task: TaskDrift, name: str) -> Sketch:
    """A dot a trial: its drift and its score on validation.

    Args:
        task: the task's drift.
        name: name of its files.

    Returns:
        The sketch.
    """

    def paint(axes: Axes) -> None:
        for place, recipe in enumerate(task.recipes):
            colour = palette.series(place)
            axes.plot(recipe.drift.values, recipe.scores, "o", color=colour, markersize=6, alpha=0.8, markeredgewidth=0)
            axes.annotate(shown(recipe.recipe, 22), _middle(recipe), xytext=(7, 5), textcoords="offset points", color=colour)
        axes.set_xlabel("drift")
        axes.margins(x=0.2, y=0.15)
        axes.set_title(shown(f"{task.metric} on validation"), loc="left", fontsize=10, color=palette.INK)

    table: list[list[Any]] = [["recipe", "seed", "drift", task.metric]]
    table += [
        [recipe.recipe, seed, moved, score]
        for recipe in task.recipes
        for seed, moved, score in zip(recipe.seeds, recipe.drift.values, recipe.scores, strict=True)
    ]
    return Sketch(
        name=name,
        title=f"Drift and {task.metric} on {task.name}",
        description="A dot is a trial. Few dots show no law: that one goes with the other is not that it comes of it.",
        size=(4.6, 3.2),
        draw=paint,
        table=table,
    )


def _middle(recipe: RecipeDrift) -> tuple[float, float]:
    best = max(range(len(recipe.scores)), key=lambda place: recipe.scores[place])
    return recipe.drift.values[best], recipe.scores[best]
