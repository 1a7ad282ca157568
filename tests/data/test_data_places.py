"""Data that are no file on this machine: addresses, the hub's folders, tables in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff import api
from bakeoff.data.own import import_files, import_own
from bakeoff.data.snapshots import local_copy, shown
from bakeoff.errors import DataError
from bakeoff.records.paths import Home
from bakeoff.study.shape import Columns as StudyColumns

CSV = "text,label\n" + "".join(f"words of row {i},{'ab'[i % 2]}\n" for i in range(40))


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def test_what_is_at_an_address_is_taken_over_once_and_hashed(home: Home, memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/bucket/mine.csv", CSV.encode())
    dataset, said = import_own(home, "mine", "memory://bucket/mine.csv")
    assert (sum(dataset.sizes.values()), said.lines[0]) == (40, "mine.csv: 40 rows, fields separated by commas, UTF-8")
    memory.pipe("/bucket/mine.csv", CSV.replace("row 3,", "row three,").encode())
    import_files(home, {"mine": ("memory://bucket/mine.csv", StudyColumns())})
    again, _ = import_own(home, "mine", "memory://bucket/mine.csv", fresh=False)
    assert again.fingerprint == dataset.fingerprint, "a study keeps the data that it began with"
    assert import_own(home, "mine", "memory://bucket/mine.csv")[0].fingerprint != dataset.fingerprint


def test_a_torn_snapshot_is_taken_over_again(home: Home, memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/bucket/mine.csv", CSV.encode())
    path = local_copy(home, "memory://bucket/mine.csv")
    path.write_text("torn")
    assert local_copy(home, "memory://bucket/mine.csv").read_text() == CSV


def test_a_folder_at_an_address(home: Home, memory: fsspec.AbstractFileSystem) -> None:
    for split in ("train", "test"):
        memory.pipe(f"/bucket/data/{split}.csv", CSV.encode())
    memory.pipe("/bucket/data/README.md", b"not data")
    dataset, _ = import_own(home, "mine", "memory://bucket/data")
    assert dataset.sizes == {"train": 36, "validation": 4, "test": 40}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://bucket/nothing.csv", "cannot be read"),
        ("nosuch://bucket/x.csv", "no such kind of address"),
        ("file:///nowhere/at/all.csv", "No such file"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_remedy(home: Home, address: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        import_own(home, "mine", address)
    assert caught.value.remedy
    assert not list((home.datasets / ".snapshots").glob("*/snapshot.json"))


def test_no_secret_of_an_address_is_shown() -> None:
    assert shown("https://me:secret@host/x.csv?token=secret#secret") == "https://host/x.csv"


def test_a_folder_as_the_hub_has_them(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "data"
    folder.mkdir(parents=True)
    label = {"names": ["sad", "glad"], "_type": "ClassLabel"}
    info = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "label": label}}}
    for name, first in (("train-00000-of-00002", 0), ("train-00001-of-00002", 20), ("test-00000-of-00001", 40)):
        rows = range(first, first + 20)
        table = pa.table({"text": [f"words of row {i}" for i in rows], "label": [i % 2 for i in rows]})
        pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), folder / f"{name}.parquet")
    dataset, said = import_own(home, "mine", tmp_path / "mine")
    assert dataset.labels == ("glad", "sad")
    assert dataset.sizes == {"train": 36, "validation": 4, "test": 20}
    assert said.lines[0] == "train: 40 rows, 2 files, Parquet"
    assert dataset.ids("test")[0] == "row-1"


def test_a_data_frame(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEOFF_HOME", str(home.root))
    frame = pd.DataFrame({"said": [f"words of row {i}" for i in range(39)] + [None], "joy": [1, 0] * 20, "fear": [0, 1] * 20})
    found = api.import_data(frame, "mine", text="said", labels=["joy", "fear"])
    assert (found.kind, found.labels, sum(found.rows.values())) == ("single-label", ("joy", "fear"), 39)
    assert "left out: 1 row with no text" in found.understood
    frame["tags"] = [["a", "b"] if i % 2 else ["c"] for i in range(40)]
    assert api.import_data(frame, "other", text="said", labels="tags").labels == ("a", "b", "c")
    mixed = pd.DataFrame({"text": ["x y", "z"] * 20, "label": pd.Series([1, None] * 20, dtype="Int64")})
    assert api.import_data(mixed, "third", text="text", labels="label").labels == ("1",)
    with pytest.raises(DataError, match="two columns are called 'a'"):
        api.import_data(pd.DataFrame([[1, 2]], columns=["a", "a"]), "fourth")
