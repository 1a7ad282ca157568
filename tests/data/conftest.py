"""Raw files of a small GoEmotions, as a test wants them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.catalog import registry
from bakeoff.records.paths import Home

RAW = {
    "train.tsv": b"good work\t0\ta1\nso sad\t25,16\ta2\nhm\t27\ta3\n",
    "dev.tsv": b"fine\t4\tb1\n",
    "test.tsv": b"no!\t10\tc1\n",
}


@pytest.fixture
def home(hostile_path: Path) -> Home:
    """A home folder with a hostile name."""
    return Home(hostile_path / "home")


@pytest.fixture
def raw(hostile_path: Path) -> Path:
    """A folder with three small raw files."""
    folder = hostile_path / "raw"
    folder.mkdir()
    for name, content in RAW.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let GoEmotions have any number of rows."""
    card = dataclasses.replace(registry.dataset("goemotions"), expected={})
    monkeypatch.setitem(registry.cards("dataset"), "goemotions", card)


@pytest.fixture
def train_of(raw: Path) -> Callable[[bytes], Path]:
    """Puts content into the train file and returns the folder."""

    def put(content: bytes) -> Path:
        (raw / "train.tsv").write_bytes(content)
        return raw

    return put
