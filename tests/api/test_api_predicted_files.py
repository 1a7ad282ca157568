"""Rows of files and pipes: every row once, in order, with its columns; and where they are malformed, the line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faking
from bakeoff.api import predicted_files, predicting
from bakeoff.api.predicted_files import FileOptions, predict_file, predict_path
from bakeoff.errors import BakeoffError, DataError
from faking import LABELS, Fake
from payloads import PAYLOADS


def answered(content: str | bytes, **options: Any) -> str:
    sink = io.StringIO()
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    predict_file(Fake(), io.BufferedReader(io.BytesIO(data)), sink, None, FileOptions(**options))  # type: ignore[arg-type]
    return sink.getvalue()


@pytest.mark.parametrize("block", [1, 3, 4096])
def test_json_lines_keep_their_keys_and_their_order(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(predicted_files, "BLOCK_ROWS", block)
    rows = [{"id": n, "text": "x" * n, "nested": {"a": [n]}} for n in range(1, 9)]
    out = answered("\n".join(json.dumps(row) for row in rows) + "\n\n")
    found = [json.loads(line) for line in out.splitlines()]
    assert [{key: row[key] for key in ("id", "text", "nested")} for row in found] == rows
    assert [row["prediction"] for row in found] == [[LABELS[n % 2]] for n in range(1, 9)]
    assert [row["scores"]["short"] for row in found] == [n / 1000 for n in range(1, 9)]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"]))
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=60)
def test_csv_comes_back_as_it_was(rows: list[tuple[str, str]]) -> None:
    given_ = io.StringIO()
    writer = csv.writer(given_)
    writer.writerows([("text", "note"), *rows])
    try:
        expected = list(csv.reader(io.StringIO(given_.getvalue(), newline=""), strict=True))[1:]
    except csv.Error:
        return
    out = answered(given_.getvalue(), form="csv")
    found = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [(row["text"], row["note"]) for row in found] == [tuple(row) for row in expected]
    assert [row["prediction"] for row in found] == [LABELS[len(row[0]) % 2] for row in expected]


CALLS = ("=1+1", "@SUM(1+1)*cmd|' /C calc'!A0", "-cmd", "+1 apple", "\tx", "\rx", "\nx", "\uff1d1+1", *PAYLOADS)
"""Cells that a spreadsheet would run, and what a page would."""
SAFE = ("-5", "+3.5", "-1e3", "plain", "'=1+1")


def table_of(cells: tuple[str, ...], header: tuple[str, str] = ("text", "note")) -> str:
    sheet = io.StringIO()
    csv.writer(sheet).writerows([header, *((cell, cell) for cell in cells)])
    return sheet.getvalue()


def read_table(content: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("to", ["csv", "tsv", "jsonl"])
def test_what_a_spreadsheet_would_run_comes_back_as_it_was(to: str) -> None:
    cells, notes = (*CALLS, *SAFE), list[str]()
    out = answered(table_of(cells, ("text", "=note")), form="csv", to=to, noted=notes.append)
    lines = out.splitlines() if to == "jsonl" else []
    found = [json.loads(line) for line in lines] or read_table(out, "\t" if to == "tsv" else ",")
    assert [(row["text"], row["=note"]) for row in found] == [(cell, cell) for cell in cells]
    risky = sum(cell.startswith(predicted_files.FORMULA) for cell in CALLS)
    assert [note.split(" cells")[0] for note in notes] == ([] if to == "jsonl" else [str(2 * risky + 1)])


def test_what_a_spreadsheet_would_run_is_text_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faking, "LABELS", ["=HYPERLINK(1)", "-", "a", "b"])
    notes: list[str] = []
    out = answered(table_of((*CALLS, *SAFE)), form="csv", escape_formulas=True, noted=notes.append)
    found = read_table(out)
    for row, cell in zip(found, (*CALLS, *SAFE), strict=True):
        risky = cell in CALLS and cell.startswith(predicted_files.FORMULA)
        assert row["text"] == row["note"] == (f"'{cell}" if risky else cell)
        assert row["prediction"] in ("'=HYPERLINK(1)", "'-")
    assert notes == []


def test_labels_are_written_as_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """`bakeoff compare` knows them by these names."""
    monkeypatch.setattr(faking, "LABELS", ["-", "+", "a", "b"])
    found = read_table(answered(table_of(("ab", "abc")), form="csv"))
    assert [row["prediction"] for row in found] == ["-", "+"]


def test_questions_get_their_answer() -> None:
    sink = io.StringIO()
    content = b'{"question": "who?", "context": "Ada wrote it"}\n'
    predict_file(Fake("qa", True), io.BufferedReader(io.BytesIO(content)), sink)  # type: ignore[arg-type]
    assert json.loads(sink.getvalue()) == {
        "question": "who?",
        "context": "Ada wrote it",
        "prediction": "Ada",
        "scores": {"answer": 1.5},
    }


def test_a_text_a_line() -> None:
    found = [json.loads(line) for line in answered(b'one\r\n\nthree, "quoted"\n').splitlines()]
    assert [row["text"] for row in found] == ["one", 'three, "quoted"']


def test_lone_surrogates_survive() -> None:
    (found,) = answered('{"text": "a \\ud800 b"}').splitlines()
    assert json.loads(found)["text"] == "a \ud800 b"


@pytest.mark.parametrize(
    ("content", "form", "message", "where"),
    [
        ('{"text": "a"}\n{"text": 5}\n', "", "text is no text", "standard input:2"),
        ('{"text": "a"}\n{"other": ""}\n', "", "column 'text' is missing", "standard input:2"),
        ('{"text": "a"}\n[1]\n', "", "not a JSON object", "standard input:2"),
        ('{"text": "a"}\n{"text": \n', "", "not JSON", "standard input:2"),
        ("text,b\n1,2\n3\n", "csv", "1 fields; the header has 2", "standard input:3"),
        ("text,text\n1,2\n", "csv", "same name", "standard input:1"),
        ('text,b\n"1,2\n', "csv", "no such text", "standard input:2"),
        ("", "csv", "empty", "standard input"),
        ("a,b\n1,2\n", "csv", "no column looks like the text", "standard input"),
        ('{"prediction": 1, "text": "a"}\n', "", "column called prediction", ""),
        (b"text\n\xff\n", "csv", "not UTF-8", "standard input:2"),
        (b'{"text": "a"}\n\xff\n', "", "not UTF-8", "standard input:2"),
        ("x", "xml", "no format", "--format"),
    ],
)
def test_what_is_malformed_is_named(content: str | bytes, form: str, message: str, where: str) -> None:
    with pytest.raises(BakeoffError, match=message) as caught:
        answered(content, form=form)
    assert caught.value.where == where
    assert caught.value.remedy


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "rows.csv", tmp_path / "out.jsonl"
    source.write_text("text\nab\nabc\n")
    told: list[tuple[int, int]] = []
    assert predict_path(Fake(), source, target, told=lambda rows, read: told.append((rows, read))) == 2
    assert [json.loads(line)["prediction"] for line in target.read_text().splitlines()] == [["short"], ["long"]]
    assert told == [(2, source.stat().st_size)]
    source.write_text("text\nab\nabc,too,many\n")
    before = target.read_text()
    with pytest.raises(DataError, match="3 fields"):
        predict_path(Fake(), source, target)
    assert target.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "rows.csv"]
    with pytest.raises(DataError, match="cannot be read"):
        predict_path(Fake(), tmp_path / "gone.csv", target)
    with pytest.raises(DataError, match=r"end in \.xyz"):
        predict_path(Fake(), _with(tmp_path / "a.xyz"), target)


def _with(path: Path) -> Path:
    path.write_text("x")
    return path


def test_nothing_in_nothing_out() -> None:
    assert answered("") == ""
    assert predicting.BLOCK_ROWS > 1000
