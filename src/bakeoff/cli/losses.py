"""`bakeoff losses`: how losses behave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bakeoff.cli.options import AsJson, Profile

NAME = "losses"
SHORT = "Show the gradients of losses, and what is wrong with them."
HELP = """Compute how losses behave over logits from -12 to 12, for a positive and for a negative, and name what is wrong:
gradients that point the wrong way, that vanish for confident mistakes, or that are not finite.

Without names, every loss of the catalog with its default settings; with --study, the losses of a study's recipes.

\b
Examples:
  bakeoff losses
  bakeoff losses asymmetric focal --figure figures/
  bakeoff losses --study studies/goemotions-losses.yaml
"""
COLUMNS = {
    "loss": "loss",
    "positive": ">positive at -6, 0, 6",
    "negative": ">negative at -6, 0, 6",
    "sign": "sign",
    "vanishing": "vanishing",
    "overflow": "overflow",
}
NOTE = """Gradient of one decision by its logit, for a label that 5 % of the examples have. Sign: below 0 for a positive,
above 0 for a negative.
Vanishing: under 0.01 (BCE has 0.98 and more) where the model is at least 98 % sure of the wrong answer, |logit| from 4 to 12.
Overflow: value or gradient not finite for some |logit| up to 10,000, with logits in fp32 or bf16."""

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Losses of the catalog; with --study, recipes.", show_default=False),
]
Study = Annotated[str | None, typer.Option("--study", metavar="STUDY", help="A study file, or the name of a built-in study.")]
Figure = Annotated[
    Path | None, typer.Option("--figure", metavar="DIR", help="Draw the gradients into this folder: SVG, PDF, PNG and CSV.")
]


def command(
    names: Names = None, study: Study = None, profile: Profile = None, figure: Figure = None, as_json: AsJson = False
) -> None:
    """Show how losses behave."""
    from bakeoff import api
    from bakeoff.cli.shown import say, show, shown_path, write

    found = api.inspect_losses(names or (), study, profile)
    paths = api.draw_losses(figure.absolute(), found) if figure is not None else []
    if as_json:
        show(COLUMNS, [{"loss": title, **entry} for title, entry in found.items()], as_json=True)
    else:
        show(COLUMNS, [_row(title, entry) for title, entry in found.items()], as_json=False)
        write(NOTE)
    for path in paths:
        say(f"figure: {shown_path(path)}")


def _row(title: str, entry: dict[str, Any]) -> dict[str, str]:
    sides = ("positive", "negative")
    return {
        "loss": title,
        **{side: _typical(entry, side) for side in sides},
        "sign": "; ".join(f"{side} wrong {_span(entry[side]['wrong_sign'])}" for side in sides if entry[side]["wrong_sign"])
        or "right",
        "vanishing": "; ".join(f"{side} {_span(entry[side]['vanishing'])}" for side in sides if entry[side]["vanishing"])
        or "none",
        "overflow": "; ".join(f"{kind} {_span(points)}" for kind, points in entry["overflow"].items() if points) or "none",
    }


def _typical(entry: dict[str, Any], side: str) -> str:
    from bakeoff.records.files import number

    by_logit = dict(zip(entry["typical"], entry[side]["typical"], strict=True))
    return " ".join(f"{number(by_logit[logit]):+.4f}" for logit in (-6.0, 0.0, 6.0))


def _span(points: list[float]) -> str:
    return f"at {points[0]:g}" if len(points) == 1 else f"from {min(points):g} to {max(points):g}"
