"""Datasets of the hub that the catalog does not know, by their id: found, verified, laid out by split, kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.data.own import import_files, import_own
from bakeoff.errors import DataError, DownloadError, StudyError
from bakeoff.hub import session
from bakeoff.preflight.beginning import begin, study_text
from bakeoff.records.hub_places import HubPlace, hub_place
from bakeoff.records.paths import Home
from bakeoff.study.loading import load_study
from bakeoff.study.planning import needed_files
from bakeoff.study.shape import Columns as StudyColumns
from fake_hub import FakeHub, forget_the_user

OTHER = "b" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub.utils import close_session

    forget_the_user(tmp_path, monkeypatch)
    monkeypatch.setattr(session.time, "sleep", lambda _: None)
    close_session()
    fake = FakeHub()
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    yield fake
    fake.close()


def parquet(first: int, count: int = 20) -> bytes:
    """Rows with a text and a label by number, its names told as the hub's library does."""
    label = {"names": ["sad", "glad"], "_type": "ClassLabel"}
    info = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "label": label}}}
    rows = range(first, first + count)
    table = pa.table({"text": [f"words of row {i}" for i in rows], "label": [i % 2 for i in rows]})
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), sink)
    return sink.getvalue()


CSV = ("text,label\n" + "".join(f"words of row {i},{'ab'[i % 2]}\n" for i in range(40))).encode()


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("dair-ai/emotion", HubPlace("dair-ai/emotion")),
        ("dair-ai/emotion@v1", HubPlace("dair-ai/emotion", "v1")),
        ("o/n/split@refs/convert/parquet", HubPlace("o/n", "refs/convert/parquet", "split")),
        ("hf://datasets/o/n@refs/convert/parquet/default", HubPlace("o/n", "refs/convert/parquet", "default")),
        ("hf://datasets/o/n/train.csv", HubPlace("o/n", "", "train.csv")),
        ("data/mine.csv", None),
        ("/data/mine", None),
        ("./data/mine", None),
        ("../data", None),
        ("o/../../etc", None),
        ("mine", None),
        ("s3://bucket/mine", None),
    ],
)
def test_what_a_place_is(place: str, found: HubPlace | None) -> None:
    assert hub_place(place) == found


def test_an_id_alone_imports_shards_with_the_names_of_their_labels(home: Home, hub: FakeHub) -> None:
    files = {
        "README.md": b"no head",
        "data/train-00000-of-00002.parquet": parquet(0),
        "data/train-00001-of-00002.parquet": parquet(20),
        "data/test-00000-of-00001.parquet": parquet(40),
        "data/extra.bin": b"x",
        "run.py": b"raise SystemExit('this must never run')",
    }
    hub.add("dataset", "some/mine", files)
    dataset, said = import_own(home, "mine", "some/mine")
    assert (dataset.labels, dataset.sizes) == (("glad", "sad"), {"train": 36, "validation": 4, "test": 20})
    assert said.lines[0] == "train: 40 rows, 2 files, Parquet"
    assert {path for path in hub.fetched() if path.endswith((".py", ".bin"))} == set()


def test_a_study_keeps_the_commit_that_it_began_with_and_needs_no_network_again(home: Home, hub: FakeHub) -> None:
    hub.add("dataset", "some/mine", {"train.csv": CSV})
    first, _ = import_own(home, "mine", "some/mine")
    hub.add("dataset", "some/mine", {"train.csv": CSV.replace(b"row 3,", b"row three,")}, commit=OTHER)
    asked = len(hub.asked)
    import_files(home, {"mine": ("some/mine", StudyColumns())})
    assert import_own(home, "mine", "some/mine", fresh=False)[0].fingerprint == first.fingerprint
    assert len(hub.asked) == asked
    assert import_own(home, "mine", "some/mine")[0].fingerprint != first.fingerprint
    assert import_own(home, "mine", f"some/mine@{'a' * 40}")[0].fingerprint == first.fingerprint


HEAD = """---
configs:
- config_name: split
  default: true
  data_files:
  - {split: train, path: "split/train-*"}
  - {split: validation, path: ["split/validation-*"]}
- config_name: unsplit
  data_files: unsplit/*.csv
---
A page.
"""


def test_the_head_of_the_page_says_which_files_are_meant(home: Home, hub: FakeHub) -> None:
    files = {
        "README.md": HEAD.encode(),
        "split/train-00000.csv": CSV,
        "split/validation-00000.csv": CSV,
        "unsplit/everything.csv": CSV,
    }
    hub.add("dataset", "some/mine", files)
    assert import_own(home, "mine", "some/mine")[0].sizes == {"train": 36, "validation": 40, "test": 4}
    assert sum(import_own(home, "mine", "some/mine/unsplit")[0].sizes.values()) == 40
    assert sum(import_own(home, "mine", "hf://datasets/some/mine/unsplit/everything.csv")[0].sizes.values()) == 40


def test_the_hub_s_own_parquet_has_a_folder_a_split(home: Home, hub: FakeHub) -> None:
    files = {
        "default/train/0000.parquet": parquet(0),
        "default/train/0001.parquet": parquet(20),
        "default/test/0000.parquet": parquet(40),
    }
    hub.add("dataset", "some/mine", files, branch="refs/convert/parquet")
    dataset, _ = import_own(home, "mine", "some/mine@refs/convert/parquet")
    assert dataset.sizes == {"train": 36, "validation": 4, "test": 20}


@pytest.mark.parametrize(
    ("files", "place", "said", "remedy"),
    [
        ({"a/train.csv": CSV, "b/train.csv": CSV}, "some/mine", "several folders: a, b", "some/mine/a"),
        ({"a/train.csv": CSV}, "some/mine/c", "no such folder or configuration", "a"),
        ({"loader.py": b"x"}, "some/mine", "no file that is read", "refs/convert/parquet"),
        ({"x.bin": b"x"}, "hf://datasets/some/mine/x.bin", "none that is read", ".csv"),
        (
            {"README.md": HEAD.replace("default: true", "x: y").encode(), "split/train-0.csv": CSV},
            "some/mine",
            "several configurations: split, unsplit",
            "some/mine/split",
        ),
    ],
)
def test_what_is_not_clear_says_what_to_write(
    home: Home, hub: FakeHub, files: dict[str, Any], place: str, said: str, remedy: str
) -> None:
    hub.add("dataset", "some/mine", files)
    with pytest.raises(DataError, match=said) as caught:
        import_own(home, "mine", place)
    assert remedy in caught.value.remedy
    assert not list((home.datasets / ".snapshots").glob("*/snapshot.json"))


def test_half_a_file_and_no_hub_are_never_taken_for_data(home: Home, hub: FakeHub) -> None:
    hub.add("dataset", "some/mine", {"train.csv": CSV})
    hub.lies["train.csv"] = CSV[:-7] + b"x,lies\n"
    with pytest.raises(DownloadError, match="hash is another"):
        import_own(home, "mine", "some/mine")
    with pytest.raises(DownloadError):
        import_own(home, "mine", "some/other")
    hub.lies.clear()
    assert sum(import_own(home, "mine", "some/mine")[0].sizes.values()) == 40


def test_a_path_whose_folder_is_there_is_a_missing_file_and_no_dataset_of_the_hub(
    home: Home, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("some").mkdir()
    with pytest.raises(DataError, match="no such file"):
        import_own(home, "mine", "some/mine")
    assert hub.asked == []


def test_a_first_study_is_made_of_an_id(home: Home, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hub.add("dataset", "some/mine", {"train.csv": CSV})
    text = study_text(begin(home, "some/mine", "minilm-l6", "methods", tmp_path))
    Path("s.yaml").write_text(text, "utf8")
    assert "file: some/mine" in text
    study = load_study(Path("s.yaml"))
    assert needed_files(study) == {"some-mine": ("some/mine", StudyColumns())}
    Path("s.yaml").write_text(text.replace("file: some/mine", "dataset: some/mine"), "utf8")
    with pytest.raises(StudyError, match="data of your own") as caught:
        load_study(Path("s.yaml"))
    assert "file: some/mine" in str(caught.value)
