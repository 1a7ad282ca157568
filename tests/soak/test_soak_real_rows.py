"""Each row that needs a training, small. They share one process that has imported what trainings import."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.context import Row
from soak_parts import REAL, check, name_of


@pytest.mark.parametrize("row", REAL, ids=name_of)
def test_row_holds(row: Row, tmp_path: Path) -> None:
    check(row, tmp_path)
