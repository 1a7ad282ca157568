"""Delimited text in blocks: the same records as Python's `csv`, wherever a block ends."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import scanning
from bakeoff.data.scanning import Malformed, Scanner, text_blocks, text_lines
from bakeoff.errors import DataError

Records = list[tuple[int, list[str]]] | str


def by_csv(text: str) -> Records:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, fields) for fields in reader if fields]
    except csv.Error:
        return "malformed"


def by_blocks(text: str, size: int) -> Records:
    scanner = Scanner(",", quoting=True)
    found = []
    try:
        for first in range(0, len(text), size):
            found += scanner.feed(text[first : first + size])
        found += scanner.finish()
    except Malformed:
        return "malformed"
    return [(record.line, [str(field) for field in record.fields]) for record in found]


@given(st.text('ab",\n\r', max_size=24), st.integers(1, 30))
def test_records_are_those_of_csv(text: str, size: int) -> None:
    assert by_blocks(text, size) == by_csv(text)


@given(st.lists(st.lists(st.text('aé",\n\r😀', max_size=6), min_size=2, max_size=2), max_size=6), st.integers(1, 9))
def test_what_csv_writes_is_read_back(rows: list[list[str]], size: int) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    found = by_blocks(stream.getvalue(), size)
    assert isinstance(found, list)
    assert [fields for _, fields in found] == rows


@pytest.mark.parametrize("quoted", [True, False])
def test_a_huge_field_comes_as_bytes(monkeypatch: pytest.MonkeyPatch, quoted: bool) -> None:
    monkeypatch.setattr(scanning, "LONG_FIELD", 10)
    text = "é" * 30
    scanner = Scanner(",", quoting=True)
    found = [*scanner.feed("a,"), *scanner.feed(f'"{text}"' if quoted else text), *scanner.feed(",b\n")]
    assert [record.fields for record in found] == [["a", bytearray(text.encode()), "b"]]


def test_without_quoting_a_mark_is_text() -> None:
    scanner = Scanner("\t", quoting=False)
    assert [record.fields for record in scanner.feed('"a\tb"c\n')] == [['"a', 'b"c']]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_blocks_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(scanning, "BLOCK", 3)
    text = "é😀x\nzwei\u2028Zeilen\r\n\n-"
    path = tmp_path / "x.txt"
    path.write_bytes(text.encode(encoding))
    assert "".join(text_blocks(path)) == text
    assert [line for some in text_lines(text_blocks(path)) for line in some] == text.split("\n")


def test_what_is_not_utf_8_is_told_with_line_and_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "BLOCK", 4)
    path = tmp_path / "x.txt"
    path.write_bytes(b"one\ntwo\nthr\xff\n")
    with pytest.raises(DataError, match="line 3: byte 12 is not UTF-8"):
        list(text_blocks(path))
