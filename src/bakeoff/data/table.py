"""A user's file as columns: CSV, TSV, JSON lines, JSON, Parquet, Arrow. Nothing is lost in silence; little is in memory."""

from __future__ import annotations

import csv
import itertools
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.data.columns import Column
from bakeoff.data.lines import Faults
from bakeoff.data.scanning import Found, Malformed, Scanner, encoding_of, text_blocks, text_lines
from bakeoff.errors import DataError, MissingPackageError
from bakeoff.records.files import sha256_bytes, sha256_file

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather")
SNIFFED_LINES = 50
INTENSITY = ("id", "text", "emotion", "intensity")
"""Columns of files of intensities, which have no header line: Mohammad and Bravo-Marquez, WASSA 2017 (EmoInt)."""
BATCH = 4_096
"""Rows of a table that are objects at the same time."""


@dataclass(frozen=True)
class Table:
    """A file as columns.

    Attributes:
        path: the file.
        form: what it was read as, in words.
        columns: values by column, all of one length; a value that a row lacks is None.
        lines: line (or row) number of each row, for messages.
        sha256: hash of the file.
        rated: whether each row says how strongly one label applies: a file of intensities, as EmoInt's, without a header line.
    """

    path: Path
    form: str
    columns: dict[str, Column]
    lines: Sequence[int]
    sha256: str
    rated: bool = False

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lines)


def read_table(
    path: Path, delimiter: str | None = None, scratch: Path | None = None, header: Sequence[str] | None = None
) -> Table:
    """Read a file by its suffix.

    Args:
        path: the file.
        delimiter: what separates fields of a text file; None means that it is found out.
        scratch: where long columns may lie while they are needed; None is the system's place for such files.
        header: names of the columns of a text file that has no header line; None means that its first line has them, unless
            that is a rating (see `is_intensity`).

    Returns:
        Its columns.

    Raises:
        DataError: if it cannot be read, or is malformed: the message names lines and what was expected.
        MissingPackageError: if Parquet or Arrow is asked for without pyarrow.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError("no such file", str(path), "name a file that is there")
    if suffix in (".parquet", ".arrow", ".feather"):
        return _read_arrow(path, suffix, scratch)
    if suffix not in SUFFIXES:
        raise DataError(f"files that end in {suffix or 'nothing'} are not read", str(path), f"one of {', '.join(SUFFIXES)}")
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _read_json(path, scratch, lines=suffix != ".json")
    return _read_delimited(path, delimiter, scratch, header)


def joined_tables(path: Path, tables: Sequence[Table], scratch: Path | None = None) -> Table:
    """Several files with the same columns as one table.

    Args:
        path: what it is called.
        tables: at least one; a single one stays as it is.
        scratch: where long columns may lie while they are needed.

    Returns:
        The rows of all, one file after another, numbered through.

    Raises:
        DataError: if a column of the first is missing in another.
    """
    if len(tables) == 1:
        return tables[0]
    columns = {name: Column(scratch) for name in tables[0].columns}
    for table in tables:
        for name, column in columns.items():
            if name not in table.columns:
                raise DataError(f"the column {name!r} of the first file is missing", str(table.path), "the same columns in all")
            values = iter(table.columns[name])
            while batch := list(itertools.islice(values, BATCH)):
                column.extend(batch)
    rows = sum(table.rows for table in tables)
    whole = sha256_bytes("\n".join(table.sha256 for table in tables).encode())
    rated = all(table.rated for table in tables)
    return Table(path, f"{len(tables)} files, {tables[0].form}", columns, range(1, rows + 1), whole, rated)


def _encoding(path: Path) -> str:
    return encoding_of(path)[0].upper().removesuffix("-LE").removesuffix("-BE")


def _read_delimited(path: Path, delimiter: str | None, scratch: Path | None, header: Sequence[str] | None) -> Table:
    head = next(text_blocks(path), "")
    separator = delimiter or _sniff(path, head)
    scanner = Scanner(separator, not _quotes_are_text(path, separator))
    faults = Faults("give every row as many fields as the header has, and quote a field that holds the separator")
    names: list[str] | None = None
    rated = False
    columns: list[Column] = []
    lines = array("I")
    for records in _records(path, scanner, faults):
        if names is None and records:
            rated = header is None and is_intensity([str(field) for field in records[0].fields])
            told = header or (INTENSITY if rated else None)
            names = _header(path, list(told) if told else [str(name) for name in records.pop(0).fields])
            columns = [Column(scratch) for _ in names]
        fitting = []
        for record in records:
            if len(record.fields) == len(columns):
                fitting.append(record)
            else:
                problem = f"{len(record.fields)} fields; expected {len(columns)}: {', '.join(names or [])}"
                faults.add(path, record.line, problem)
        lines.extend([record.line for record in fitting])
        _add(columns, fitting)
    if names is None:
        raise DataError("the file is empty", str(path), "a header and at least one row")
    faults.check(path)
    form = f"fields separated by {DELIMITERS.get(separator, repr(separator))}, {_encoding(path)}"
    form += ", no header line: id, text, emotion, intensity" if rated else ""
    return Table(path, form, dict(zip(names, columns, strict=True)), lines, sha256_file(path), rated)


def is_intensity(fields: Sequence[str]) -> bool:
    """Whether a first line is no header but a rating, as in EmoInt's files: an id, a text, an emotion, its intensity.

    Args:
        fields: the line's.

    Returns:
        True for four fields, of which the third is one word and the last a number from 0 to 1, or NONE where it is kept secret.
    """
    if len(fields) != len(INTENSITY):
        return False
    number, text, emotion, score = (field.strip() for field in fields)
    if not emotion.isalpha() or " " not in text or not number:
        return False
    try:
        return 0 <= float(score) <= 1
    except ValueError:
        return score == "NONE"


def _records(path: Path, scanner: Scanner, faults: Faults) -> Iterator[list[Found]]:
    try:
        for block in text_blocks(path):
            yield scanner.feed(block)
        yield scanner.finish()
    except Malformed as error:
        raise DataError(f"line {scanner.line + 1} is no such text: {error}", str(path), faults.remedy) from error


def _add(columns: Sequence[Column], records: Sequence[Found]) -> None:
    if not records:
        return
    for column, values in zip(columns, zip(*(record.fields for record in records), strict=True), strict=True):
        if not any(isinstance(value, bytearray) for value in values):
            column.extend(values)
            continue
        for value in values:
            if isinstance(value, bytearray):
                column.append_long(value)
            else:
                column.extend((value,))


def _quotes_are_text(path: Path, separator: str) -> bool:
    """Whether a tab-separated file is written without quoting, as many are: a field begins with a mark and ends without."""
    if separator != "\t":
        return False
    for lines in text_lines(text_blocks(path)):
        for line in lines:
            if '"' in line:
                fields = [field for field in line.rstrip("\r").split("\t") if field.startswith('"')]
                if any(len(field) < 2 or not field.endswith('"') for field in fields):
                    return True
    return False


def _header(path: Path, header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"two columns are called {twice!r}", str(path), "give every column a name of its own in the first line")
    return names


def _sniff(path: Path, text: str) -> str:
    """What separates the fields: the sign that cuts the first lines into the same number of fields, most of them."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    lines = text.split("\n")
    head = (lines[:-1] or lines)[:SNIFFED_LINES]  # the last one may go on

    def fields(delimiter: str) -> list[int]:
        try:
            return [len(row) for row in csv.reader(head, delimiter=delimiter) if row]
        except csv.Error:
            return [1]

    def quality(delimiter: str) -> tuple[float, int]:
        counts = fields(delimiter) or [1]
        wide = counts[0]
        return (sum(count == wide for count in counts) / len(counts) if wide > 1 else 0.0, wide)

    return max(DELIMITERS, key=quality)


def _read_json(path: Path, scratch: Path | None, lines: bool) -> Table:
    faults = Faults('every line is an object, such as {"text": "…", "labels": ["joy"]}')
    columns: dict[str, Column] = {}
    numbers = array("I")
    found = _json_lines(path, faults) if lines else _json_list(path)
    while batch := list(itertools.islice(found, BATCH)):
        records = []
        for number, record in batch:
            if isinstance(record, dict):
                records.append(record)
                numbers.append(number)
            else:
                faults.add(path, number, f"found {type(record).__name__}; expected an object")
        _add_records(columns, records, len(numbers) - len(records), scratch)
    faults.check(path)
    if not numbers:
        raise DataError("the file has no rows", str(path), faults.remedy)
    form = f"{'JSON lines' if lines else 'a JSON list'}, {_encoding(path)}"
    return Table(path, form, columns, numbers, sha256_file(path))


def _add_records(columns: dict[str, Column], records: list[dict[str, Any]], before: int, scratch: Path | None) -> None:
    for name in dict.fromkeys(itertools.chain(columns, *records)):
        if name not in columns:
            columns[name] = Column(scratch)
            columns[name].extend_blank(before)
        columns[name].extend([record.get(name) for record in records])


def _json_lines(path: Path, faults: Faults) -> Iterator[tuple[int, Any]]:
    numbered = enumerate(itertools.chain.from_iterable(text_lines(text_blocks(path))), start=1)
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            faults.add(path, number, "not JSON; expected an object")


def _json_list(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        whole = json.loads("".join(text_blocks(path)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", str(path), "a list of objects, or a .jsonl file with one a line") from error
    if not isinstance(whole, list):
        raise DataError(f"found {type(whole).__name__}", str(path), "a list of objects")
    return enumerate(whole, start=1)


def _read_arrow(path: Path, suffix: str, scratch: Path | None) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackageError("pyarrow", f"reading {suffix} files", "data") from error

    def parquet(file: Any) -> tuple[list[str], Iterable[Any]]:
        opened = pq.ParquetFile(file)
        classes.update(_class_names(opened.schema_arrow.metadata))
        return opened.schema_arrow.names, opened.iter_batches(BATCH)

    def stream(file: Any) -> tuple[list[str], Iterable[Any]]:
        opened = pa.ipc.open_stream(file)
        return opened.schema.names, opened

    def footed(file: Any) -> tuple[list[str], Iterable[Any]]:
        opened = pa.ipc.open_file(file)
        return opened.schema.names, (opened.get_batch(number) for number in range(opened.num_record_batches))

    classes: dict[str, list[str]] = {}
    problem: Exception | None = None
    # an Arrow file is a stream or has a footer; the first bytes do not always tell
    for read in [parquet] if suffix == ".parquet" else [stream, footed]:
        try:
            with path.open("rb") as file:
                names, batches = read(file)
                columns = _gather(path, names, batches, scratch, classes)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            problem = error
            continue
        rows = next(iter(columns.values())).rows if columns else 0
        form = "Parquet" if suffix == ".parquet" else "Arrow"
        return Table(path, form, columns, range(1, rows + 1), sha256_file(path))
    raise DataError(f"not a readable file: {str(problem).splitlines()[0]}", str(path), "write it again") from problem


def _class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Names of labels that are stored as numbers, by column, where the hub's library has written them."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for column, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else feature[0] if feature else {}
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel":
            found[column] = [str(name) for name in inner["names"]]
    return found


def _told(value: Any, names: list[str]) -> Any:
    """A label's name for its number; what the hub writes for "not labelled" is nothing."""
    if isinstance(value, list):
        return [_told(item, names) for item in value]
    if type(value) is not int:
        return value
    return names[value] if 0 <= value < len(names) else None


def _gather(
    path: Path, names: list[str], batches: Iterable[Any], scratch: Path | None, classes: dict[str, list[str]]
) -> dict[str, Column]:
    columns = {name: Column(scratch) for name in _header(path, names)}
    for batch in batches:
        for first in range(0, batch.num_rows, BATCH):
            for place, (name, column) in enumerate(columns.items()):
                values = batch.column(place).slice(first, BATCH).to_pylist()
                column.extend([_told(value, classes[name]) for value in values] if name in classes else values)
    return columns
