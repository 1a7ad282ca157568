"""A dataset from the hub: fetched at its pinned commit, verified, imported; a second time without the network."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest

from bakeoff.catalog import registry
from bakeoff.data.importing import fetch_dataset
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
