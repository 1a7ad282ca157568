"""The figures of a report, drawn by matplotlib: inside the page, and as SVG, PDF, PNG and CSV in `figures/`."""

from __future__ import annotations

import csv
import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from bakeoff.analysis.model import TaskAnalysis
from bakeoff.analysis.recipe_model import Standing
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.records.files import write_bytes
from bakeoff.report import palette, words
from bakeoff.report.inline import inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bakeoff",
    "text.parse_math": False,  # names are text: a $ in one is a $
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": palette.INK,
    "axes.edgecolor": palette.GRID,
    "axes.labelcolor": palette.MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": palette.GRID,
    "grid.linewidth": 0.7,
    "xtick.color": palette.GRID,
    "ytick.color": palette.GRID,
    "xtick.labelcolor": palette.MUTED,
    "ytick.labelcolor": palette.MUTED,
}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: name of its files.
        title: its title.
        description: what it shows, for those who do not see it.
        markup: the element for the page.
    """

    name: str
    title: str
    description: str
    markup: Markup


@dataclass(frozen=True)
class Sketch:
    """A figure before it is drawn.

    Attributes:
        name: name of its files: letters, digits and `-`.
        title: its title.
        description: what it shows.
        size: width and height, inches.
        draw: draws it.
        table: its data, the header first.
    """

    name: str
    title: str
    description: str
    size: tuple[float, float]
    draw: Callable[[Axes], None]
    table: list[list[Any]]


def slug(text: str) -> str:
    """A file name's part from a user's text.

    Args:
        text: the text.

    Returns:
        Lower-case letters, digits and `-`, at most 40; `task` where nothing is left.
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "task"


def shown(text: str, longest: int = 44) -> str:
    """A user's text for a figure: one line, printable, not too long.

    Args:
        text: the text.
        longest: characters kept.

    Returns:
        The text.
    """
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # a name in a script that the drawing font lacks: the page's own font has it
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
        yield


def draw(folder: Path, sketch: Sketch) -> Figure:
    """Draw and write a figure: SVG, PDF, PNG, and its data as CSV.

    Args:
        folder: where the files go.
        sketch: what is drawn.

    Returns:
        The figure for a page.
    """
    with _style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=sketch.size, layout="constrained")
        FigureCanvasAgg(canvas)
        sketch.draw(canvas.add_subplot())
        files = {suffix: _save(canvas, suffix) for suffix in ("svg", "pdf", "png")}
    for suffix, data in files.items():
        write_bytes(folder / f"{sketch.name}.{suffix}", data)
    sheet = io.StringIO()
    csv.writer(sheet).writerows([[_cell(value) for value in row] for row in sketch.table])
    write_bytes(folder / f"{sketch.name}.csv", sheet.getvalue().encode("utf-8", "replace"))
    markup = inline_svg(files["svg"].decode(), sketch.name, sketch.title, sketch.description)
    return Figure(sketch.name, sketch.title, sketch.description, markup)


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: a name of a user's may begin like one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _save(canvas: Canvas, suffix: str) -> bytes:
    # without dates and versions, the same data are the same bytes
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[suffix]
    target = io.BytesIO()
    # the page's own ground, light or dark, shows through the SVG
    canvas.savefig(target, format=suffix, metadata=metadata, dpi=200, transparent=suffix == "svg")
    return target.getvalue()


def ranking(task: TaskAnalysis, name: str, intervals: Mapping[str, tuple[float, float]]) -> Sketch:
    """Every recipe with its mean, deviation, interval and seeds, and the reference as a line.

    Args:
        task: the task.
        name: name of its files.
        intervals: where the score to be expected of each recipe lies; drawn as far as the scores' own range goes.

    Returns:
        The sketch.
    """
    places = {recipe.name: index for index, recipe in enumerate(task.recipes)}
    entries = [entry for entry in task.standings if entry.score.n and not math.isnan(entry.score.mean)]
    reference = next((entry.score.mean for entry in entries if entry.recipe == task.reference), math.nan)

    def draw(axes: Axes) -> None:
        for row, entry in enumerate(entries):
            colour = palette.series(places[entry.recipe])
            mean, deviation = entry.score.mean, entry.score.sd
            if entry.recipe in intervals:
                axes.plot(intervals[entry.recipe], [row, row], color=colour, linewidth=0.9, alpha=0.8)
            if math.isfinite(deviation):
                axes.plot([mean - deviation, mean + deviation], [row, row], color=colour, linewidth=2.6, solid_capstyle="round")
            axes.plot([mean, mean], [row - 0.2, row + 0.2], color=colour, linewidth=2.4, solid_capstyle="round")
            dots = [seed.score for seed in entry.seeds if seed.score is not None]
            axes.plot(dots, [row] * len(dots), "o", color=colour, markersize=5.5, alpha=0.75, markeredgewidth=0)
            mark = "" if entry.rank else "  (no rank: a trial failed)"
            name = shown(entry.recipe, 24 if mark else 40) + mark
            heading = axes.annotate(name, (0, row - 0.3), xycoords=("axes fraction", "data"), va="bottom", fontweight="bold")
            heading.set_in_layout(False)  # a wide one must not squeeze the axes away
        if math.isfinite(reference):
            axes.axvline(reference, color=palette.MUTED, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
        axes.set_ylim(len(entries) - 0.45, -0.8)
        axes.set_xlim(*_range([value for entry in entries for value in _drawn(entry)]))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"{shown(task.metric)} on {task.split}")

    spoken = "; ".join(f"{entry.recipe} {words.summary(entry.score)}" for entry in entries)
    line = f" The dashed line is {task.reference}." if math.isfinite(reference) else ""
    table: list[list[Any]] = [["recipe", "rank", "mean", "sd", "n", "low", "high", "seed", "score"]]
    for entry in entries:
        ends = intervals.get(entry.recipe, ("", ""))
        facts = [entry.recipe, entry.rank or "", entry.score.mean, entry.score.sd, entry.score.n, *ends]
        table += [[*facts, seed.seed, seed.score] for seed in entry.seeds if seed.score is not None]
    return Sketch(
        name=name,
        title=f"{task.metric} on {task.split}, by recipe",
        description=f"A dot a seed, a bar at the mean, a thick line of one standard deviation to each side, a thin one of the "
        f"95 % interval, which may go on beyond the edge. {spoken}.{line}",
        size=(4.6, 0.62 + 0.55 * max(1, len(entries))),
        draw=draw,
        table=table,
    )


def _drawn(entry: Standing) -> list[float]:
    """The numbers of a recipe that a figure must hold."""
    mean, deviation = entry.score.mean, entry.score.sd if math.isfinite(entry.score.sd) else 0.0
    scores = [seed.score for seed in entry.seeds if seed.score is not None and math.isfinite(seed.score)]
    return [mean - deviation, mean + deviation, *scores]


def _range(values: list[float]) -> tuple[float, float]:
    """A range with room for a good part of the intervals around the values."""
    low, high = min(values), max(values)
    room = 0.25 * (high - low) or 0.01
    return low - room, high + room


def loss_curves(task: TaskAnalysis, trials: list[TrialAnalysis], name: str) -> Sketch:
    """Training loss over steps, a line a trial.

    Args:
        task: the task.
        trials: its trials.
        name: name of its files.

    Returns:
        The sketch.
    """
    curves = [(trial, list(zip(trial.curve_steps, trial.curve_loss, strict=True))) for trial in trials]
    return _curves(task, curves, name, "training loss")


def validation_curves(task: TaskAnalysis, trials: list[TrialAnalysis], name: str) -> Sketch:
    """The task's metric on validation over steps, a line a trial.

    Args:
        task: the task.
        trials: its trials.
        name: name of its files.

    Returns:
        The sketch.
    """
    curves = []
    for trial in trials:
        found = [(point.step, point.scores.get(task.metric, point.scores.get(task.bare_metric))) for point in trial.history]
        curves.append((trial, [(step, value) for step, value in found if value is not None]))
    return _curves(task, curves, name, f"{task.metric} on validation", marker="o")


def _curves(
    task: TaskAnalysis, curves: list[tuple[TrialAnalysis, list[tuple[int, float]]]], name: str, what: str, marker: str = ""
) -> Sketch:
    places = {recipe.name: index for index, recipe in enumerate(task.recipes)}
    drawn = [(trial, curve) for trial, curve in curves if curve]

    def draw(axes: Axes) -> None:
        for trial, curve in drawn:
            place = places[trial.recipe]
            axes.plot(
                [step for step, _ in curve],
                [value for _, value in curve],
                **palette.line(place),
                linewidth=1.3,
                alpha=0.85,
                marker=marker,
                markersize=4,
            )
        axes.set_xlabel("optimizer step")
        axes.set_title(shown(what), loc="left", fontsize=10, color=palette.INK)
        # from the first step on: of a single evaluation, the place in training shows too
        axes.set_xlim(0, 1.02 * max((step for _, curve in drawn for step, _ in curve), default=1))
        legend(axes, list(dict.fromkeys(trial.recipe for trial, _ in drawn)), places)

    ends = "; ".join(f"{trial.recipe} seed {trial.seed} ends at {curve[-1][1]:.4g}" for trial, curve in drawn)
    table: list[list[Any]] = [["recipe", "seed", "step", what]]
    table += [[trial.recipe, trial.seed, step, value] for trial, curve in drawn for step, value in curve]
    return Sketch(name, f"{what} over training", f"A line a trial. {ends}.", (4.6, 3.1), draw, table)


def legend(axes: Axes, recipes: list[str], places: dict[str, int]) -> None:
    """Name the lines of two to eight recipes; of more, the page's tables tell the colours.

    Args:
        axes: where it is drawn.
        recipes: their names.
        places: place of each in the plan, from 0, which gives its colour and dashes.
    """
    if len(recipes) < 2 or len(recipes) > 8:
        return
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **palette.line(places[name])) for name in recipes]
    # a label that begins with "_" would be left out of a legend, so the texts are set afterwards
    made = axes.legend(lines, ["."] * len(lines), frameon=False, fontsize=8.5)
    for text, name in zip(made.get_texts(), recipes, strict=True):
        text.set_text(shown(name, 24))
