"""`bakeoff init`: a first study from your data, a model, and what you want to know."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.errors import BakeoffError, RunError

NAME = "init"
SHORT = "Write a first study: your file or a dataset, a model, a question."
HELP = """Write a commented study that passes `bakeoff check`: from your own file or a dataset's name, a model, and what you
want to know. What is not given is asked at a terminal, and has a default elsewhere.

\b
Questions:
  needed          is a pretrained model needed, or do word counts do?
  losses          which loss suits these data? (several labels a text)
  methods         must all weights be trained, or do adapters (LoRA) do?
  methods-losses  which method with which loss? (several labels a text)
  rates           which learning rate suits model and data?

\b
Examples:
  bakeoff init reviews.csv
  bakeoff init reviews.csv --text comment --labels stars
  bakeoff init comments.csv --ask methods-losses
  bakeoff init goemotions --ask losses --model minilm-l6 --out study.yaml
  bakeoff init stanfordnlp/imdb --ask methods     (a dataset of the hub)
"""
DEFAULT_MODEL, DEFAULT_QUESTION = "minilm-l6", "needed"


def command(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A CSV, TSV, JSON, Parquet or Arrow file, a folder, a dataset's name, or owner/name on the hub.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A catalog name, a hub id `owner/name@commit`, or a folder. [default: minilm-l6]"),
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option("--ask", metavar="QUESTION", help="needed, losses, methods, methods-losses or rates. [default: needed]"),
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
    from bakeoff.cli.check import conclusion, paragraph
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
    for check, finding in readiness.findings:
        if finding.severity is Severity.ERROR:
            write(safe(paragraph(check, finding)))
        elif finding.severity is Severity.WARNING:
            write(safe(finding.line))
    write(safe(conclusion(readiness)))
    word = shlex.quote(str(out))
    if readiness.ready:
        write(safe(f"next: bakeoff explain {word}; bakeoff run {word} --profile quick; bakeoff run {word}"))
    else:
        write(safe(f"next: mend that, then bakeoff check {word}"))


def _answers(data: str | None, model: str | None, ask: str | None) -> tuple[str, str, str]:
    """What was given, asked for, or is usual."""
    from bakeoff.preflight.beginning import QUESTIONS, check_data, check_question
    from bakeoff.records.paths import Home
    from bakeoff.study.components import named_model

    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if not asks:
        if data is None:
            remedy = "bakeoff init FILE, or a dataset's name: `bakeoff data list` shows them"
            raise RunError("no data are named", "DATA", remedy)
        return data, model or DEFAULT_MODEL, ask or DEFAULT_QUESTION
    if data is None:
        data = _asked(
            "Your file, or a dataset's name (`bakeoff data list` shows them)", lambda name: check_data(Home.default(), name)
        )
    if model is None:
        model = _asked("Pretrained model", lambda name: named_model(name, Path.cwd(), "--model"), DEFAULT_MODEL)
    if ask is None:
        for name, words in QUESTIONS.items():
            typer.echo(f"  {name:<15} {words}")
        ask = _asked("What do you want to know?", check_question, DEFAULT_QUESTION)
    return data, model, ask


def _asked(question: str, check: Callable[[str], object], default: str | None = None) -> str:
    """An answer that a check lets pass; one that it does not is explained, and asked for again."""
    while True:
        answer = str(typer.prompt(question, default=default)).strip()
        try:
            check(answer)
        except BakeoffError as error:
            typer.echo(str(error), err=True)
        else:
            return answer
