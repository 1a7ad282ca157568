"""Rows of a file or a pipe one after another, in bounded memory: CSV, TSV, JSON lines, or a text a line."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, get_args

from bakeoff.data.choosing import SECOND_NAMES, TEXT_NAMES
from bakeoff.data.lines import BOM
from bakeoff.errors import DataError

LARGEST_FIELD = 200_000_000
RowForm = Literal["csv", "tsv", "jsonl", "text"]
ROW_FORMS: tuple[RowForm, ...] = get_args(RowForm)
SUFFIXES: dict[str, RowForm] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text"}
PEEKED = 4096


class Numbered(NamedTuple):
    """One row.

    Attributes:
        line: its line from 1; of a row of several lines the last.
        values: values by column; of a text a line the column `text`.
    """

    line: int
    values: dict[str, Any]


class Pair(NamedTuple):
    """Which columns hold the texts.

    Attributes:
        text: the text, or the question.
        second: the other text of a pair, or the context; empty where there is none.
    """

    text: str
    second: str


def find_form(path: Path | None, head: bytes) -> RowForm:
    """Which form rows have.

    Args:
        path: the file; None for a pipe.
        head: the first bytes.

    Returns:
        By the file's suffix; of a pipe, JSON lines where it begins with a brace, else a text a line.

    Raises:
        DataError: if the suffix says nothing.
    """
    if path is None:
        return "jsonl" if head.removeprefix(BOM).lstrip()[:1] == b"{" else "text"
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        known = ", ".join(SUFFIXES)
        raise DataError(
            f"files that end in {path.suffix or 'nothing'} are not read row by row", str(path), f"{known}; --format"
        )
    return form


def read_rows(stream: BinaryIO, name: str, form: RowForm) -> Iterator[Numbered]:
    """Read rows.

    Args:
        stream: buffered; read as far as rows are asked for.
        name: what the stream is called in messages.
        form: which form its rows have.

    Yields:
        Each row that is not blank.

    Raises:
        DataError: at the first row that is malformed, with its line.
    """
    if form == "jsonl":
        yield from _json_rows(_lines(stream, name), name)
    elif form == "text":
        yield from (Numbered(line, {"text": text}) for line, text in _lines(stream, name) if text.strip())
    else:
        yield from _delimited_rows(stream, name, form)


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, start=1):
        content = line.removeprefix(BOM) if number == 1 else line
        try:
            yield number, content.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise DataError(f"byte {error.start + 1} is not UTF-8", f"{name}:{number}", "save the file as UTF-8") from error


def _json_rows(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Numbered]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"not JSON: {error}", f"{name}:{number}", 'a line is an object, such as {"text": "…"}') from error
        if not isinstance(values, dict):
            raise DataError("not a JSON object", f"{name}:{number}", 'a line is an object, such as {"text": "…"}')
        yield Numbered(number, values)


def _delimited_rows(stream: BinaryIO, name: str, form: RowForm) -> Iterator[Numbered]:
    csv.field_size_limit(min(LARGEST_FIELD, sys.maxsize))
    remedy = "give every row as many fields as the header has, and quote a field that holds the separator"
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter="\t" if form == "tsv" else ",", strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise DataError("the file is empty", name, "a header and at least one row")
        if len(set(header)) < len(header):
            raise DataError("two columns have the same name", f"{name}:1", "names that differ")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                raise DataError(f"{len(fields)} fields; the header has {len(header)}", f"{name}:{reader.line_num}", remedy)
            if any(not field.isascii() and not _is_unicode(field) for field in fields):
                raise DataError("a field is not UTF-8", f"{name}:{reader.line_num}", "save the file as UTF-8")
            yield Numbered(reader.line_num, dict(zip(header, fields, strict=True)))
    except csv.Error as error:
        raise DataError(f"no such text: {error}", f"{name}:{reader.line_num}", remedy) from error
    finally:
        if not stream.closed:
            text.detach()  # it is its owner's to close


def _is_unicode(field: str) -> bool:
    """Whether every byte of a field was UTF-8: others came as lone surrogates."""
    return not any("\udc80" <= letter <= "\udcff" for letter in field)


def find_columns(columns: Iterable[str], pairs: bool, given: Pair, name: str) -> Pair:
    """Which columns hold the texts.

    Args:
        columns: of the first row.
        pairs: whether the task has second texts.
        given: what the user said; empty where it is to be found out.
        name: the file, for messages.

    Returns:
        Both names; the second empty without pairs.

    Raises:
        DataError: if a column is not there, or none looks like it.
    """
    known = list(columns)
    text = given.text or _named(known, TEXT_NAMES)
    second = (given.second or _named(known, [other for other in SECOND_NAMES if other != text.lower()])) if pairs else ""
    for what, option, found in (("text", "--column", text), ("second text", "--second-column", second)):
        needed = what == "text" or pairs
        if needed and found not in known:
            problem = f"there is no column {found!r}" if found else f"no column looks like the {what}"
            raise DataError(problem, name, f"say which: {option}, one of {', '.join(known)}")
    return Pair(text, second)


def _named(columns: list[str], names: Iterable[str]) -> str:
    lower = {column.lower(): column for column in columns}
    return next((lower[name] for name in names if name in lower), "")


def texts_of(row: Numbered, columns: Pair, name: str) -> tuple[str, ...]:
    """The texts of a row.

    Args:
        row: the row.
        columns: where they stand.
        name: the file, for messages.

    Returns:
        One text, or two.

    Raises:
        DataError: if one is missing, or no text.
    """
    found = []
    for column in filter(None, columns):
        value = row.values.get(column)
        if not isinstance(value, str):
            problem = f"the column {column!r} is missing" if value is None else f"{column} is no text"
            raise DataError(problem, f"{name}:{row.line}", "give every row its text")
        found.append(value)
    return tuple(found)


def as_form(text: str) -> RowForm:
    """A form by its name.

    Args:
        text: the name.

    Returns:
        The form.

    Raises:
        DataError: if there is none of that name.
    """
    if text not in ROW_FORMS:
        raise DataError(f"there is no format {text!r}", "--format", f"one of {', '.join(ROW_FORMS)}")
    return text
