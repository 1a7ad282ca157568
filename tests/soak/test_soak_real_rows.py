"""Each row that needs a training, small. They share one process that has imported what trainings import."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.context import Context, Row
from soak.table import ROWS

REAL = (12, 13, 16, 25)


@pytest.mark.parametrize("row", [row for row in ROWS if row.number in REAL], ids=lambda row: f"row{row.number}")
def test_row_holds(row: Row, tmp_path: Path) -> None:
    result = row.run(Context(tmp_path))
    assert not result.faults
    assert result.tried
