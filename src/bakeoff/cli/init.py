"""`bakeoff init`: a first study from your data, a model, and what you want to know."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.errors import RunError

NAME = "init"
SHORT = "Write a first study: your file or a dataset, a model, a question."
HELP = """Write a commented study that passes `bakeoff check`: from your own file or a dataset's name, a model, and what you
want to know. What is not given is asked at a terminal, and has a default elsewhere.

\b
Questions:
  needed   is a pretrained model needed, or do word counts do?
  losses   which loss suits these data? (several labels a text)
  rates    which learning rate suits model and data?

\b
Examples:
  bakeoff init reviews.csv
  bakeoff init reviews.csv --text comment --labels stars
  bakeoff init goemotions --ask losses --model minilm-l6 --out study.yaml
"""
DEFAULT_MODEL, DEFAULT_QUESTION = "minilm-l6", "needed"


def command(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="A CSV, TSV, JSON, Parquet or Arrow file, a folder with one a split, or a dataset's name."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A catalog name, a hub id `owner/name@commit`, or a folder. [default: minilm-l6]"),
    ] = None,
    ask: Annotated[
        str | None, typer.Option("--ask", metavar="QUESTION", help="needed, losses or rates. [default: needed]")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="COLUMN", help="The column of the text. [default: found out]")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", metavar="COLUMN", help="The column of the labels; repeatable, if each label has its own."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The study file; it must not exist.")] = Path("study.yaml"),
) -> None:
    """Write a first study."""
    from bakeoff import api
    from bakeoff.cli.check import conclusion
    from bakeoff.cli.shown import safe, shown_path, write
    from bakeoff.preflight.findings import Severity

    if out.exists():
        raise RunError("a file of that name stands there already", str(out), "choose another name with --out")
    chosen = _answers(data, model, ask)
    made = api.begin(*chosen, out, text, labels)
    for line in made.understood:
        write(safe(line))
    write(safe(f"wrote {shown_path(out.absolute())}: {made.rows:,} training examples, {made.labels} labels, {made.kind}"))
    readiness = api.check(str(out))
    for finding in readiness.of(Severity.ERROR) + readiness.of(Severity.WARNING):
        write(safe(finding.line))
    write(safe(conclusion(readiness)))
    word = shlex.quote(str(out))
    write(safe(f"next: bakeoff explain {word}; bakeoff run {word} --profile quick; bakeoff run {word}"))


def _answers(data: str | None, model: str | None, ask: str | None) -> tuple[str, str, str]:
    """What was given, asked for, or is usual."""
    from bakeoff.preflight.beginning import QUESTIONS

    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if data is None and not asks:
        raise RunError("no data are named", "DATA", "bakeoff init FILE, or a dataset's name: `bakeoff data list` shows them")
    if data is None:
        data = str(typer.prompt("Your file, or a dataset's name (`bakeoff data list` shows them)"))
    if model is None:
        model = str(typer.prompt("Pretrained model", default=DEFAULT_MODEL)) if asks else DEFAULT_MODEL
    if ask is None:
        words = "; ".join(f"{name}: {text}" for name, text in QUESTIONS.items())
        ask = str(typer.prompt(f"What do you want to know? {words}", default=DEFAULT_QUESTION)) if asks else DEFAULT_QUESTION
    return data, model, ask
