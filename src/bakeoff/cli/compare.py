"""`bakeoff compare`: anyone's predictions, or two runs, with the statistics of the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli.options import AsJson

if TYPE_CHECKING:
    from bakeoff.analysis.comparing import Comparison

NAME = "compare"
SHORT = "Compare prediction files from anywhere, or two runs."
HELP = """Compare two or more prediction files on one test set, or two finished runs, with the statistics of the verdict.

A file is one recipe: .csv, .tsv, .jsonl or .parquet with a row an example and the columns id, gold, prediction, and
where there are any seed and cluster; several labels are joined by | or a list. An .npz file has the arrays ids [N], gold
[N, L], predictions [N, L] or [S, N, L], seeds [S], clusters [N]. NAME=FILE names a side; the first one is the reference.

Two runs are compared recipe by recipe, with what changed between them: settings, data, code, machine.

\b
Examples:
  bakeoff compare bert.csv roberta.csv
  bakeoff compare old=a.jsonl new=b.jsonl --metric f1_micro
  bakeoff compare runs/before runs/after --json
"""
COLUMNS = {
    "pair": "pair",
    "difference": ">points",
    "interval": ">95 % interval",
    "p": ">corrected p",
    "direction": "direction",
    "relevance": "relevance",
    "keys": ">differing",
    "next": "would likely decide",
}

Sides = Annotated[list[str], typer.Argument(metavar="A B …", help="Prediction files, NAME=FILE, or two run folders.")]
Metric = Annotated[str, typer.Option("--metric", "-m", help="The metric; accuracy or f1_macro without it.", metavar="NAME")]


def command(sides: Sides, metric: Metric = "", as_json: AsJson = False) -> None:
    """Compare predictions or runs."""
    from bakeoff import api
    from bakeoff.cli.shown import write_json

    found = api.compare(sides, metric)
    if as_json:
        write_json([comparison.model_dump(mode="json") for comparison in found])
        return
    for comparison in found:
        _print(comparison)


def _print(found: Comparison) -> None:
    from bakeoff.cli.shown import console, make_table, safe, score
    from bakeoff.report.comparison_view import pair_row

    out = console()
    scores = ", ".join(
        f"{side.name} {score(side.mean)} ({len(side.seeds)} {'seed' if len(side.seeds) == 1 else 'seeds'})"
        for side in found.sides
    )
    place = f"{found.task}, {found.metric}" if found.task else found.metric
    out.print(safe(f"{place} on {found.examples:,} examples: {scores}"), soft_wrap=True)
    rows = []
    for pair in found.pairs:
        row = pair_row(pair)
        shown = {"pair": f"{pair.recipe} − {pair.rival}", "difference": row["value"], "interval": row["span"]}
        rows.append({**row, **shown})
    out.print(make_table(COLUMNS, rows))
    equals = ", ".join(found.not_shown_worse[1:])
    if found.leader:
        out.print(safe(f"best mean: {found.leader}" + (f"; not shown to be worse: {equals}" if equals else "")), soft_wrap=True)
    for test in found.trained:
        out.print(safe(f"{test.recipe} and {test.rival}: {test.question} {test.test}, p = {test.p:.4f}"), soft_wrap=True)
    for pair in found.pairs:
        for entry in pair.differing:
            out.print(safe(f"{pair.recipe}: {entry.key} is {entry.here or 'none'} in place of {entry.there or 'none'}"))
    for entry in found.changed:
        out.print(safe(f"changed: {entry.key}: {entry.there or 'none'} → {entry.here or 'none'}"), soft_wrap=True)
    for warning in found.warnings:
        out.print(safe(warning), soft_wrap=True)
