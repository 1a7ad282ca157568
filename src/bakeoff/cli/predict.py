"""`bakeoff predict`: answers of a trained model."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from bakeoff.cli.options import AsJson, Precision, Rule, Seed, Task, Threads
from bakeoff.errors import DataError

if TYPE_CHECKING:
    from bakeoff.api import FileOptions, Predictor

NAME = "predict"
SHORT = "Answer with a trained model: texts, files, or standard input."
HELP = """Answer texts, the rows of a file, or of standard input with a model that a run has kept, or an export.

MODEL is a run folder (or the name of one in runs/) with the recipe behind a colon, or the folder of an export. Without a recipe
the one that leads is taken; of its seeds, the best on validation. Labels are given by the thresholds fitted on validation.

Files are CSV, TSV, JSON lines (.jsonl) or a text a line (.txt), of any size: rows keep their order and their columns, and get
`prediction` and the scores of all labels; what stood in them comes back letter by letter. What `bakeoff compare` reads has the
columns id, gold and prediction.

\b
Examples:
  bakeoff predict runs/demo-default:bce "what a day" "leave me alone"
  bakeoff predict runs/demo-default:bce --file comments.csv --to labelled.csv
  cat comments.jsonl | bakeoff predict runs/demo-default:bce --no-scores > labelled.jsonl
  bakeoff predict runs/squad-cpu:full "Who wrote it?" --second "It was written by Ada."
"""
EVERY_SECONDS = 2.0

Target = Annotated[str, typer.Argument(metavar="MODEL", help="RUN, RUN:RECIPE, or the folder of an export.")]
Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to answer; without any, --file or standard input.")
]
Second = Annotated[
    list[str] | None,
    typer.Option("--second", help="The other text of a pair, or the context of a question; one a text, or one for all."),
]
File = Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="A file to answer row by row.")]
To = Annotated[Path | None, typer.Option("--to", "-o", metavar="FILE", help="Where to write; standard output without it.")]
Format = Annotated[str, typer.Option("--format", metavar="FORM", help="Form of the rows: csv, tsv, jsonl or text.")]
Column = Annotated[str, typer.Option("--column", help="The column of the texts; found out without it.")]
SecondColumn = Annotated[str, typer.Option("--second-column", help="The column of the second texts, likewise.")]
Escape = Annotated[
    bool,
    typer.Option("--escape-formulas", help="Put an apostrophe before cells of CSV and TSV that a spreadsheet would run."),
]
Scores = Annotated[bool, typer.Option("--scores/--no-scores", help="Whether the scores of all labels are written.")]


def command(
    target: Target,
    texts: Texts = None,
    second: Second = None,
    file: File = None,
    to: To = None,
    form: Format = "",
    column: Column = "",
    second_column: SecondColumn = "",
    scores: Scores = True,
    escape_formulas: Escape = False,
    task: Task = "",
    seed: Seed = None,
    rule: Rule = "",
    threads: Threads = None,
    precision: Precision = "",
    as_json: AsJson = False,
) -> None:
    """Answer with a trained model."""
    from bakeoff import api
    from bakeoff.cli.shown import say

    if texts and file:
        raise DataError("texts and a file are given", str(file), "give one of them")
    options = api.FileOptions(form, column, second_column, scores, escape_formulas=escape_formulas, noted=say)
    with api.Predictor(target, task=task, seed=seed, rule=rule, threads=threads, precision=precision or None) as predictor:
        if texts:
            _answer_texts(predictor, texts, second or [], as_json)
        else:
            _answer_rows(predictor, file, to, options)


def _answer_texts(predictor: Predictor, texts: list[str], second: list[str], as_json: bool) -> None:
    from bakeoff.cli.shown import show

    others = second * len(texts) if len(second) == 1 else second
    if predictor.reads_pairs and not others:
        raise DataError("the model reads two texts", texts[0][:80], "--second TEXT: the other of the pair, or the context")
    found = predictor.predict(texts, others if predictor.reads_pairs else None)
    if as_json or found[0].answer is not None:
        rows: list[dict[str, Any]] = [{"text": text, **said._asdict()} for text, said in zip(texts, found, strict=True)]
        shown = [{**row, "score": row["scores"].get("answer", 0.0)} for row in rows]
        show({"text": "text", "answer": "answer", "score": ">score"}, rows if as_json else shown, as_json=as_json)
        return
    rows = []
    for text, said in zip(texts, found, strict=True):
        given = ", ".join(
            f"{label} {said.scores[label]:.2f}" for label in sorted(said.labels, key=lambda one: -said.scores[one])
        )
        likely = max(said.scores, key=said.scores.__getitem__)
        rows.append({"text": text, "labels": given or "none", "likely": f"{likely} {said.scores[likely]:.2f}"})
    show({"text": "text", "labels": "labels", "likely": "most likely"}, rows, as_json=False)


def _answer_rows(predictor: Predictor, file: Path | None, to: Path | None, options: FileOptions) -> None:
    from bakeoff import api

    if file is None and sys.stdin.isatty():
        raise DataError("there is nothing to answer", "", "give texts, --file FILE, or rows on standard input")
    size = file.stat().st_size if file is not None and file.is_file() else 0
    with _telling(size) as told:
        if file is not None and to is not None:
            api.predict_path(predictor, file, to, options, told)
            return
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(api.open_source(file)) if file is not None else sys.stdin.buffer
            sink: TextIO = stack.enter_context(to.open("w", encoding="utf-8", newline="")) if to is not None else sys.stdout
            api.predict_file(predictor, source, sink, file, options, lambda rows: told(rows, 0))


class _Told:
    """Says on standard error how far it is, every now and then."""

    def __init__(self, size: int) -> None:
        self._size, self._began, self._last, self.rows = size, time.monotonic(), time.monotonic(), 0

    def __call__(self, rows: int, read: int) -> None:
        from bakeoff.cli.shown import duration, say

        self.rows, now = rows, time.monotonic()
        if now - self._last < EVERY_SECONDS:
            return
        self._last, spent = now, now - self._began
        # what was read ahead is not answered yet, so a little more is left than this says
        left = spent * (self._size - read) / read if self._size and read else None
        rest = f"; about {duration(left)} left" if left is not None else ""
        say(f"{rows:,} rows, {rows / spent:,.0f} a second{rest}")

    def end(self) -> None:
        from bakeoff.cli.shown import duration, say

        spent = time.monotonic() - self._began
        say(f"{self.rows:,} rows in {duration(spent)}")


@contextlib.contextmanager
def _telling(size: int) -> Iterator[_Told]:
    told = _Told(size)
    yield told
    told.end()
