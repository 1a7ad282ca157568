"""Datasets from the hub: fetched at their pinned commit, verified, imported; a second time without the network."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.catalog import registry
from bakeoff.data.dataset import Dataset
from bakeoff.data.importing import fetch_dataset, import_dataset
from bakeoff.data.store import find_dataset
from bakeoff.errors import DataError, DownloadError
from bakeoff.records.paths import Home


def parquet(rows: list[tuple[str, list[int], str]]) -> bytes:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    texts, labels, ids = zip(*rows, strict=True)
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts), "labels": list(labels), "id": list(ids)}), sink)
    return sink.getvalue()


@pytest.fixture
def published(hub: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    card = registry.dataset("goemotions")
    assert card.hub is not None
    files = {
        path: parquet([(f"{split} {n}", [n % 28, 27] if n % 28 != 27 else [27], f"{split}{n}") for n in range(30)])
        for split, path in card.hub.files.items()
    }
    hub.add("dataset", card.hub.repository, files, commit=card.hub.revision)
    small = dataclasses.replace(card, expected=dict.fromkeys(card.hub.files, 30))
    monkeypatch.setitem(registry.cards("dataset"), "goemotions", small)
    return files


def test_fetched_imported_and_kept(hub: Any, home: Home, published: dict[str, bytes]) -> None:
    dataset = fetch_dataset(home, "goemotions")
    assert dataset.texts("test")[3] == "test 3"
    assert dataset.targets("train").sum() == 59
    assert find_dataset(home, "goemotions").fingerprint == dataset.fingerprint
    asked = len(hub.asked)
    assert fetch_dataset(home, "goemotions").fingerprint == dataset.fingerprint
    assert len(hub.asked) == asked
    assert {key.rpartition("/")[2] for key in dataset.card["sources"]} == {path.rpartition("/")[2] for path in published}


def test_a_raw_file_that_rotted_is_fetched_again(hub: Any, home: Home, published: dict[str, bytes]) -> None:
    dataset = fetch_dataset(home, "goemotions")
    (raw,) = (home.datasets / ".raw" / "goemotions").rglob("test-*.parquet")
    raw.write_bytes(raw.read_bytes()[:-1])
    assert fetch_dataset(home, "goemotions").fingerprint == dataset.fingerprint
    assert hub.fetched().count("simplified/test-00000-of-00001.parquet") == 2


def test_half_a_dataset_is_never_taken(hub: Any, home: Home, published: dict[str, bytes]) -> None:
    hub.failures.clear()
    hub.fails("/store/.*test", 500)
    with pytest.raises(DownloadError, match="500"):
        fetch_dataset(home, "goemotions")
    with pytest.raises(DataError, match="is not here") as caught:
        find_dataset(home, "goemotions")
    assert "bakeoff data import goemotions" in caught.value.remedy and "bakeoff fetch" in caught.value.remedy


def test_a_packaged_dataset_needs_no_hub(hub: Any, home: Home) -> None:
    assert fetch_dataset(home, "demo").name == "demo"
    assert hub.asked == []


def test_a_dataset_that_is_not_on_the_hub_says_so(hub: Any, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(registry.dataset("goemotions"), name="mine", hub=None)
    monkeypatch.setitem(registry.cards("dataset"), "mine", card)
    with pytest.raises(DataError, match="not on the hub") as caught:
        fetch_dataset(home, "mine")
    assert "bakeoff data import mine FOLDER" in caught.value.remedy


def columns_of(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> bytes:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), sink)
    return sink.getvalue()


def publish(hub: Any, monkeypatch: pytest.MonkeyPatch, name: str, parts: dict[str, bytes], published: dict[str, int]) -> None:
    card = registry.dataset(name)
    assert card.hub is not None and card.hub.files.keys() == parts.keys()
    hub.add("dataset", card.hub.repository, {card.hub.files[part]: parts[part] for part in parts}, commit=card.hub.revision)
    monkeypatch.setitem(registry.cards("dataset"), name, dataclasses.replace(card, expected={}, published=published))


def contents(dataset: Dataset) -> list[Any]:
    parts = (
        dataset.ids,
        dataset.texts,
        dataset.targets,
        dataset.answers,
        *([dataset.seconds] if dataset.has("seconds") else []),
    )
    return [[np.asarray(part(split), dtype=object).tolist() for part in parts] for split in dataset.splits]


PAIRS = [(f'premise {n // 2} says "so"', f"hypothesis {n}", n % 2, n) for n in range(40)]
PHRASES = [(f"phrase {n} ", n % 2) for n in range(40)]
COMMITTED = ("mrpc", "rte", "sst2", "squad_v2")


@pytest.mark.parametrize("name", COMMITTED)
def test_every_card_names_a_commit_and_files_of_its_published_splits(name: str) -> None:
    card = registry.dataset(name)
    assert card.hub is not None
    assert len(card.hub.revision) == 40
    assert card.hub.files.keys() <= card.published.keys()
    assert set(card.metrics) <= set(registry.metrics_of(card.task))
    if card.expected:
        assert sum(card.expected.values()) == sum(card.published[split] for split in card.hub.files)


@pytest.mark.parametrize("name", ["rte", "sst2"])
def test_the_hubs_rows_are_those_of_the_published_tables(
    hub: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    rows, columns = (PAIRS, ("sentence1", "sentence2", "label", "idx")) if name == "rte" else (PHRASES, ("sentence", "label"))
    parts = {"train": columns_of(columns, rows), "validation": columns_of(columns, rows[:10])}
    publish(hub, monkeypatch, name, parts, {"train": 40, "validation": 10, "test": 99})
    fetched = fetch_dataset(home, name)
    for file, some in (("train.tsv", rows), ("dev.tsv", rows[:10])):
        lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in some)]
        (tmp_path / file).write_text("\n".join(lines) + "\n")
    read = import_dataset(Home(tmp_path / "other home"), name, tmp_path)
    assert contents(fetched) == contents(read)
    assert fetched.fingerprint == read.fingerprint


def test_mrpc_of_the_hub_reports_on_the_published_development_set(
    hub: Any, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ("sentence1", "sentence2", "label", "idx")
    held = [(f"held {n}", f"out {n}", n % 2, n + 100) for n in range(9)] + [('premise 0 says "so"', "new", 0, 300)]
    publish(
        hub, monkeypatch, "mrpc", {"train": columns_of(columns, PAIRS), "validation": columns_of(columns, held)},
        {"train": 40, "validation": 10},
    )  # fmt: skip
    dataset = fetch_dataset(home, "mrpc")
    assert {split: dataset.size(split) for split in dataset.splits} == {"train": 30, "validation": 10, "test": 10}
    assert sorted(dataset.seconds("test")) == sorted(row[1] for row in held)
    groups = {split: set(dataset.groups(split)) for split in dataset.splits}
    assert not groups["train"] & groups["validation"]
    assert len(groups["test"]) == 10
    assert len(groups["test"] & (groups["train"] | groups["validation"])) == 1


def test_questions_of_the_hub_are_those_of_the_published_files(
    hub: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = "Ünïcode 𝔘 rain falls in Spain."
    known = {"text": ["Spain"], "answer_start": [context.index("Spain")]}
    none: dict[str, list[Any]] = {"text": [], "answer_start": []}
    parts = {
        part: [
            (f"{part}-{n}-{kind}", f"article {part} {n}", context, f"Where {n}?", answers)
            for n in range(count)
            for kind, answers in (("a", known), ("b", none))
        ]
        for part, count in (("train", 20), ("validation", 3))
    }
    names = ("id", "title", "context", "question", "answers")
    publish(
        hub,
        monkeypatch,
        "squad_v2",
        {part: columns_of(names, rows) for part, rows in parts.items()},
        {"train": 40, "validation": 6},
    )
    fetched = fetch_dataset(home, "squad_v2")
    for part, file in (("train", "train-v2.0.json"), ("validation", "dev-v2.0.json")):
        articles = [
            {
                "title": title,
                "paragraphs": [
                    {
                        "context": text,
                        "qas": [
                            {
                                "id": row_id,
                                "question": question,
                                "is_impossible": not answers["text"],
                                "answers": [{"text": t, "answer_start": s} for t, s in zip(*answers.values(), strict=True)],
                            }
                        ],
                    }
                ],
            }
            for row_id, title, text, question, answers in parts[part]
        ]
        (tmp_path / file).write_text(json.dumps({"version": "v2.0", "data": articles}))
    read = import_dataset(Home(tmp_path / "other home"), "squad_v2", tmp_path)
    assert contents(fetched) == contents(read)
    assert fetched.fingerprint == read.fingerprint
    assert {answer.text for answers in fetched.answers("test") for answer in answers} == {"Spain"}


@pytest.mark.parametrize(
    ("name", "columns", "row", "problem"),
    [
        ("rte", ("sentence1", "sentence2", "label", "idx"), ("a", None, 1, 0), "sentence2 is None"),
        ("rte", ("sentence1", "sentence2", "label", "idx"), ("a", "b", -1, 0), "the label is -1"),
        ("sst2", ("sentence",), ("a",), "the column label is missing"),
        ("squad_v2", ("id", "title", "context", "question", "answers"), ("i", "t", "c", None, None), "a text is null"),
        ("squad_v2", ("id", "title", "context", "question", "answers"), ("i", "t", "c", "q", None), "the answers are None"),
    ],
)
def test_what_is_malformed_is_named(
    tmp_path: Path, name: str, columns: tuple[str, ...], row: tuple[Any, ...], problem: str
) -> None:
    for part in ("train", "validation"):
        (tmp_path / f"{part}-00000-of-00001.parquet").write_bytes(columns_of(columns, [row]))
    with pytest.raises(DataError, match=problem):
        registry.dataset(name).load()(tmp_path)


def test_a_mirror_that_has_other_rows_is_refused(hub: Any, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"train": columns_of(("sentence", "label"), PHRASES), "validation": columns_of(("sentence", "label"), PHRASES[:10])}
    publish(hub, monkeypatch, "sst2", parts, {"train": 41, "validation": 10, "test": 99})
    with pytest.raises(DataError, match="50 rows in all, not 41 of train and 10 of validation"):
        fetch_dataset(home, "sst2")
