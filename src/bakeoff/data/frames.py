"""A table that is in memory already, such as a pandas DataFrame, as columns."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from bakeoff.data.columns import Column
from bakeoff.data.table import BATCH, Table
from bakeoff.errors import DataError


def table_of(frame: Any, name: str, scratch: Path | None = None) -> Table:
    """Take a table over.

    Args:
        frame: a pandas DataFrame, or another object whose `columns` are names and whose `frame[name]` has `tolist`.
        name: what the data are called.
        scratch: where long columns may lie while they are needed.

    Returns:
        Its columns; what pandas holds for nothing (NaN, NaT, NA) is nothing. Its hash is that of all values, in order.

    Raises:
        DataError: if two columns bear one name, or it has none.
    """
    names = [str(column) for column in frame.columns]
    twice = next((column for column in names if names.count(column) > 1), None)
    if twice is not None or not names:
        problem = f"two columns are called {twice!r}" if names else "there are no columns"
        raise DataError(problem, f"the DataFrame for {name}", "give every column a name of its own")
    digest = hashlib.sha256()
    columns = {}
    for key, column in zip(frame.columns, names, strict=True):
        values = frame[key].tolist()
        made = Column(scratch)
        for first in range(0, len(values), BATCH):
            made.extend([None if _nothing(value) else value for value in values[first : first + BATCH]])
        digest.update(f"{column}\n".encode("utf-8", "surrogatepass"))
        for block, starts in made.blocks():
            digest.update(starts.tobytes() + block)
        columns[column] = made
    rows = len(frame)
    return Table(Path(name), "a DataFrame", columns, range(1, rows + 1), digest.hexdigest())


def _nothing(value: Any) -> bool:
    """Whether a value stands for none: NaN and NaT are not equal to themselves, and pandas' NA is neither."""
    if value is None or isinstance(value, str | list | tuple | dict | bool):
        return value is None
    try:
        return bool(value != value)  # noqa: PLR0124  (that is the point)
    except TypeError:
        return True
