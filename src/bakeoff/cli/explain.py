"""`bakeoff explain`: a study in plain words."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bakeoff.cli.options import AsJson, Overrides, Profile, Study

if TYPE_CHECKING:
    from bakeoff.preflight.explaining import Explanation

NAME = "explain"
SHORT = "Say in plain words what a study compares, and what it can show."
HELP = """Say in plain words what a study compares, in which keys its recipes differ, and what it can show and cannot.

\b
Examples:
  bakeoff explain demo
  bakeoff explain study.yaml --profile quick
"""
COLUMNS = {"recipe": "recipe", "key": "differs in", "here": "here", "there": "in the reference"}


def command(study: Study, profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say in plain words what a study compares."""
    from bakeoff import api
    from bakeoff.cli.shown import write_json

    told = api.explain(study, profile, overrides or ())
    if as_json:
        write_json(asdict(told))
    else:
        _print(told)


def _print(told: Explanation) -> None:
    from bakeoff.cli.shown import safe, show, write

    for line in told.compares:
        write(safe(line))
    rows = []
    for name, differences in told.recipes.items():
        if name == told.reference:
            rows.append({"recipe": name, "key": "the reference: others are compared with it"})
        elif not differences:
            rows.append({"recipe": name, "key": "nothing: it is the reference under another name"})
        for number, (key, here, there) in enumerate(differences):
            rows.append({"recipe": "" if number else name, "key": key, "here": here, "there": there})
    show(COLUMNS, rows, as_json=False)
    for title, lines in (("It answers", told.claims), ("It can show", told.shows), ("It cannot show", told.does_not_show)):
        if lines:
            write(safe("\n".join([f"{title}:", *(f"  - {line}" for line in lines)])))
