"""What sweeps tried and found, arranged for the template, with a figure of each kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.analysis.searches_model import SearchFacts, Tried
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette
from bakeoff.report.figures import Figure, Sketch, draw, shown, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_SLICES = 6
DECADES = 10.0
"""Settings whose values span more than this factor are drawn on a logarithmic axis."""


def searches_view(run: RunFolder, searches: Sequence[SearchFacts]) -> list[dict[str, Any]]:
    """Everything that the template needs of the sweeps.

    Args:
        run: the run folder.
        searches: the searches.

    Returns:
        Rows, sentences and figures by name, a search each.
    """
    return [_one(run, search, number) for number, search in enumerate(searches, 1)]


def _one(run: RunFolder, search: SearchFacts, number: int) -> dict[str, Any]:
    best = next((row for row in search.tried if row.number == search.best), None)
    ranked = sorted(search.importance.items(), key=lambda one: -one[1])
    return {
        "recipe": search.recipe,
        "task": search.task,
        "made": len(search.tried),
        "seconds": search.seconds,
        "best": search.best,
        "score": best.score if best else math.nan,
        "settings": in_words(best) if best else "no proposal has a score",
        "gains": search.gains,
        "importance": ", ".join(f"{name} {100 * share:.0f} %" for name, share in ranked),
        "tried": [{**row.model_dump(), "words": in_words(row)} for row in search.tried],
        "figures": search_figures(run, search, number),
    }


def in_words(row: Tried) -> str:
    """A proposal's settings in words.

    Args:
        row: the proposal.

    Returns:
        Such as "training.learning_rate 0.0003".
    """
    if row.repeats is not None:
        return f"the same as proposal {row.repeats}"
    return ", ".join(f"{name} {value}" for name, value in row.settings.items()) or "as declared"


def search_figures(run: RunFolder, search: SearchFacts, number: int) -> list[Figure]:
    """Draw and write the figures of a search.

    Args:
        run: the run folder.
        search: the search.
        number: its place, from 1.

    Returns:
        History, a slice a setting, and parallel coordinates, as far as there are scores.
    """
    scored = [row for row in search.tried if math.isfinite(row.score)]
    if len(scored) < 2:
        return []
    name = f"sweep-{number}-{slug(search.recipe)}-{slug(search.task)}"
    drawn = [row for row in scored if row.settings and row.repeats is None]
    settings = list(dict.fromkeys(key for row in drawn for key in row.settings))[:MAX_SLICES]
    sketches = [_history(search, scored, f"{name}-history")]
    sketches += [_slice(search, drawn, key, f"{name}-{slug(key)}") for key in settings]
    if len(settings) > 1 and len(drawn) > 1:
        sketches.append(_parallel(search, drawn, settings, f"{name}-parallel"))
    return [draw(run.figures, sketch) for sketch in sketches]


def _history(search: SearchFacts, scored: Sequence[Tried], name: str) -> Sketch:
    places = {row.number: place for place, row in enumerate(search.tried, 1)}

    def paint(axes: Axes) -> None:
        axes.plot([places[row.number] for row in scored], [row.score for row in scored], "o", color=palette.series(0), ms=4)
        known = [row for row in search.tried if math.isfinite(row.best)]
        axes.step([places[row.number] for row in known], [row.best for row in known], where="post", color=palette.INK, lw=1.2)
        axes.set_xlabel("proposal of this search")
        axes.set_ylabel(shown(search.metric, 20))

    return Sketch(
        name=name,
        title=f"{search.recipe} on {search.task}: history",
        description=f"A dot is a proposal, the line the best so far, which ends at {scored[-1].best:.4f}.",
        size=(4.6, 2.4),
        draw=paint,
        table=[["number", "score", "best so far"], *([row.number, row.score, row.best] for row in search.tried)],
    )


def _axis(rows: Sequence[Tried], key: str) -> tuple[list[float], list[str], bool]:
    """Where a setting's values lie on an axis: numbers as they are (and whether by their logarithms), words in a row."""
    texts = [row.settings.get(key, "") for row in rows]
    try:
        values = [float(text) for text in texts]
    except ValueError:
        words = list(dict.fromkeys(texts))
        return [float(words.index(text)) for text in texts], words, False
    return values, [], min(values) > 0 and max(values) / min(values) > DECADES


def _slice(search: SearchFacts, rows: Sequence[Tried], key: str, name: str) -> Sketch:
    own = [row for row in rows if key in row.settings]
    values, words, logarithmic = _axis(own, key)

    def paint(axes: Axes) -> None:
        axes.plot(values, [row.score for row in own], "o", color=palette.series(0), markersize=4)
        if logarithmic:
            axes.set_xscale("log")
        if words:
            axes.set_xticks(range(len(words)), [shown(word, 12) for word in words])
        axes.set_xlabel(shown(key))
        axes.set_ylabel(shown(search.metric, 20))

    return Sketch(
        name=name,
        title=f"{search.recipe} on {search.task}: {key}",
        description=f"Scores of {len(own)} proposals by {key}; other settings vary as well.",
        size=(4.6, 2.4),
        draw=paint,
        table=[["number", key, "score"], *([row.number, row.settings[key], row.score] for row in own)],
    )


def _parallel(search: SearchFacts, rows: Sequence[Tried], settings: Sequence[str], name: str) -> Sketch:
    heights = {key: _heights(rows, key) for key in settings}
    scores = [row.score for row in rows]
    low, high = min(scores), max(scores)
    share = [(score - low) / (high - low) if high > low else 0.5 for score in scores]

    def paint(axes: Axes) -> None:
        for place, row in enumerate(rows):
            line = [*(heights[key][place] for key in settings), share[place]]
            best = row.number == search.best
            colour = palette.series(0) if best else palette.MUTED
            axes.plot(range(len(line)), line, color=colour, linewidth=2.2 if best else 0.9, alpha=1.0 if best else 0.45)
        axes.set_xticks(range(len(settings) + 1), [shown(key.rpartition(".")[2], 14) for key in settings] + ["score"])
        axes.set_yticks([0, 1], ["lowest", "highest"])

    return Sketch(
        name=name,
        title=f"{search.recipe} on {search.task}: all settings together",
        description=f"A line is a proposal, from its settings to its score; the strong one is the best, number {search.best}.",
        size=(4.6, 2.6),
        draw=paint,
        table=[["number", *settings, "score"], *(_cells(row, settings) for row in rows)],
    )


def _cells(row: Tried, settings: Sequence[str]) -> list[Any]:
    return [row.number, *(row.settings.get(key, "") for key in settings), row.score]


def _heights(rows: Sequence[Tried], key: str) -> list[float]:
    """Where each proposal crosses the axis of a setting, from 0 to 1; nan where it has no such setting."""
    own = [row for row in rows if key in row.settings]
    values, _, logarithmic = _axis(own, key)
    values = [math.log(value) for value in values] if logarithmic else values
    low, high = min(values), max(values)
    found = {row.number: (value - low) / (high - low) if high > low else 0.5 for row, value in zip(own, values, strict=True)}
    return [found.get(row.number, math.nan) for row in rows]
