"""Labels as people write them: one name, a number, a list, a delimited text, or a column a label."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.columns import Column, encoded
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
        positions: positions of all rows' labels, ascending within a row.
        starts: where each row's positions begin, [N + 1].
        form: how they were written, in words.
        rated: the only label that each row says something of, -1 for none, [N]; None where every row decides every label.
    """

    names: tuple[str, ...]
    positions: NDArray[np.int32]
    starts: NDArray[np.int64]
    form: str
    rated: NDArray[np.int32] | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many labels each row has, [N]."""
        return np.diff(self.starts)

    @property
    def exclusive(self) -> bool:
        """Whether labels exclude one another: no row has two, and nearly all have one. The others were not labelled yet."""
        if self.rated is not None:
            return False
        counts = self.counts
        return int(counts.max(initial=0)) <= 1 and int((counts == 0).sum()) <= MOST_BARE * len(counts)

    def of(self, rows: NDArray[np.int64]) -> Labels:
        """Those of some rows.

        Args:
            rows: row numbers, [R].

        Returns:
            Labels of R rows, in the order of `rows`.
        """
        counts = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], counts)
        rated = None if self.rated is None else self.rated[rows]
        return Labels(self.names, self.positions[places], starts, self.form, rated)

    def rated_by(self, scores: NDArray[np.float64], threshold: float) -> Labels:
        """The same where each row was rated for its label: what is below the threshold has none, and of the other labels nobody
        said anything.

        Args:
            scores: how strongly a row's label applies, nan where that is not known, [N].
            threshold: the score from which on it holds.

        Returns:
            The labels; a row with several labels of one score decides all labels, as it stands.
        """
        holds = scores >= threshold
        counts = np.where(holds, self.counts, 0)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        kept = Labels(self.names, self.positions[np.repeat(holds, self.counts)], starts, self.form)
        if int(self.counts.max(initial=0)) > 1:
            return kept
        rated = np.full(len(self.counts), -1, dtype=np.int32)
        rated[self.counts == 1] = self.positions
        return replace(kept, rated=np.where(np.isnan(scores), np.int32(-1), rated))

    def dense(self) -> NDArray[np.uint8]:
        """As a matrix [N, L], 1 where the label applies."""
        targets = np.zeros((len(self.starts) - 1, len(self.names)), dtype=np.uint8)
        targets[np.repeat(np.arange(len(targets)), self.counts), self.positions] = 1
        return targets


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


def is_indicator(column: Column) -> bool:
    """Whether a column says yes or no to one label.

    Args:
        column: the column.

    Returns:
        True if it holds nothing but 0 and 1, or words for them, and some row says yes or no.
    """
    seen = {str(value).strip().lower() for value in column.few or ("many",) if value is not None}
    return bool(seen) and seen <= {*YES, *NO} and seen != {""}


def from_indicators(columns: Mapping[str, Sequence[Column]], threshold: float | None = None) -> Labels:
    """Labels that have a column each.

    Args:
        columns: by label its column in each file, each value 0 or 1 or a word for that.
        threshold: in place of that, the number from which on a label holds.

    Returns:
        The labels, in the order of the columns.

    Raises:
        DataError: if there is a threshold, and a value that is no number.
    """
    rows = [
        np.flatnonzero(
            np.concatenate([_flags(column) if threshold is None else numbers_of(name, column) >= threshold for column in some])
        )
        for name, some in columns.items()
    ]
    size = sum(map(len, next(iter(columns.values()))))
    where = np.concatenate(rows)
    order = np.argsort(where, kind="stable")
    positions = np.repeat(np.arange(len(rows), dtype=np.int32), [len(some) for some in rows])[order]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(where, minlength=size))])
    return Labels(tuple(columns), positions, starts, f"a column a label ({len(columns)})")


def numbers_of(name: str, column: Column) -> NDArray[np.float64]:
    """A column as numbers.

    Args:
        name: its name, for messages.
        column: the column.

    Returns:
        Its values, [N]; what is missing is no number, which is below every threshold.

    Raises:
        DataError: if a value is something else.
    """
    values, codes = column.categories()
    found = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        text = str(value).strip().lower()
        if value is None or text in ("", "none"):
            continue
        try:
            found[place] = float(text)
        except ValueError as error:
            raise DataError(
                f"{value!r} is no number", f"column {name}", "a score is a number such as 0.479; or leave it empty"
            ) from error
    return np.asarray(found[codes], dtype=np.float64)


def _flags(column: Column) -> NDArray[np.bool_]:
    values, codes = column.categories()
    flags = np.array([str(value).strip().lower() in YES for value in values], dtype=np.bool_)
    return np.asarray(flags[codes], dtype=np.bool_)


def from_column(name: str, columns: Sequence[Column], separator: str | None = None) -> Labels:
    """Labels that stand in one column.

    Args:
        name: its name, for messages.
        columns: it in each file: a name, a number, a list, a JSON list as text, or names with a separator between them.
        separator: what separates names; None means that it is found out.

    Returns:
        The labels; numbers in their order, names in alphabetical order.

    Raises:
        DataError: if a name is written as a text here and as a number there.
    """
    values, codes = _together(columns)
    parts, form = _parts(values, separator)
    kinds = {(name_of(part), isinstance(part, str)) for row in parts for part in row}
    both = sorted({found for found, is_text in kinds if is_text} & {found for found, is_text in kinds if not is_text})
    if both:
        raise DataError(
            f"the label {both[0]!r} is a text in some rows and a number in others",
            f"column {name}",
            "write it one way: two labels must not look alike",
        )
    names = sorted({found for found, _ in kinds}, key=_order)
    place = {found: number for number, found in enumerate(names)}
    sets = [sorted({place[name_of(part)] for part in row}) for row in parts]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(some) for some in sets], dtype=np.int64)])
    positions = np.array([position for some in sets for position in some], dtype=np.int32)
    return Labels(tuple(names), positions, starts, form).of(codes)


def _together(columns: Sequence[Column]) -> tuple[list[Any], NDArray[np.int64]]:
    """The different values of a column in several files, and the place of each row's value."""
    values: list[Any] = []
    known: dict[str, int] = {}
    codes = []
    for column in columns:
        found, own = column.categories()
        places = [known.setdefault(encoded(value), len(known)) for value in found]
        values += [value for value, number in zip(found, places, strict=True) if number >= len(values)]
        codes.append(np.array(places, dtype=np.int64)[own] if places else own.astype(np.int64))
    return values, np.concatenate(codes)


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
