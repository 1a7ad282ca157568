"""Facts for `data list` and `data show`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bakeoff.data.facts import describe_dataset, list_datasets
from bakeoff.data.importing import import_dataset
from bakeoff.records.paths import Home


@pytest.fixture
def described(home: Home, raw: Path, any_size: None) -> dict[str, object]:
    (raw / "train.tsv").write_bytes(b"one two  three\t0\ta1\n\t27\ta2\nsame\t1,2\ta3\nsame\t1\tb1\n\n")
    description = describe_dataset(import_dataset(home, "goemotions", raw), examples=2)
    return dataclasses.asdict(description)


def test_facts_of_a_split(described: dict[str, dict[str, dict[str, object]]]) -> None:
    train = described["splits"]["train"]
    assert train["rows"] == 4
    assert train["label_counts"]["annoyance"] == 0  # type: ignore[index]
    assert train["label_counts"]["amusement"] == 2  # type: ignore[index]
    assert train["labels_per_row"] == 1.25
    assert train["characters"] == {"mean": 5.5, "median": 4.0, "p95": 14.0, "longest": 14}
    assert train["words"] == {"mean": 1.25, "median": 1.0, "p95": 3.0, "longest": 3}
    assert (train["empty_texts"], train["repeated_texts"]) == (1, 1)
    assert train["dropped"] == {"blank line": 1}


def test_facts_of_the_whole(described: dict[str, object]) -> None:
    assert described["ids_in_several_splits"] == 1  # b1 is in dev too
    assert described["terms"] == "Google Research, Apache-2.0"
    examples = described["examples"]
    assert isinstance(examples, list)
    assert [example["id"] for example in examples] == ["a1", "b1"]
    assert examples[0]["labels"] == ["admiration"]
    json.dumps(described)


def test_more_examples_than_rows_are_all_rows(home: Home, raw: Path, any_size: None) -> None:
    dataset = import_dataset(home, "goemotions", raw)
    assert len(describe_dataset(dataset, examples=99).examples) == 3
    assert describe_dataset(dataset, examples=0).examples == []


def test_the_list_stores_nothing(home: Home) -> None:
    entries = {entry.name: entry for entry in list_datasets(home)}
    assert entries["goemotions"].rows == {"train": 43_410, "validation": 5_426, "test": 5_427}
    assert (entries["goemotions"].source, entries["goemotions"].fingerprint) == ("hub", "")
    assert entries["demo"].source == "packaged"
    assert not home.datasets.exists()


def test_the_list_says_what_is_stored_and_what_is_torn(home: Home, raw: Path, any_size: None) -> None:
    dataset = import_dataset(home, "goemotions", raw)
    (entry,) = [entry for entry in list_datasets(home) if entry.name == "goemotions"]
    assert (entry.fingerprint, entry.rows, entry.problem) == (
        dataset.fingerprint,
        {"train": 3, "validation": 1, "test": 1},
        "",
    )
    (dataset.folder / "test.ids.i64").unlink()
    (entry,) = [entry for entry in list_datasets(home) if entry.name == "goemotions"]
    assert "missing" in entry.problem
