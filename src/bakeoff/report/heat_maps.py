"""Heat maps: a row a label or layer, a column a recipe, the stronger the higher."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakeoff.report import palette
from bakeoff.report.figures import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DARKEST = 0.55
"""Opacity of the highest value: ink is still read on it, on light ground and on dark."""
NUMBERS_UP_TO = 7
"""Columns up to which the cells hold their numbers."""
CROWDED = 3
"""Columns beyond which their names stand aslant."""


@dataclass(frozen=True)
class HeatMap:
    """What is painted.

    Attributes:
        values: of each cell, [rows, columns]; below 0 and unknown ones have no colour.
        rows: names of the rows, from the top.
        columns: names of the columns.
        digits: digits of the numbers.
    """

    values: list[list[float]]
    rows: list[str]
    columns: list[str]
    digits: int = 2


def paint_heat_map(axes: Axes, heat: HeatMap) -> None:
    """Paint a heat map.

    Args:
        axes: where it is drawn.
        heat: what is painted.
    """
    highest = max((value for row in heat.values for value in row if math.isfinite(value)), default=0.0)
    for row, values in enumerate(heat.values):
        for column, value in enumerate(values):
            _paint_cell(axes, row, column, max(value, 0.0) / highest if math.isfinite(value) and highest > 0 else 0.0)
            if len(heat.columns) <= NUMBERS_UP_TO:
                text = f"{value:.{heat.digits}f}"
                axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5)
    axes.set_xlim(0, len(heat.columns))
    axes.set_ylim(len(heat.rows), 0)
    axes.set_yticks([row + 0.5 for row in range(len(heat.rows))], heat.rows, fontsize=8)
    crowded = len(heat.columns) > CROWDED
    axes.set_xticks(
        [column + 0.5 for column in range(len(heat.columns))],
        [shown(name, 22) for name in heat.columns],
        fontsize=8,
        rotation=40 if crowded else 0,
        ha="left" if crowded else "center",
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)


def _paint_cell(axes: Axes, row: int, column: int, strength: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=palette.SERIES[0], alpha=DARKEST * strength, linewidth=0))
