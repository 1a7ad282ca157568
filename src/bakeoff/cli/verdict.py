"""`bakeoff verdict`: green, yellow or red, and why."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from bakeoff.cli.options import AsJson, Run

NAME = "verdict"
SHORT = "Answer the claims of a study: green, yellow or red."
HELP = """Answer the claims of a study whose trials have all ended, and say green, yellow or red by its own rules.

Exit code 0 for green, 10 for yellow, 20 for red, so that a pipeline can act on it; --fail-on red lets yellow pass. A study
that the gate of a phase has stopped is red. With --json everything behind the verdict is printed: claims, contrasts,
intervals, p-values.

\b
Examples:
  bakeoff verdict
  bakeoff verdict runs/demo-default --fail-on red
  bakeoff verdict --json > verdict.json
"""
COLUMNS = {"number": ">#", "text": "claim", "answer": "answer", "p": ">corrected p", "why": "why"}

FailOn = Annotated[
    Literal["yellow", "red"], typer.Option("--fail-on", help="The best colour that ends with an exit code other than 0.")
]


def command(run: Run = None, as_json: AsJson = False, fail_on: FailOn = "yellow") -> None:
    """Print the verdict on a run."""
    from bakeoff import api
    from bakeoff.analysis.verdict import exit_code
    from bakeoff.cli.shown import console, make_table, safe, write_json

    found = api.verdict(run)
    if as_json:
        write_json(found.model_dump(mode="json"))
    else:
        from bakeoff.report.verdict_view import p_value

        out = console()
        out.print(safe(found.verdict.paragraph.replace("\n", "\n  ")), soft_wrap=True)
        if found.claims:
            rows = [
                {
                    "number": number,
                    "text": claim.text + ("" if claim.source == "claims" else f" (rule of {claim.source})"),
                    "answer": claim.answer,
                    "p": p_value(claim.corrected) if claim.inferential else "",
                    "why": claim.reason + (f"; to decide it: {claim.next}" if claim.next else ""),
                }
                for number, claim in enumerate(found.claims, start=1)
            ]
            out.print(make_table(COLUMNS, rows))
        for condition in found.verdict.conditions:
            mark = "yes" if condition.holds else "no"
            out.print(safe(f"{condition.colour} if {condition.text}: {mark} ({condition.found})"), soft_wrap=True)
        for task in found.tasks:
            for warning in task.warnings:
                out.print(safe(f"{task.task}: {warning}"), soft_wrap=True)
    raise typer.Exit(exit_code(found.verdict.colour, fail_on))
