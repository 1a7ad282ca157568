"""Delimited files with a header, field by field with quoting off: in these files a quotation mark is text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bakeoff.data.lines import Faults, decode_line, split_lines
from bakeoff.errors import DataError


class Record(NamedTuple):
    """One line of a table.

    Attributes:
        line: its number from 1.
        fields: fields by column.
    """

    line: int
    fields: dict[str, str]


def read_records(
    path: Path, content: bytes, columns: tuple[str, ...], faults: Faults, delimiter: str = "\t"
) -> Iterator[Record]:
    """The lines of a table.

    Args:
        path: the file, for messages.
        content: its bytes.
        columns: the columns that its header must have, in this order.
        faults: where a line with another number of fields is noted.
        delimiter: what separates fields.

    Yields:
        Each whole line that is not blank.

    Raises:
        DataError: if the header is another.
    """
    lines = split_lines(content)
    head = decode_line(path, 1, lines[0], faults) if lines else None
    if head is None or tuple(head.split(delimiter)) != columns:
        raise DataError(
            f"the first line is not the expected header: {(head or '')[:80]!r}",
            str(path),
            f"expected the columns {', '.join(columns)}",
        )
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        text = decode_line(path, number, line, faults)
        if text is None:
            continue
        fields = text.split(delimiter)
        if len(fields) != len(columns):
            faults.add(path, number, f"{len(fields)} fields; expected {len(columns)}: {', '.join(columns)}")
            continue
        yield Record(number, dict(zip(columns, fields, strict=True)))


def blank_lines(content: bytes) -> int:
    """How many lines hold nothing.

    Args:
        content: a file's bytes.

    Returns:
        Their number; what follows the last line feed is no line.
    """
    return sum(not line for line in split_lines(content))
