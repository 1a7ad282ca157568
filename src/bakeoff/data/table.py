"""A user's file as columns: CSV, TSV, JSON lines, JSON, Parquet, Arrow. Nothing is lost in silence."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.data.lines import Faults
from bakeoff.errors import DataError, MissingPackageError
from bakeoff.records.files import sha256_file

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather")
SNIFFED_LINES = 50
LARGEST_FIELD = 200_000_000


@dataclass(frozen=True)
class Table:
    """A file as columns.

    Attributes:
        path: the file.
        form: what it was read as, in words.
        columns: values by column, all of one length; a value that a row lacks is None.
        lines: line (or row) number of each row, for messages.
        sha256: hash of the file.
    """

    path: Path
    form: str
    columns: dict[str, list[Any]]
    lines: list[int]
    sha256: str

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lines)


def read_table(path: Path, delimiter: str | None = None) -> Table:
    """Read a file by its suffix.

    Args:
        path: the file.
        delimiter: what separates fields of a text file; None means that it is found out.

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
        return _read_arrow(path, suffix)
    if suffix not in SUFFIXES:
        raise DataError(f"files that end in {suffix or 'nothing'} are not read", str(path), f"one of {', '.join(SUFFIXES)}")
    text, encoding = _decode(path)
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _read_json(path, text, encoding, lines=suffix != ".json")
    return _read_delimited(path, text, encoding, delimiter)


def _decode(path: Path) -> tuple[str, str]:
    content = path.read_bytes()
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict"), encoding
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"line {line}: byte {error.start + 1} is not {encoding.upper()}", str(path), "save the file as UTF-8"
        ) from error


def _read_delimited(path: Path, text: str, encoding: str, delimiter: str | None) -> Table:
    separator = delimiter or _sniff(path, text)
    csv.field_size_limit(min(LARGEST_FIELD, sys.maxsize))
    stream = io.StringIO(text, newline="")
    if _quotes_are_text(text, separator):
        reader = csv.reader(stream, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(stream, delimiter=separator, strict=True)
    faults = Faults("give every row as many fields as the header has, and quote a field that holds the separator")
    values: list[list[Any]] = []
    lines: list[int] = []
    try:
        header = next(reader, None)
        if header is None:
            raise DataError("the file is empty", str(path), "a header and at least one row")
        names = _header(path, header)
        values = [[] for _ in names]
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(names):
                faults.add(path, reader.line_num, f"{len(fields)} fields; expected {len(names)}: {', '.join(names)}")
                continue
            lines.append(reader.line_num)
            for column, field in zip(values, fields, strict=True):
                column.append(field)
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} is no such text: {error}", str(path), faults.remedy) from error
    faults.check(path)
    form = f"fields separated by {DELIMITERS.get(separator, repr(separator))}, {encoding.removesuffix('-sig').upper()}"
    return Table(path, form, dict(zip(names, values, strict=True)), lines, sha256_file(path))


def _quotes_are_text(text: str, separator: str) -> bool:
    """Whether a tab-separated file is written without quoting, as many are: a field begins with a mark and ends without."""
    if separator != "\t" or '"' not in text:
        return False
    fields = (field for line in text.splitlines() if '"' in line for field in line.split("\t") if field.startswith('"'))
    return any(len(field) < 2 or not field.endswith('"') for field in fields)


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
    head = text.split("\n")[:SNIFFED_LINES]

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


def _read_json(path: Path, text: str, encoding: str, lines: bool) -> Table:
    faults = Faults('every line is an object, such as {"text": "…", "labels": ["joy"]}')
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    for number, record in _json_records(path, text, lines, faults):
        if isinstance(record, dict):
            records.append(record)
            numbers.append(number)
        else:
            faults.add(path, number, f"found {type(record).__name__}; expected an object")
    faults.check(path)
    if not records:
        raise DataError("the file has no rows", str(path), faults.remedy)
    names = list(dict.fromkeys(key for record in records for key in record))
    columns = {name: [record.get(name) for record in records] for name in names}
    form = f"{'JSON lines' if lines else 'a JSON list'}, {encoding.removesuffix('-sig').upper()}"
    return Table(path, form, columns, numbers, sha256_file(path))


def _json_records(path: Path, text: str, lines: bool, faults: Faults) -> list[tuple[int, Any]]:
    if lines:
        found = []
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                found.append((number, json.loads(line)))
            except (ValueError, RecursionError):
                faults.add(path, number, "not JSON; expected an object")
        return found
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", str(path), "a list of objects, or a .jsonl file with one a line") from error
    if not isinstance(whole, list):
        raise DataError(f"found {type(whole).__name__}", str(path), "a list of objects")
    return list(enumerate(whole, start=1))


def _read_arrow(path: Path, suffix: str) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackageError("pyarrow", f"reading {suffix} files", "data") from error
    readers: list[Callable[[Any], Any]] = [
        lambda file: pa.ipc.open_stream(file).read_all(),
        lambda file: pa.ipc.open_file(file).read_all(),
    ]
    if suffix == ".parquet":
        readers = [pq.read_table]
    problem: Exception | None = None
    for read in readers:  # an Arrow file is a stream or has a footer; the first bytes do not always tell
        try:
            with path.open("rb") as file:
                table = read(file)
            columns = {str(name): table.column(name).to_pylist() for name in table.column_names}
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            problem = error
            continue
        return Table(
            path, "Parquet" if suffix == ".parquet" else "Arrow", columns, list(range(1, table.num_rows + 1)), sha256_file(path)
        )
    raise DataError(f"not a readable file: {str(problem).splitlines()[0]}", str(path), "write it again") from problem
