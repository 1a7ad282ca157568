"""Columns: what is put in comes out, whether a column has few values or many, short ones or long."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import columns
from bakeoff.data.columns import Column, decoded, encoded

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.text("a\0jé\ud800 ", max_size=4),
    st.lists(st.text("ab", max_size=2), max_size=2),
)


def made(values: list[Any], batch: int = 3) -> Column:
    column = Column()
    for first in range(0, len(values), batch):
        column.extend(values[first : first + batch])
    return column


@given(st.lists(VALUES, max_size=12), st.integers(0, 6), st.integers(1, 20))
def test_values_survive(values: list[Any], few: int, read: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "FEW", few or 1)
        patch.setattr(columns, "READ", read)
        column = made(values)
        assert list(column) == values
        assert list(column.shown()) == ["" if value is None else str(value) for value in values]
        assert column.blank().tolist() == [not text.strip() for text in column.shown()]
        stored = [
            block[a:b].decode("utf-8", "surrogatepass")
            for block, starts in column.shown_blocks()
            for a, b in itertools.pairwise(starts.tolist())
        ]
        assert stored == list(column.shown())
        assert column.different() == len(set(stored))
        found, codes = column.categories()
        assert [found[code] for code in codes] == values
        hashes = column.hashes()
        assert all((hashes[i] == hashes[j]) == (stored[i] == stored[j]) for i in range(len(stored)) for j in range(len(stored)))


@given(VALUES)
def test_no_two_values_look_alike(value: Any) -> None:
    assert decoded(encoded(value)) == value
    assert isinstance(value, str) or encoded(value).startswith("\0")


def test_many_values_lie_in_a_file_and_a_long_one_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "KEPT_IN_MEMORY", 1000)
    column = Column(tmp_path)
    column.extend(["a", "b"])
    assert column.few == ["a", "b"]
    column.append_long(bytearray(b"x" * 5000))
    column.append_long(b"\0j")
    column.extend([f"text {n}" for n in range(9000)])
    assert column.few is None
    assert len(column) == 9004
    assert list(itertools.islice(column, 4)) == ["a", "b", "x" * 5000, "\0j"]
    assert column.size == sum(len(text.encode()) for text in column.shown()) + 2
    assert np.count_nonzero(column.blank()) == 0
    assert list(tmp_path.iterdir()) == []  # the file has no name: nothing is left of a process that is killed
