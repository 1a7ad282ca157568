"""Twelve strange files, as people have them: each imports as its owner would expect, or ends with what to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bakeoff.data.own import import_own
from bakeoff.errors import DataError
from bakeoff.records.paths import Home

MANY = 30_000
FAMILY, FLAG = "👩\u200d👩\u200d👧", "🏳️\u200d🌈"


class Strange(NamedTuple):
    """A file, and what is expected: examples, labels, kind and something that is said; or an error and its remedy."""

    name: str
    content: Callable[[], bytes]
    rows: int = 0
    labels: tuple[str, ...] | int = ()
    kind: str = ""
    said: str = ""
    problem: str = ""
    remedy: str = ""


def table(head: str, rows: int, row: Callable[[int], str], encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: "\n".join([head, *map(row, range(rows))]).encode(encoding)


def records(rows: int, record: Callable[[int], object]) -> Callable[[], bytes]:
    return lambda: "\n".join(json.dumps(record(i)) for i in range(rows)).encode()


def is_single(labels: tuple[str, ...] | int, said: str = "", rows: int = 60) -> tuple[int, tuple[str, ...] | int, str, str]:
    return rows, labels, "single-label", said


def is_multi(labels: tuple[str, ...], said: str, rows: int = 60) -> tuple[int, tuple[str, ...], str, str]:
    return rows, labels, "multilabel", said


FILES = {
    "semicolons": Strange(
        "x.csv",
        table("Text;Label", 60, lambda i: f"Zeile {i}, und noch etwas;{'ja' if i % 2 else 'nein'}"),
        *is_single(("ja", "nein"), "fields separated by semicolons"),
    ),
    "byte-order mark": Strange(
        "x.csv",
        table("text,label", 60, lambda i: f"row {i},{'ab'[i % 2]}", "utf-8-sig"),
        *is_single(("a", "b"), "the column 'text'"),
    ),
    "UTF-16": Strange(
        "x.tsv",
        table("text\tlabel", 60, lambda i: f"строка {i} 😀\t{'ab'[i % 2]}", "utf-16"),
        *is_single(("a", "b"), "separated by tabs, UTF-16"),
    ),
    "ragged rows": Strange(
        "x.csv",
        table("text,label", 60, lambda i: f"row {i}, unquoted,a" if i % 20 == 7 else f"row {i},a"),
        problem=r"3 rows are malformed:\n  x\.csv:9: 3 fields; expected 2: text, label",
        remedy="quote a field that holds the separator",
    ),
    "missing keys": Strange(
        "x.jsonl",
        records(60, lambda i: {"text": f"row {i}"} | ({"labels": ["a", "b"][: 1 + i % 2]} if i % 3 else {})),
        *is_multi(("a", "b"), "of 60 rows 20 have several labels and 20 have none"),
    ),
    "a|b": Strange(
        "x.csv",
        table("text,labels", 60, lambda i: f"row {i},{('joy|fear', 'anger', 'fear|anger|joy')[i % 3]}"),
        *is_multi(("anger", "fear", "joy"), "names separated by '|'"),
    ),
    "0/1 columns": Strange(
        "x.csv",
        table("text,joy,fear,anger", 60, lambda i: f"row {i},{i % 2},{int(i % 3 == 0)},{int(i % 5 == 0)}"),
        *is_multi(("joy", "fear", "anger"), "a column a label (3)"),
    ),
    "emoji labels": Strange(
        "x.csv",
        table("text,label", 60, lambda i: f"row {i},{('😀', FAMILY, FLAG)[i % 3]}"),
        *is_single(("😀", FAMILY, FLAG)),
    ),
    "nested lists": Strange(
        "x.jsonl",
        records(60, lambda i: {"text": f"row {i}", "labels": [["a"], ["b", ["c"]]] if i % 2 else [[]]}),
        *is_multi(("a", "b", "c"), "lists"),
    ),
    "1,000 labels": Strange(
        "x.csv",
        table("text,label", 4_000, lambda i: f"row number {i},label {i % 1_000}"),
        *is_single(1_000, "and 992 more", 4_000),
    ),
    "very many rows": Strange(
        "x.csv",
        table("id,text,label", MANY, lambda i: f"{i},some few words of number {i * 7919},{'ab'[i % 2]}"),
        *is_single(("a", "b"), f"x.csv: {MANY:,} rows", MANY),
    ),
    "one row": Strange(
        "x.csv",
        table("text,label", 1, lambda _: "just this one,a"),
        problem="too few rows for the split",
        remedy="give more rows, or a folder with train.csv, validation.csv and test.csv",
    ),
}


@pytest.mark.parametrize("case", FILES.values(), ids=list(FILES))
def test_a_strange_file(tmp_path: Path, case: Strange) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content())
    home = Home(tmp_path / "home")
    if case.problem:
        with pytest.raises(DataError, match=case.problem) as caught:
            import_own(home, "mine", path)
        assert case.remedy in caught.value.remedy
        assert str(path) in caught.value.where
        return
    dataset, understood = import_own(home, "mine", path)
    assert (sum(dataset.sizes.values()), understood.kind) == (case.rows, case.kind)
    assert len(dataset.labels) == case.labels if isinstance(case.labels, int) else set(dataset.labels) == set(case.labels)
    assert case.said in "\n".join(understood.lines)
    sizes = [dataset.size(split) / case.rows for split in ("train", "validation", "test")]
    assert sizes == pytest.approx([0.8, 0.1, 0.1], abs=0.05)  # of labels with four rows each, one cannot be a tenth
