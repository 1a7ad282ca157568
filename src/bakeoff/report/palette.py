"""Colours of figures. Each is drawn as it looks on white paper and stands for a CSS variable of the page."""

from __future__ import annotations

from typing import Any

INK = "#1b2330"
MUTED = "#566070"
GRID = "#dde2e9"
SERIES = ("#1f66d0", "#b34a05", "#0b7f5f", "#8540c4", "#bd2160", "#7a6a00", "#08798f", "#59616d")
DARK = {
    INK: "#e8ecf2",
    MUTED: "#a3adbb",
    GRID: "#343c49",
    "#1f66d0": "#6ea8ff",
    "#b34a05": "#ff9d57",
    "#0b7f5f": "#45cfa4",
    "#8540c4": "#c79bf7",
    "#bd2160": "#ff80ab",
    "#7a6a00": "#d9c64a",
    "#08798f": "#53c9de",
    "#59616d": "#aeb6c2",
}
DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {colour: f"--series-{i + 1}" for i, colour in enumerate(SERIES)}


def series(index: int) -> str:
    """The colour of a recipe.

    Args:
        index: its place in the plan, from 0; colours come again after eight.

    Returns:
        The colour on paper.
    """
    return SERIES[index % len(SERIES)]


def line(index: int) -> dict[str, Any]:
    """How the line of a recipe is drawn.

    Args:
        index: its place in the plan, from 0.

    Returns:
        `color` and `linestyle`, as matplotlib takes them.
    """
    return {"color": series(index), "linestyle": DASHES[index % len(DASHES)]}


def declarations(dark: bool) -> str:
    """The CSS variables.

    Args:
        dark: whether for a dark page.

    Returns:
        Declarations for a rule.
    """
    return " ".join(f"{name}: {DARK[colour] if dark else colour};" for colour, name in VARIABLES.items())
