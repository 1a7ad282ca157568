"""Which test file tries which rows: a file's tests stay in one process, and there are two or more."""

from __future__ import annotations

from pathlib import Path

from soak.context import Context, Row
from soak.table import ROWS

REAL = [row for row in ROWS if row.number in (12, 13, 16, 25, 27, 30)]
"""Rows that train even when they are small; they share one process with the imports."""
OTHERS = [row for row in ROWS if row not in REAL]
FIRST, SECOND = OTHERS[: len(OTHERS) // 2], OTHERS[len(OTHERS) // 2 :]


def name_of(row: Row) -> str:
    """What a test of a row is called."""
    return f"row{row.number}"


def check(row: Row, folder: Path) -> None:
    """Try a row at its small size."""
    result = row.run(Context(folder))
    assert not result.faults, "\n".join(map(str, result.faults))
    assert result.tried
