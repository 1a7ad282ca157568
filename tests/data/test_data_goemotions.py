"""Reading GoEmotions: no row is lost, merged or altered, and each malformed one is named by file and line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.catalog import registry
from bakeoff.catalog.datasets import GOEMOTIONS_LABELS
from bakeoff.data.goemotions import read_folder
from bakeoff.data.importing import import_dataset
from bakeoff.data.rows import Row
from bakeoff.errors import DataError, MissingPackageError
from bakeoff.records.files import sha256_bytes
from bakeoff.records.paths import Home

Put = Callable[[bytes], Path]


def test_rows_labels_and_sources(raw: Path) -> None:
    (raw / "emotions.txt").write_text("\n".join(GOEMOTIONS_LABELS))
    imported = read_folder(raw)
    assert imported.labels == GOEMOTIONS_LABELS
    assert imported.splits["train"] == [Row("a1", "good work", (0,)), Row("a2", "so sad", (25, 16)), Row("a3", "hm", (27,))]
    assert [len(imported.splits[split]) for split in ("validation", "test")] == [1, 1]
    assert imported.sources["dev.tsv"] == sha256_bytes(b"fine\t4\tb1\n")
    assert set(imported.sources) == {"train.tsv", "dev.tsv", "test.tsv", "emotions.txt"}


STRANGE = [
    '"quoted',
    'a ""doubled"" quote"',
    "e\u0301 and \u00e9",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "\U0001f469\u200d\U0001f52c",
    "lone \ud83d surrogate",
    "NUL \0 inside",
    "line\u2028and paragraph\u2029separators, next\x85line, form\x0cfeed, \x1c\x1d\x1e",
    "a lone \r return",
    "\ufeffmark within",
    " ",
    "",
    "'; DROP TABLE x; --",
    "=1+1",
]


def test_strange_texts_survive_unchanged(train_of: Put) -> None:
    lines = [f"{text}\t{n % 28}\tid{n}" for n, text in enumerate(["first", *STRANGE])]
    folder = train_of("\n".join(lines).encode("utf-8", "surrogatepass"))
    assert [row.text for row in read_folder(folder).splits["train"]] == ["first", *STRANGE]


@given(texts=st.lists(st.text(st.characters(exclude_characters="\t\n")), min_size=1, max_size=20))
def test_any_texts_survive(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp() / "any texts"
    folder.mkdir(exist_ok=True)
    content = "".join(f"{text}\t3\tid{n}\n" for n, text in enumerate(texts)).encode("utf-8", "surrogatepass")
    for name in ("train.tsv", "dev.tsv", "test.tsv"):
        # a mark at the very beginning is the file's: one more keeps a first text's own
        (folder / name).write_bytes(b"\xef\xbb\xbf" + content)
    assert [row.text for row in read_folder(folder).splits["test"]] == texts


def test_line_ends_of_both_kinds_and_blank_lines(train_of: Put) -> None:
    imported = read_folder(train_of(b"a\t1\tx\r\nb\t2\ty\n\r\n\nc\t3\tz"))
    assert [row.id for row in imported.splits["train"]] == ["x", "y", "z"]
    assert imported.dropped == {"train": {"blank line": 2}, "validation": {}, "test": {}}


def test_a_mark_at_the_files_beginning_is_not_text(train_of: Put) -> None:
    assert read_folder(train_of(b"\xef\xbb\xbfa\t1\tx\n")).splits["train"] == [Row("x", "a", (1,))]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"only text", r"train.tsv:2: 1 fields; expected 3"),
        (b"a\tb\t1\tx", r"train.tsv:2: 4 fields; expected 3"),
        (b"a\t\tx", r"train.tsv:2: the labels are ''; expected ids from 0 to 27"),
        (b"a\t28\tx", r"train.tsv:2: the labels are '28'"),
        (b"a\t-1\tx", r"train.tsv:2: the labels are '-1'"),
        (b"a\t1;2\tx", r"train.tsv:2: the labels are '1;2'"),
        (b"a\t1,\tx", r"train.tsv:2: the labels are '1,'"),
        (b"a\t" + "\u0661".encode() + b"\tx", r"train.tsv:2: the labels are"),
        (b"a\t" + b"9" * 5000 + b"\tx", r"train.tsv:2: the labels are '999"),
        (b"a\t1e0\tx", r"train.tsv:2: the labels are '1e0'"),
        (b"a\t3,3\tx", r"train.tsv:2: the labels are '3,3'; expected each id once"),
        (b"a\t3\t", r"train.tsv:2: the comment id is empty"),
        (b"caf\xe9\t3\tx", r"train.tsv:2: byte 4 is not UTF-8"),
    ],
)
def test_a_malformed_row_is_named(train_of: Put, line: bytes, what: str) -> None:
    folder = train_of(b"fine\t1\tok\n" + line + b"\nfine too\t1\tok2\n")
    with pytest.raises(DataError, match=what) as caught:
        read_folder(folder)
    assert caught.value.where == str(folder)
    assert "separated by tabs" in caught.value.remedy


def test_all_faults_are_counted_and_the_first_ten_shown(train_of: Put) -> None:
    with pytest.raises(DataError, match="12 rows are malformed") as caught:
        read_folder(train_of(b"torn\n" * 12))
    assert caught.value.what.count("train.tsv:") == 10
    assert "and 2 more" in caught.value.what


@pytest.mark.parametrize("kept", [[], ["train.tsv"], ["train.tsv", "test.tsv"]])
def test_missing_files_are_named(raw: Path, kept: list[str]) -> None:
    for path in list(raw.iterdir()):
        if path.name not in kept:
            path.unlink()
    with pytest.raises(DataError, match=r"dev\.tsv|cannot be read") as caught:
        read_folder(raw)
    assert caught.value.remedy


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_folder(tmp_path / "none")


@pytest.mark.parametrize("change", ["swapped", "short", "other"])
def test_other_label_names_are_refused(raw: Path, change: str) -> None:
    names = list(GOEMOTIONS_LABELS)
    changed = {"swapped": [names[1], names[0], *names[2:]], "short": names[:20], "other": [*names, "more"]}[change]
    (raw / "emotions.txt").write_text("\n".join(changed))
    with pytest.raises(DataError, match="label names are not those of GoEmotions") as caught:
        read_folder(raw)
    assert caught.value.where.endswith("emotions.txt")


def test_a_label_file_may_leave_out_neutral(raw: Path) -> None:
    (raw / "emotions.txt").write_text("\r\n".join(GOEMOTIONS_LABELS[:-1]) + "\r\n")
    assert read_folder(raw).labels == GOEMOTIONS_LABELS


def test_other_sizes_than_published_are_refused(home: Home, raw: Path) -> None:
    with pytest.raises(DataError, match=r"train has 3 rows, not 43,410; validation has 1 rows, not 5,426") as caught:
        import_dataset(home, "goemotions", raw)
    assert caught.value.where == str(raw)
    assert not home.datasets.exists()


def write_parquet(folder: Path, splits: dict[str, list[Row]], **options: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    for split, rows in splits.items():
        table = pa.table(
            {"text": [r.text for r in rows], "labels": [list(r.labels) for r in rows], "id": [r.id for r in rows]}, **options
        )
        (folder / "simplified").mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / "simplified" / f"{split}-00000-of-00001.parquet")


def test_parquet_and_tsv_of_the_same_content_are_the_same_dataset(
    home: Home, raw: Path, tmp_path: Path, any_size: None
) -> None:
    from_tsv = import_dataset(home, "goemotions", raw)
    write_parquet(tmp_path / "hub", read_folder(raw).splits)
    from_parquet = import_dataset(home, "goemotions", tmp_path / "hub")
    assert from_parquet.fingerprint == from_tsv.fingerprint
    assert from_parquet.texts("train") == ["good work", "so sad", "hm"]


def test_parquet_without_pyarrow_names_the_extra(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path / "hub", read_folder(raw).splits)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError) as caught:
        read_folder(tmp_path / "hub")
    assert caught.value.remedy == "pip install 'bakeoff[data]'"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ((None, [1], "x"), "the text is None"),
        (("a", None, "x"), "the labels are None"),
        (("a", [], "x"), "the labels are []"),
        (("a", [28], "x"), r"the labels are \[28\]"),
        (("a", [2, 2], "x"), "each id once"),
        (("a", [None], "x"), r"the labels are \[None\]"),
        (("a", [1], None), "the id is None"),
        (("a", [1], ""), "the id is ''"),
    ],
)
def test_a_malformed_parquet_row_is_named(raw: Path, tmp_path: Path, row: tuple[Any, Any, Any], what: str) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    write_parquet(tmp_path, read_folder(raw).splits)
    columns = {"text": pa.array(["ok", row[0]], pa.string()), "labels": pa.array([[1], row[1]], pa.list_(pa.int32()))}
    table = pa.table(columns | {"id": pa.array(["i", row[2]], pa.string())})
    pq.write_table(table, tmp_path / "simplified" / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match=f"test-00000-of-00001.parquet:2: .*{what}".replace("[]", r"\[\]")):
        read_folder(tmp_path)


def test_parquet_files_that_are_none_or_lack_something(raw: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    write_parquet(tmp_path, read_folder(raw).splits)
    test = tmp_path / "simplified" / "test-00000-of-00001.parquet"
    whole = test.read_bytes()
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        test.write_bytes(whole[:length])
        with pytest.raises(DataError, match="not a readable Parquet file"):
            read_folder(tmp_path)
    pq.write_table(pa.table({"text": ["a"], "id": ["x"]}), test)
    with pytest.raises(DataError, match="the column labels is missing"):
        read_folder(tmp_path)
    test.unlink()
    with pytest.raises(DataError, match="no Parquet file of the split test"):
        read_folder(tmp_path)


def test_label_names_in_the_hubs_metadata_are_compared(raw: Path, tmp_path: Path) -> None:
    import json

    def metadata(names: list[str]) -> dict[bytes, bytes]:
        feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
        return {b"huggingface": json.dumps({"info": {"features": {"labels": feature}}}).encode()}

    splits = read_folder(raw).splits
    write_parquet(tmp_path, splits, metadata=metadata(list(GOEMOTIONS_LABELS)))
    assert read_folder(tmp_path).splits == splits
    write_parquet(tmp_path, splits, metadata=metadata(list(reversed(GOEMOTIONS_LABELS))))
    with pytest.raises(DataError, match="label names are not those"):
        read_folder(tmp_path)


def test_the_cards_files_are_those_that_the_reader_finds() -> None:
    card = registry.dataset("goemotions")
    assert card.hub is not None
    assert all(Path(path).name.startswith(split) and path.endswith(".parquet") for split, path in card.hub.files.items())
    assert set(card.hub.files) == set(card.expected) == {"train", "validation", "test"}
    assert len(card.hub.revision) == 40
