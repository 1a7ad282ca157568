"""Rows about the runner alone, the first half, small: the same code that `make soak` runs at the sizes of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.context import Row
from soak_parts import FIRST, check, name_of


@pytest.mark.parametrize("row", FIRST, ids=name_of)
def test_row_holds(row: Row, tmp_path: Path) -> None:
    check(row, tmp_path)
