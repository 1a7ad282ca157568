"""Predictions for files and pipes of any size: rows in, the same rows with what the model says out, in bounded memory."""

from __future__ import annotations

import csv
import json
import math
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from bakeoff.api.predicting import BLOCK_LETTERS, BLOCK_ROWS, Prediction, Predictor
from bakeoff.errors import DataError

if TYPE_CHECKING:
    from bakeoff.data.streaming import Numbered, Pair, RowForm

PREDICTION = "prediction"
SCORES = "scores"
SCORE_PREFIX = "score:"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula: the wide forms of the signs, too (OWASP, CSV Injection)."""
TWO_TEXTS = ("qa",)


@dataclass(frozen=True)
class FileOptions:
    """How a file is read and written.

    Attributes:
        form: form of the rows; empty means by the file's suffix or, of a pipe, by its first bytes.
        column: column of the texts; empty means that it is found out.
        second: column of the second texts; empty means that it is found out.
        scores: whether the scores of all labels are written.
        to: form of what is written; empty means that of the rows, for a text a line JSON lines.
        escape_formulas: whether an apostrophe is put before every cell of CSV and TSV that a spreadsheet would take for a
            formula. Without it rows come back exactly as they were, and labels as they are called.
        noted: told at the end, in a sentence, what whoever opens the file should know.
    """

    form: str = ""
    column: str = ""
    second: str = ""
    scores: bool = True
    to: str = ""
    escape_formulas: bool = False
    noted: Callable[[str], None] | None = None


@dataclass
class _Work:
    """Rows on their way: asked about, and not yet answered."""

    predictor: Predictor
    name: str
    columns: Pair
    rows: Iterator[Numbered]
    scores: bool
    waiting: deque[list[Numbered]] = field(default_factory=deque)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Blocks of texts, as the process takes them; their rows wait for the answers."""
        from bakeoff.data.streaming import texts_of

        block: list[Numbered] = []
        texts: list[tuple[str, ...]] = []
        letters = 0
        for row in self.rows:
            block.append(row)
            texts.append(texts_of(row, self.columns, self.name))
            letters += sum(map(len, texts[-1]))
            if len(block) >= BLOCK_ROWS or letters >= BLOCK_LETTERS:
                yield self._message(block, texts)
                block, texts, letters = [], [], 0
        if block:
            yield self._message(block, texts)

    def _message(self, block: list[Numbered], texts: list[tuple[str, ...]]) -> dict[str, Any]:
        self.waiting.append(block)
        second = [pair[1] for pair in texts] if len(texts[0]) > 1 else None
        return {"first": [pair[0] for pair in texts], "second": second, "scores": self.scores}


def predict_file(
    predictor: Predictor,
    source: BinaryIO,
    sink: TextIO,
    path: Path | None = None,
    options: FileOptions | None = None,
    told: Callable[[int], None] | None = None,
) -> int:
    """Answer every row of a file or a pipe.

    Args:
        predictor: the model.
        source: the rows, buffered.
        sink: where rows with predictions go, in the order of the rows. A row keeps its columns and gets `prediction` (of CSV
            several labels joined by `|`, of questions the answer) and scores: `scores` in JSON, a column a label in CSV.
        path: the file that is read; None for a pipe.
        options: how.
        told: told how many rows are done, every now and then.

    Returns:
        How many rows were answered.

    Raises:
        DataError: at the first row that is malformed, with its line; all rows before its block were written.
    """
    from bakeoff.data.streaming import as_form, find_columns, find_form, read_rows

    chosen = options or FileOptions()
    head = source.peek(1)[:64] if hasattr(source, "peek") else b""
    form = as_form(chosen.form) if chosen.form else find_form(path, head)
    name = str(path) if path else "standard input"
    rows = read_rows(source, name, form)
    first = next(rows, None)
    if first is None:
        return 0
    given = _columns(chosen, form)
    columns = find_columns(first.values, predictor.reads_pairs, given, name)
    work = _Work(predictor, name, columns, _chain(first, rows), chosen.scores)
    cells = _Cells(chosen.escape_formulas)
    writer = _writer(as_form(chosen.to) if chosen.to else form, sink, predictor, first, chosen.scores, cells)
    done = 0
    for answer in predictor.ask(work.messages()):
        block = work.waiting.popleft()
        for row, prediction in zip(block, predictor.read(answer), strict=True):
            writer(row, prediction)
        done += len(block)
        if told is not None:
            told(done)
    if chosen.noted is not None and cells.formulas and not cells.escape:
        chosen.noted(f"{cells.formulas:,} cells begin as a formula does, which a spreadsheet may run; --escape-formulas")
    return done


def _columns(chosen: FileOptions, form: RowForm) -> Pair:
    from bakeoff.data.streaming import Pair

    return Pair(chosen.column or ("text" if form == "text" else ""), chosen.second)


def _chain(first: Numbered, rows: Iterator[Numbered]) -> Iterator[Numbered]:
    yield first
    yield from rows


Writer = Callable[["Numbered", Prediction], None]


@dataclass
class _Cells:
    """Cells of a table, and how many of them a spreadsheet would take for a formula."""

    escape: bool
    formulas: int = 0

    def __call__(self, value: Any) -> Any:
        """A cell: nested values as JSON; numbers stay what they are."""
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        if not isinstance(value, str) or not value.startswith(FORMULA) or _is_number(value):
            return value
        self.formulas += 1
        return f"'{value}" if self.escape else value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _writer(form: RowForm, sink: TextIO, predictor: Predictor, first: Numbered, scores: bool, cells: _Cells) -> Writer:
    taken = [name for name in (PREDICTION, SCORES) if name in first.values]
    if taken:
        raise DataError(f"the rows have a column called {taken[0]} already", "", "rename that column")
    if form in ("csv", "tsv"):
        delimiter = "\t" if form == "tsv" else ","
        out = csv.writer(_LineFeeds(sink), delimiter=delimiter, lineterminator="\r\n")
        return _table_writer(out, predictor, list(first.values), scores, cells)
    return _json_writer(sink, scores)


def _json_writer(sink: TextIO, scores: bool) -> Writer:
    def write(row: Numbered, said: Prediction) -> None:
        body = {**row.values, PREDICTION: said.answer if said.answer is not None else list(said.labels)}
        if scores:
            body[SCORES] = said.scores
        # a lone surrogate has no UTF-8: JSON has an escape for it
        text = json.dumps(body, ensure_ascii=False)
        sink.write((text if text.isascii() or _writable(text) else json.dumps(body)) + "\n")

    return write


def _writable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _table_writer(out: Any, predictor: Predictor, columns: list[str], scores: bool, cells: _Cells) -> Writer:
    labels = predictor.introduction.labels if predictor.introduction.kind not in TWO_TEXTS else ["answer"]
    added = [f"{SCORE_PREFIX}{label}" for label in labels] if scores else []
    out.writerow([*map(cells, columns), PREDICTION, *added])

    def write(row: Numbered, said: Prediction) -> None:
        kept = [cells(row.values.get(column, "")) for column in columns]
        found = said.answer if said.answer is not None else "|".join(said.labels)
        out.writerow([*kept, cells(found), *(said.scores[label] for label in labels if scores)])

    return write


class _LineFeeds:
    """Ends lines by a line feed alone. The writer is told otherwise, or it would not quote a carriage return in a field."""

    def __init__(self, sink: TextIO) -> None:
        self._sink = sink

    def write(self, line: str) -> int:
        return self._sink.write(line.removesuffix("\r\n") + "\n")


def predict_path(
    predictor: Predictor,
    source: Path,
    target: Path,
    options: FileOptions | None = None,
    told: Callable[[int, int], None] | None = None,
) -> int:
    """Answer every row of a file into another, which appears when it is whole.

    Args:
        predictor: the model.
        source: the file.
        target: the file to write; its suffix says its form, unless the options do.
        options: how.
        told: told how many rows are done, and how many bytes of the source were read, every now and then.

    Returns:
        How many rows were answered.

    Raises:
        DataError: as for `predict_file`; nothing stands at the target then.
    """
    from bakeoff.data.streaming import SUFFIXES

    chosen = options or FileOptions()
    form = chosen.to or SUFFIXES.get(target.suffix.lower(), "")
    asked = replace(chosen, to="jsonl" if form == "text" else form)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open_source(source) as stream, temporary.open("w", encoding="utf-8", newline="", errors="surrogateescape") as sink:
            done = predict_file(
                predictor, stream, sink, source, asked, None if told is None else lambda rows: told(rows, stream.tell())
            )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return done


def open_source(path: Path) -> BinaryIO:
    """Open a file that is read row by row.

    Args:
        path: the file.

    Returns:
        A buffered stream.

    Raises:
        DataError: if it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", str(path), "name a file that is there") from error
