"""The store: what goes in comes out, the same content has one place, and nothing torn is ever opened."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.catalog import registry
from bakeoff.data import importing
from bakeoff.data.importing import import_dataset
from bakeoff.data.store import Import, Row, find_dataset, open_dataset, stored_fingerprints, write_dataset
from bakeoff.errors import CatalogError, DataError
from bakeoff.records.paths import Home

ROWS = [
    Row("1", "plain", (0, 2)),
    Row("nan", "", ()),
    Row("\U0001f600", "\ud800 lone, NUL \0, \u2028, \ufeff", (2, 1, 0)),
    Row("1.0", "e\u0301 \u00e9 \u05d0", (1,)),
]


def example(**changes: object) -> Import:
    base = Import("goemotions", ("a", "b", "nan"), {"train": ROWS, "validation": ROWS[:1], "test": ROWS[1:2]})
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_what_goes_in_comes_out(home: Home) -> None:
    dataset = write_dataset(home, example())
    assert dataset.ids("train") == [row.id for row in ROWS]
    assert dataset.texts("train") == [row.text for row in ROWS]
    assert dataset.targets("train").tolist() == [[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]
    assert dataset.targets("train").dtype == np.uint8
    assert dataset.targets("test").tolist() == [[0, 0, 0]]  # a split without any label has an empty file
    assert (dataset.name, dataset.labels, dataset.splits) == ("goemotions", ("a", "b", "nan"), ("train", "validation", "test"))
    assert [dataset.size(split) for split in dataset.splits] == [4, 1, 1]
    assert dataset.folder == home.datasets / "goemotions" / dataset.fingerprint


def test_some_rows_in_any_order(home: Home) -> None:
    dataset = write_dataset(home, example())
    rows = np.array([3, 0, 3])
    assert dataset.ids("train", rows) == ["1.0", "1", "1.0"]
    assert dataset.texts("train", rows)[1] == "plain"
    assert dataset.targets("train", rows).tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert dataset.texts("train", np.array([], np.int64)) == []
    assert dataset.targets("train", np.array([], np.int64)).shape == (0, 3)
    for wrong in ([-1], [4]):
        with pytest.raises(IndexError, match="0 to 3"):
            dataset.texts("train", np.array(wrong))
    with pytest.raises(DataError, match="no split 'dev'"):
        dataset.size("dev")


@settings(max_examples=25)  # each is written to the disk
@given(
    rows=st.lists(st.tuples(st.text(), st.sets(st.integers(0, 4))), min_size=1, max_size=12),
    ids=st.sets(st.text(min_size=1), min_size=12, max_size=12),
)
def test_any_rows_come_out(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, set[int]]], ids: set[str]) -> None:
    home = Home(tmp_path_factory.getbasetemp() / "any rows")
    named = [Row(row_id, text, tuple(labels)) for row_id, (text, labels) in zip(sorted(ids), rows, strict=False)]
    dataset = write_dataset(home, Import("goemotions", ("v", "w", "x", "y", "z"), {"train": named}))
    assert dataset.ids("train") == [row.id for row in named]
    assert dataset.texts("train") == [row.text for row in named]
    assert [set(np.flatnonzero(line)) for line in dataset.targets("train")] == [set(row.labels) for row in named]


def test_the_card_says_what_was_imported(home: Home) -> None:
    imported = example(dropped={"train": {"blank line": 2}}, sources={"train.tsv": "0" * 64}, terms="free")
    card = write_dataset(home, imported).card
    assert card["terms"] == "free"
    assert card["sources"] == {"train.tsv": "0" * 64}
    assert card["splits"]["train"]["dropped"] == {"blank line": 2}
    assert card["splits"]["train"]["label_counts"] == {"a": 2, "b": 2, "nan": 2}
    assert card["splits"]["test"]["label_counts"] == {"a": 0, "b": 0, "nan": 0}
    assert card["ids_in_several_splits"] == 2


def test_the_fingerprint_is_of_the_content_alone(home: Home, tmp_path: Path) -> None:
    first = write_dataset(home, example()).fingerprint
    assert write_dataset(Home(tmp_path / "elsewhere"), example(terms="x", sources={"y": "z"})).fingerprint == first
    reordered = [row._replace(labels=tuple(reversed(row.labels))) for row in ROWS]
    assert (
        write_dataset(home, example(splits={"test": ROWS[1:2], "validation": ROWS[:1], "train": reordered})).fingerprint
        == first
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("a", "nan", "b")},
        {"labels": ("a", "b", "nan", "d")},
        {"splits": {"train": [*ROWS[1:], ROWS[0]], "validation": ROWS[:1], "test": ROWS[1:2]}},
        {"splits": {"train": [ROWS[0]._replace(text="plaiN"), *ROWS[1:]], "validation": ROWS[:1], "test": ROWS[1:2]}},
        {"splits": {"train": [ROWS[0]._replace(id="2"), *ROWS[1:]], "validation": ROWS[:1], "test": ROWS[1:2]}},
        {"splits": {"train": [ROWS[0]._replace(labels=(0,)), *ROWS[1:]], "validation": ROWS[:1], "test": ROWS[1:2]}},
        {"splits": {"train": ROWS, "validation": ROWS[1:2], "test": ROWS[:1]}},
        {"splits": {"train": ROWS, "validation": ROWS[:1]}},
    ],
)
def test_every_part_of_the_content_counts(home: Home, changes: dict[str, object]) -> None:
    assert write_dataset(home, example(**changes)).fingerprint != write_dataset(home, example()).fingerprint


def test_text_cannot_move_between_rows_unseen(home: Home) -> None:
    one = write_dataset(home, example(splits={"train": [Row("1", "ab", (0,)), Row("2", "c", (0,))]}))
    two = write_dataset(home, example(splits={"train": [Row("1", "a", (0,)), Row("2", "bc", (0,))]}))
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"labels": ()}, "label names"),
        ({"labels": ("a", "b", "a")}, "'a' twice"),
        ({"labels": ("a", " ", "b")}, "found ' '"),
        ({"labels": ("a", "b\n", "c")}, "label names"),
        ({"splits": {}}, "the splits are none"),
        ({"splits": {"test": ROWS}}, "the splits are test"),
        ({"splits": {"train": ROWS, "dev": ROWS}}, "the splits are train, dev"),
        ({"splits": {"train": []}}, "train has no rows"),
        ({"splits": {"train": [*ROWS, ROWS[1]]}}, "rows 2 and 5 of train have the same id 'nan'"),
        ({"splits": {"train": [Row("x", "", (3,))]}}, r"label positions \[3\]"),
        ({"splits": {"train": [Row("x", "", (-1,))]}}, r"label positions \[-1\]"),
        ({"splits": {"train": [Row("x", "", (1, 1))]}}, r"label positions \[1, 1\]"),
    ],
)
def test_what_is_no_dataset_is_refused(home: Home, changes: dict[str, object], what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        write_dataset(home, example(**changes))
    assert caught.value.remedy
    assert not home.datasets.exists()


def test_importing_again_changes_nothing(home: Home, raw: Path, any_size: None) -> None:
    first = import_dataset(home, "goemotions", raw)
    files = {path: path.stat().st_ino for path in first.folder.iterdir() if path.name != "dataset.json"}
    second = import_dataset(home, "goemotions", raw)
    assert second.fingerprint == first.fingerprint
    assert {path: path.stat().st_ino for path in files} == files
    assert stored_fingerprints(home, "goemotions") == [first.fingerprint]


def import_in_child(home: Home, folder: Path) -> str:
    registry.cards("dataset")["goemotions"] = dataclasses.replace(registry.dataset("goemotions"), expected={})
    return import_dataset(home, "goemotions", folder).fingerprint


def test_imports_at_the_same_time_are_harmless(home: Home, raw: Path, any_size: None) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.starmap(import_in_child, [(home, raw)] * 6)
    assert len(set(found)) == 1
    assert open_dataset(home.datasets / "goemotions" / found[0], verify=True).size("train") == 3
    assert {path.name for path in (home.datasets / "goemotions").iterdir()} == {found[0], "current.json", ".lock"}


def test_what_a_killed_import_left_is_cleared(home: Home, raw: Path, any_size: None) -> None:
    left = home.datasets / "goemotions" / ".importing"
    left.mkdir(parents=True)
    (left / "train.texts.utf8").write_bytes(b"half")
    with pytest.raises(DataError, match="is not here"):
        find_dataset(home, "goemotions")
    import_dataset(home, "goemotions", raw)
    assert not left.exists()


def test_a_crash_while_writing_leaves_nothing_to_be_found(
    home: Home, raw: Path, any_size: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bakeoff.data import dataset

    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dataset, "move_into_place", crash)
        with pytest.raises(KeyboardInterrupt):
            import_dataset(home, "goemotions", raw)
    with pytest.raises(DataError, match="is not here"):
        find_dataset(home, "goemotions")
    assert import_dataset(home, "goemotions", raw).size("train") == 3


def test_a_torn_file_is_never_opened(home: Home) -> None:
    folder = write_dataset(home, example()).folder
    whole = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    assert len(whole) == 19
    for path, content in whole.items():
        if content:
            path.write_bytes(content[: len(content) // 2])
            with pytest.raises(DataError) as caught:
                open_dataset(folder)
            assert path.name in caught.value.where
            assert "bakeoff data import goemotions" in caught.value.remedy
        path.unlink()
        with pytest.raises(DataError):
            open_dataset(folder)
        path.write_bytes(content)
    assert open_dataset(folder, verify=True).size("train") == 4


def test_a_flipped_bit_is_found_when_hashes_are_checked(home: Home) -> None:
    folder = write_dataset(home, example()).folder
    for path in sorted(folder.iterdir()):
        content = bytearray(path.read_bytes())
        if not content:
            continue
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(DataError):
            open_dataset(folder, verify=True)
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert open_dataset(folder, verify=True).name == "goemotions"


def test_a_torn_dataset_is_made_again_by_importing(home: Home, raw: Path, any_size: None) -> None:
    dataset = import_dataset(home, "goemotions", raw)
    (dataset.folder / "train.ids.utf8").write_bytes(b"xxxxxx")  # the same size
    assert import_dataset(home, "goemotions", raw).ids("train") == ["a1", "a2", "a3"]


def test_the_last_import_is_what_the_bare_name_means(home: Home, raw: Path, any_size: None) -> None:
    first = import_dataset(home, "goemotions", raw)
    (raw / "dev.tsv").write_bytes(b"other\t4\tb1\n")
    second = import_dataset(home, "goemotions", raw)
    assert find_dataset(home, "goemotions").fingerprint == second.fingerprint
    assert find_dataset(home, "goemotions", first.fingerprint).texts("validation") == ["fine"]
    with pytest.raises(DataError, match="not with the content asked for") as caught:
        find_dataset(home, "goemotions", "0" * 64)
    assert "--new" in caught.value.remedy
    (home.datasets / "goemotions" / "current.json").write_bytes(b"torn")
    with pytest.raises(DataError, match="stored 2 times"):
        find_dataset(home, "goemotions")
    shutil.rmtree(first.folder)
    assert find_dataset(home, "goemotions").fingerprint == second.fingerprint


def test_an_unknown_name_has_a_suggestion(home: Home) -> None:
    with pytest.raises(CatalogError) as caught:
        find_dataset(home, "goemotion")
    assert "did you mean 'goemotions'" in caught.value.remedy


def test_a_home_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be stored") as caught:
        write_dataset(Home(tmp_path / "home"), example())
    assert "BAKEOFF_HOME" in caught.value.remedy


def test_the_packaged_demo_is_stored_when_first_asked_for(home: Home) -> None:
    dataset = find_dataset(home, "demo")
    assert len(dataset.labels) == 28
    assert all(dataset.size(split) > 0 for split in ("train", "validation", "test"))
    assert dataset.card["ids_in_several_splits"] == 0
    inode = (dataset.folder / "dataset.json").stat().st_ino
    again = find_dataset(home, "demo", dataset.fingerprint)
    assert (again.folder / "dataset.json").stat().st_ino == inode
    (dataset.folder / "train.texts.utf8").write_bytes(b"")
    assert find_dataset(home, "demo").texts("train") == again.texts("train")


def test_a_label_that_changed_on_the_disk_is_never_trained_on(home: Home) -> None:
    own, packaged = write_dataset(home, example()), find_dataset(home, "demo")
    for dataset in (own, packaged):
        path = dataset.folder / "train.labels.i32"
        content = bytearray(path.read_bytes())
        content[0] ^= 1  # another label, of the same size
        path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="its hash is another"):
        find_dataset(home, own.name)
    again = find_dataset(home, "demo")  # the package has it
    assert (again.fingerprint, again.folder) == (packaged.fingerprint, packaged.folder)
    assert open_dataset(again.folder, verify=True).size("train") == packaged.size("train")


def test_a_packaged_corpus_that_was_updated_is_stored_anew(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = find_dataset(home, "demo")
    shutil.copytree(importing.PACKAGED, tmp_path / "corpora")
    line = json.dumps({"id": "new", "text": "a new text", "labels": ["joy"]})
    with (tmp_path / "corpora" / "demo" / "test.jsonl").open("a") as stream:
        stream.write(line + "\n")
    monkeypatch.setattr(importing, "PACKAGED", tmp_path / "corpora")
    assert find_dataset(home, "demo").size("test") == old.size("test") + 1
    assert find_dataset(home, "demo", old.fingerprint).size("test") == old.size("test")
    shutil.rmtree(old.folder)
    with pytest.raises(DataError, match="not with the content asked for"):
        find_dataset(home, "demo", old.fingerprint)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{torn", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "found list"),
        (b'{"id": "x", "text": "t"}', "found id, text"),
        (b'{"id": "x", "text": "t", "labels": [], "more": 1}', "found id, labels, more, text"),
        (b'{"id": 1, "text": "t", "labels": []}', "the id is no string"),
        (b'{"id": "x", "text": null, "labels": []}', "the text is no string"),
        (b'{"id": "x", "text": "t", "labels": "joy"}', "no list of names"),
        (b'{"id": "x", "text": "t", "labels": ["happy"]}', "no label is called 'happy'"),
        (b'{"id": "x", "text": "t", "labels": ["joy", "joy"]}', "a label stands twice"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_malformed_line_of_the_demo_is_named(tmp_path: Path, line: bytes, what: str) -> None:
    from bakeoff.data.demo import read_folder

    good = b'{"id": "ok", "text": "fine", "labels": ["joy"]}\n'
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.jsonl").write_bytes(good + (b"\n" + line if split == "test" else b""))
    with pytest.raises(DataError, match=rf"test\.jsonl:3: .*{what}"):
        read_folder(tmp_path)
