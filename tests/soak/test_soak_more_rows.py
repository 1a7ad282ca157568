"""Rows about the runner alone, the second half, small: the same code that `make soak` runs at the sizes of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.context import Row
from soak_parts import SECOND, check, name_of


@pytest.mark.parametrize("row", SECOND, ids=name_of)
def test_row_holds(row: Row, tmp_path: Path) -> None:
    check(row, tmp_path)
