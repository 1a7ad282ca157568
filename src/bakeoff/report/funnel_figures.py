"""The funnel: which recipes came how far in a study with phases, drawn as lines that go on or end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakeoff.analysis.funnel_model import Funnel
from bakeoff.analysis.model import Analysis
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette, words
from bakeoff.report.figures import Figure, Sketch, draw, shown, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 22
ASIDE = 0.06
"""How far beside its last point a recipe's name stands, in phases."""
LABELLED = 0.75
"""Room for names beside the last phase, in phases."""


@dataclass(frozen=True)
class Way:
    """How far a recipe came on a task.

    Attributes:
        recipe: its name.
        places: its place in each phase that it was in, from 1; in the last phase among those that are left, by the ranking.
        score: what it had in the last phase that judged it.
        goes_on: whether it came to the last phase, or goes on still.
        index: its place among the recipes of the first phase, which gives its colour.
    """

    recipe: str
    places: tuple[int, ...]
    score: float
    goes_on: bool
    index: int


def funnel_figures(run: RunFolder, analysis: Analysis) -> list[Figure]:
    """Draw and write how each task's recipes were narrowed down.

    Args:
        run: the run folder.
        analysis: the analysis.

    Returns:
        A figure a task that any phase decided on; none for a study without phases.
    """
    funnel = analysis.funnel
    if funnel is None or not funnel.phases:
        return []
    tasks = list(dict.fromkeys(one.task for phase in funnel.phases for one in phase.candidates))
    orders = {task.name: [standing.recipe for standing in task.standings] for task in analysis.tasks}
    return [
        draw(run.figures, _sketch(funnel, task, ways_of(funnel, task, orders.get(task, [])), f"phases-{number}-{slug(task)}"))
        for number, task in enumerate(tasks, 1)
    ]


def drawn_phases(funnel: Funnel) -> list[str]:
    """The phases that are drawn: those that have decided, and the one that follows them. The best again after a sweep is none.

    Args:
        funnel: the funnel.

    Returns:
        Their names, in order.
    """
    decided, last = [one.phase for one in funnel.phases], list(funnel.entered)[-1]
    return decided if last in decided or funnel.stopped else [*decided, last]


def ways_of(funnel: Funnel, task: str, order: list[str]) -> list[Way]:
    """How far each recipe came.

    Args:
        funnel: the funnel.
        task: the task.
        order: the recipes of the last phase, the best first; empty where none are ranked.

    Returns:
        A way a recipe that the first phase judged, in the order of its places there.
    """
    decided = [[one for one in phase.candidates if one.task == task] for phase in funnel.phases]
    left = [one.recipe for one in decided[-1] if one.goes_on]
    ranked = [recipe for recipe in order if recipe in left] if set(left) <= set(order) else left
    found = []
    for index, first in enumerate(decided[0]):
        places, last = [], first
        for candidates in decided:
            place = next((place for place, one in enumerate(candidates, 1) if one.recipe == first.recipe), 0)
            if not place:
                break
            places.append(place)
            last = candidates[place - 1]
        on = last.goes_on and len(places) == len(decided)
        if on and len(drawn_phases(funnel)) > len(decided):
            places.append(1 + ranked.index(first.recipe))
        found.append(Way(first.recipe, tuple(places), last.score, on, index))
    return found


def _sketch(funnel: Funnel, task: str, ways: list[Way], name: str) -> Sketch:
    phases = drawn_phases(funnel)

    def paint(axes: Axes) -> None:
        for way in ways:
            style: dict[str, Any] = {**palette.line(way.index), "linewidth": 2.2 if way.goes_on else 1.2}
            axes.plot(range(len(way.places)), way.places, **style)
            axes.plot(range(len(way.places)), way.places, "o", color=style["color"], markersize=6 if way.goes_on else 4.5)
            if not way.goes_on:
                axes.plot([len(way.places) - 1], [way.places[-1]], "x", color=palette.INK, markersize=8, markeredgewidth=1.4)
            said = shown(way.recipe, LONGEST) + ("" if math.isnan(way.score) else f"  {way.score:.4f}")
            axes.text(
                len(way.places) - 1 + ASIDE,
                way.places[-1],
                said,
                va="center",
                color=palette.INK if way.goes_on else palette.MUTED,
            )
        spent = [funnel.spent[phase] for phase in phases]
        under = [f"{one.trials} trials, {words.duration(one.seconds)}" for one in spent]
        axes.set_xticks(range(len(phases)), [f"{shown(phase, 18)}\n{line}" for phase, line in zip(phases, under, strict=True)])
        axes.set_xlim(-0.15, len(phases) - 1 + LABELLED)
        axes.set_ylim(len(ways) + 0.5, 0.5)
        axes.set_yticks(range(1, len(ways) + 1))
        axes.set_ylabel("place")
        axes.grid(visible=False, axis="y")

    spoken = "; ".join(_in_words(way, phases) for way in ways)
    table: list[list[Any]] = [["recipe", *(f"place in {phase}" for phase in phases), "last mean on validation", "goes on"]]
    for way in ways:
        table.append([way.recipe, *way.places, *[""] * (len(phases) - len(way.places)), way.score, way.goes_on])
    return Sketch(
        name=name,
        title=f"How far each recipe came on {task}",
        description=f"A line is a recipe; a cross ends it. Beside it stands its last mean on validation that chose. {spoken}.",
        size=(7.2, 1.1 + 0.34 * len(ways)),
        draw=paint,
        table=table,
    )


def _in_words(way: Way, phases: list[str]) -> str:
    if way.goes_on:
        return f"{way.recipe} came to the phase {phases[len(way.places) - 1]}"
    return f"{way.recipe} fell in the phase {phases[len(way.places) - 1]}, at place {way.places[-1]}"
