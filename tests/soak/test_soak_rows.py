"""Each row about the runner alone, small: the same code that `make soak` runs at the sizes of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.context import Context, Row
from soak.table import ROWS

REAL = (12, 13, 16, 25)
"""Rows that train even when they are small; they are in the next file."""


@pytest.mark.parametrize("row", [row for row in ROWS if row.number not in REAL], ids=lambda row: f"row{row.number}")
def test_row_holds(row: Row, tmp_path: Path) -> None:
    result = row.run(Context(tmp_path))
    assert not result.faults
    assert result.tried
