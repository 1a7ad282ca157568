"""Figures of how losses behave: the gradient of one decision over its logit, a line a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.records.files import number
from bakeoff.report import palette
from bakeoff.report.figures import Sketch, draw, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = {"positive": "for a positive (it should be below 0)", "negative": "for a negative (it should be above 0)"}


def gradient_sketch(title: str, name: str, logits: list[float], lines: Mapping[str, list[float]]) -> Sketch:
    """Gradients over the logit, with zero marked.

    Args:
        title: what it shows.
        name: name of its files.
        logits: [P].
        lines: gradients [P] by name of the line.

    Returns:
        The sketch; its table has the logit and a column a line.
    """

    def draw_lines(axes: Axes) -> None:
        axes.axhline(0.0, color=palette.MUTED, linewidth=1.0, zorder=1)
        drawn = []
        for place, values in enumerate(lines.values()):
            finite = [value if math.isfinite(value) else math.nan for value in values]
            style = palette.line(place)
            drawn += axes.plot(logits, finite, linewidth=1.5, **style)
        axes.set_xlabel("logit")
        axes.set_title(shown(title, 70), loc="left", fontsize=10, color=palette.INK)
        axes.margins(x=0.0)
        # a label that begins with "_" would be left out of a legend, so the texts are set afterwards
        legend = axes.legend(drawn, ["."] * len(drawn), frameon=False, fontsize=8.5)
        for text, line in zip(legend.get_texts(), lines, strict=True):
            text.set_text(shown(line, 40))

    middle = min(range(len(logits)), key=lambda place: abs(logits[place]))
    spoken = "; ".join(f"{line} has {values[middle]:+.3f}" for line, values in lines.items())
    table: list[list[Any]] = [["logit", *lines]]
    table += [list(row) for row in zip(logits, *lines.values(), strict=True)]
    description = f"Gradient over logits from {logits[0]:g} to {logits[-1]:g}. At {logits[middle]:g}: {spoken}."
    return Sketch(name=name, title=title, description=description, size=(5.6, 3.4), draw=draw_lines, table=table)


def write_loss_figures(folder: Path, found: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Draw the gradients of losses, for a positive and for a negative.

    Args:
        folder: where the files go, each as SVG, PDF, PNG and CSV.
        found: what was computed of each loss, by the name that it is shown under; not empty.

    Returns:
        The two SVG files.
    """
    paths = []
    for side, words in SIDES.items():
        lines = {name: [number(value) for value in entry[side]["gradients"]] for name, entry in found.items()}
        logits = next(iter(found.values()))["logits"]
        sketch = gradient_sketch(f"Gradient {words}", f"loss-gradients-{side}", logits, lines)
        draw(folder, sketch)
        paths.append(folder / f"{sketch.name}.svg")
    return paths
