"""Labels as people write them: one name, a number, a list, a delimited text, or a column a label."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.errors import DataError

SEPARATORS = ("|", ";", ",", "/")
NO_SEPARATOR = "none"
"""What a user says where a sign in the names looks like a separator."""
YES, NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")
MOST_WORDS = 6
"""A label is a name, not a sentence: what is cut at a separator must be this short in words."""

MOST_BARE = 0.1
"""Share of rows without a label up to which the others are taken to have one each because that is how it is meant."""


@dataclass(frozen=True)
class Labels:
    """Labels of all rows.

    Attributes:
        names: label names in their order.
        rows: positions of each row's labels.
        form: how they were written, in words.
    """

    names: tuple[str, ...]
    rows: list[tuple[int, ...]]
    form: str

    @property
    def exclusive(self) -> bool:
        """Whether labels exclude one another: no row has two, and nearly all have one. The others were not labelled yet."""
        bare = sum(not row for row in self.rows)
        return all(len(row) <= 1 for row in self.rows) and bare <= MOST_BARE * len(self.rows)


def name_of(value: Any) -> str:
    """A label's name.

    Args:
        value: as it stands in the file: a text, or a number.

    Returns:
        The text without white space around it; a whole number without a point.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value).strip()


def is_indicator(values: Sequence[Any]) -> bool:
    """Whether a column says yes or no to one label.

    Args:
        values: the column.

    Returns:
        True if it holds nothing but 0 and 1, or words for them, and some row says yes or no.
    """
    seen = {str(value).strip().lower() for value in values if value is not None}
    return bool(seen) and seen <= {*YES, *NO} and seen != {""}


def from_indicators(columns: dict[str, list[Any]]) -> Labels:
    """Labels that have a column each.

    Args:
        columns: values by label, each 0 or 1 or a word for that.

    Returns:
        The labels, in the order of the columns.
    """
    flags = [[str(value).strip().lower() in YES for value in column] for column in columns.values()]
    rows = [tuple(place for place, flag in enumerate(row) if flag) for row in zip(*flags, strict=True)]
    return Labels(tuple(columns), rows, f"a column a label ({len(columns)})")


def from_column(column: str, values: Sequence[Any], separator: str | None = None) -> Labels:
    """Labels that stand in one column.

    Args:
        column: its name, for messages.
        values: a name, a number, a list, a JSON list as text, or names with a separator between them.
        separator: what separates names; None means that it is found out.

    Returns:
        The labels; numbers in their order, names in alphabetical order.

    Raises:
        DataError: if a name is written as a text here and as a number there.
    """
    parts, form = _parts(values, separator)
    kinds = {(name_of(part), isinstance(part, str)) for row in parts for part in row}
    both = sorted({name for name, is_text in kinds if is_text} & {name for name, is_text in kinds if not is_text})
    if both:
        raise DataError(
            f"the label {both[0]!r} is a text in some rows and a number in others",
            f"column {column}",
            "write it one way: two labels must not look alike",
        )
    found = sorted({name for name, _ in kinds}, key=_order)
    place = {name: number for number, name in enumerate(found)}
    rows = [tuple(sorted({place[name_of(part)] for part in row})) for row in parts]
    return Labels(tuple(found), rows, form)


def _order(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name) if math.isfinite(float(name)) else (1, 0.0, name)
    except ValueError:
        return (1, 0.0, name)


def _parts(values: Sequence[Any], separator: str | None) -> tuple[list[list[Any]], str]:
    if any(isinstance(value, list | tuple) for value in values):
        return [_flat(value) for value in values], "lists"
    texts = [value for value in values if isinstance(value, str)]
    if separator == NO_SEPARATOR:
        return [[] if value is None or value == "" else [value] for value in values], "one name a row"
    if texts and all(text.strip().startswith("[") and text.strip().endswith("]") for text in texts if text.strip()):
        try:
            return [
                _flat(json.loads(value)) if isinstance(value, str) and value.strip() else _flat(value) for value in values
            ], ("lists written as JSON")
        except ValueError:
            pass  # brackets that hold no JSON are part of the names
    found = separator or _separator(texts)
    if found is None:
        return [[] if value is None or value == "" else [value] for value in values], "one name a row"
    cut = [
        [part.strip() for part in value.split(found) if part.strip()] if isinstance(value, str) else _flat(value)
        for value in values
    ]
    return cut, f"names separated by {found!r}"


def _flat(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    if isinstance(value, list | tuple):
        return [part for item in value for part in _flat(item)]
    return [value]


def _separator(texts: list[str]) -> str | None:
    """The separator of delimited labels: cutting at it leaves short names, and, at a comma or slash, fewer than before."""
    whole = {text.strip() for text in texts}
    for separator in SEPARATORS:
        if not any(separator in text for text in whole):
            continue
        parts = {part.strip() for text in whole for part in text.split(separator)} - {""}
        # a bar or a semicolon hardly stands in a name; a comma or a slash may
        fewer = len(parts) < len(whole) or separator in "|;"
        if fewer and all(len(part.split()) <= MOST_WORDS for part in parts):
            return separator
    return None
