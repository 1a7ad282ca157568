"""A stored dataset: written once under its fingerprint, then mapped read-only by every trial.

`datasets/<name>/<fingerprint>/` holds `dataset.json` and six files a split, or more (see `arrays`). The fingerprint is a
hash of labels, ids, texts, targets and all else that rows have, of all splits; it knows nothing of places, names or times.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.arrays import (
    PARTS,
    Pattern,
    annotation_patterns,
    decode,
    dense,
    encode_rows,
    map_part,
    optional_parts,
    read_answers,
)
from bakeoff.data.rows import SPLITS, Answer, Import, Row, check_import
from bakeoff.errors import DataError, FormatError
from bakeoff.records.files import (
    canonical_json,
    move_into_place,
    read_document,
    sha256_bytes,
    sha256_file,
    write_bytes,
    write_document,
)
from bakeoff.records.locks import exclusive
from bakeoff.records.paths import Home

DATASET_VERSION = 1
CURRENT_VERSION = 1
CARD_NAME = "dataset.json"
COMPOSED = ("source_names", "annotated")
"""Keys of the card that are a part of a dataset's content, where it has them."""
CURRENT_NAME = "current.json"
TEMPORARY_NAME = ".importing"


class Dataset:
    """A stored dataset, its arrays mapped when they are first asked for.

    Args:
        folder: its folder.
        card: the content of its `dataset.json`.

    Attributes:
        folder: its folder.
        card: the content of its `dataset.json`.
        name: the dataset's name.
        fingerprint: hash of its content.
        labels: label names in the order of the targets' columns.
        source_names: the sources that it is put together of; empty if it is from one.
        patterns: the sets of labels that are annotated, positions ascending; empty if all are annotated in every row.
    """

    def __init__(self, folder: Path, card: dict[str, Any]) -> None:
        self.folder = folder
        self.card = card
        self.name: str = card["name"]
        self.fingerprint: str = card["fingerprint"]
        self.labels: tuple[str, ...] = tuple(card["labels"])
        self.source_names: tuple[str, ...] = tuple(card.get("source_names", ()))
        self.patterns: tuple[Pattern, ...] = tuple(
            None if pattern is None else tuple(pattern) for pattern in card.get("annotated", ())
        )
        self._mapped: dict[tuple[str, str], NDArray[Any]] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that it has."""
        return tuple(self.card["splits"])

    @property
    def sizes(self) -> dict[str, int]:
        """Number of rows by split."""
        return {split: self.size(split) for split in self.splits}

    def size(self, split: str) -> int:
        """Number of rows of a split.

        Args:
            split: which.

        Returns:
            N.

        Raises:
            DataError: if it has no such split.
        """
        if split not in self.card["splits"]:
            raise DataError(f"{self.name} has no split {split!r}", str(self.folder), f"its splits: {', '.join(self.splits)}")
        return int(self.card["splits"][split]["rows"])

    def ids(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        """Ids of a split's rows.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            R ids, in the order of `rows`.
        """
        return self._texts(split, "ids", rows)

    def texts(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        """Texts of a split's rows.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            R texts, in the order of `rows`, exactly as they were in the source.
        """
        return self._texts(split, "texts", rows)

    def has(self, part: str) -> bool:
        """Whether its rows have more than id, text and labels.

        Args:
            part: `seconds`, `groups` or `answers`.

        Returns:
            True if they do.
        """
        return all(f"{part}.utf8" in body["files"] for body in self.card["splits"].values())

    def seconds(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        """Second texts of a split's rows: the other half of a pair, the context of a question.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            R texts, in the order of `rows`; all empty if the dataset has none.
        """
        return self._optional(split, "seconds", rows)

    def groups(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        """Groups of a split's rows: what rows that belong together share.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            R groups, in the order of `rows`; all empty if every row stands alone.
        """
        return self._optional(split, "groups", rows)

    def answers(self, split: str, rows: NDArray[np.int64] | None = None) -> list[tuple[Answer, ...]]:
        """Accepted answers of a split's rows.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            R tuples, in the order of `rows`; an empty one means that the context holds no answer.
        """
        return [read_answers(text) if text else () for text in self._optional(split, "answers", rows)]

    def _optional(self, split: str, what: str, rows: NDArray[np.int64] | None) -> list[str]:
        chosen = self._rows(split, rows)
        return self._texts(split, what, chosen) if self.has(what) else [""] * len(chosen)

    def targets(self, split: str, rows: NDArray[np.int64] | None = None) -> NDArray[np.uint8]:
        """Targets of a split's rows.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            [R, L], 1 where the label applies.
        """
        chosen = self._rows(split, rows)
        positions, offsets = self._part(split, "labels.i32"), self._part(split, "labels.i64")
        return dense(positions, offsets, chosen, len(self.labels))

    def positions(self, split: str) -> list[tuple[int, ...]]:
        """Label positions of all rows of a split.

        Args:
            split: which.

        Returns:
            N tuples, ascending.
        """
        flat, offsets = self._part(split, "labels.i32").tolist(), self._part(split, "labels.i64").tolist()
        return [tuple(flat[first:last]) for first, last in itertools.pairwise(offsets)]

    def source_numbers(self, split: str, rows: NDArray[np.int64] | None = None) -> NDArray[np.int32]:
        """Which source a split's rows are from.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            [R] places in `source_names`; all 0 where there is but one source.
        """
        chosen = self._rows(split, rows)
        if not self.source_names:
            return np.zeros(len(chosen), dtype=np.int32)
        return np.asarray(self._part(split, "sources.i32")[chosen], dtype=np.int32)

    def annotation_sets(self, split: str) -> list[Pattern]:
        """Which labels are annotated in each row of a split.

        Args:
            split: the split.

        Returns:
            Positions of labels, ascending, one a row; None for all of them.
        """
        if not self.patterns:
            return [None] * self.size(split)
        return [self.patterns[number] for number in self._part(split, "annotated.i32").tolist()]

    def annotated(self, split: str, rows: NDArray[np.int64] | None = None) -> NDArray[np.bool_] | None:
        """Which labels somebody decided on, in a split's rows.

        Args:
            split: which.
            rows: [R] row numbers from 0; None means all.

        Returns:
            [R, L], False where a target says nothing; None if every label is annotated in every row of the dataset.
        """
        if not self.patterns:
            return None
        table = np.zeros((len(self.patterns), len(self.labels)), dtype=np.bool_)
        for number, pattern in enumerate(self.patterns):
            table[number, slice(None) if pattern is None else list(pattern)] = True
        found: NDArray[np.bool_] = table[self._part(split, "annotated.i32")[self._rows(split, rows)]]
        return found

    def _texts(self, split: str, what: str, rows: NDArray[np.int64] | None) -> list[str]:
        chosen = self._rows(split, rows)
        return decode(self._part(split, f"{what}.utf8"), self._part(split, f"{what}.i64"), chosen)

    def _rows(self, split: str, rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
        size = self.size(split)
        if rows is None:
            return np.arange(size, dtype=np.int64)
        chosen = np.asarray(rows, dtype=np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= size):
            raise IndexError(f"row numbers of {split} are 0 to {size - 1}")
        return chosen

    def _part(self, split: str, part: str) -> NDArray[Any]:
        if (split, part) not in self._mapped:
            self._mapped[split, part] = map_part(self.folder, split, part)
        return self._mapped[split, part]


def content_fingerprint(
    labels: Sequence[str], hashes: dict[str, dict[str, str]], composed: dict[str, Any] | None = None
) -> str:
    """The fingerprint of a dataset.

    Args:
        labels: label names in order.
        hashes: hash of each part's bytes, by split and part.
        composed: the keys `COMPOSED` of its card, those that it has.

    Returns:
        64 hexadecimal digits.
    """
    return sha256_bytes(canonical_json({"labels": list(labels), "splits": hashes, **(composed or {})}).encode())


def _composed(card: dict[str, Any]) -> dict[str, Any]:
    return {key: card[key] for key in COMPOSED if card.get(key)}


def _label_counts(rows: list[Row], labels: tuple[str, ...]) -> dict[str, int]:
    positions = np.array([position for row in rows for position in row.labels], dtype=np.int64)
    return dict(zip(labels, np.bincount(positions, minlength=len(labels)).tolist(), strict=True))


def _ids_in_several_splits(imported: Import) -> int:
    ids = [{row.id for row in rows} for rows in imported.splits.values()]
    return sum(map(len, ids)) - len(set().union(*ids))


def _write_split(
    folder: Path, split: str, imported: Import, optional: tuple[str, ...], patterns: list[Pattern]
) -> dict[str, Any]:
    rows = imported.splits[split]
    files = {}
    for part, content in encode_rows(rows, optional, patterns, bool(imported.source_names)).items():
        write_bytes(folder / f"{split}.{part}", content)
        files[part] = {"bytes": len(content), "sha256": sha256_bytes(content)}
    return {
        "rows": len(rows),
        "label_counts": _label_counts(rows, imported.labels),
        "dropped": imported.dropped.get(split, {}),
        "files": files,
    }


def _hashes(splits: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {split: {part: str(entry["sha256"]) for part, entry in body["files"].items()} for split, body in splits.items()}


def write_dataset(home: Home, imported: Import) -> Dataset:
    """Store a dataset: the same content always lands in the same folder, and half a dataset is never seen.

    Args:
        home: where datasets are kept.
        imported: what was read.

    Returns:
        The stored dataset; it is the one that `find_dataset` finds by name from now on.

    Raises:
        DataError: if what was read is not a dataset (see `check_import`), or the home cannot be written.
    """
    check_import(imported)
    return store(home, imported.name, lambda folder: _write_parts(folder, imported))


def _write_parts(temporary: Path, imported: Import) -> dict[str, Any]:
    optional = optional_parts(row for rows in imported.splits.values() for row in rows)
    patterns = annotation_patterns(row for rows in imported.splits.values() for row in rows)
    splits = {
        split: _write_split(temporary, split, imported, optional, patterns) for split in SPLITS if split in imported.splits
    }
    composed = {"source_names": list(imported.source_names), "annotated": patterns}
    return {
        "name": imported.name,
        "labels": list(imported.labels),
        "terms": imported.terms,
        "splitting": imported.splitting,
        "ids_in_several_splits": _ids_in_several_splits(imported),
        "splits": splits,
        "sources": dict(sorted(imported.sources.items())),
        **{key: value for key, value in composed.items() if value},
        **({"accounts": imported.accounts} if imported.accounts else {}),
    }


def store(home: Home, name: str, write: Callable[[Path], dict[str, Any]]) -> Dataset:
    """Put a dataset into its place under its fingerprint.

    Args:
        home: where datasets are kept.
        name: the dataset's name.
        write: called with a folder, writes the files of all splits there; returns the dataset's card without its fingerprint.

    Returns:
        The stored dataset; it is the one that `find_dataset` finds by name from now on.

    Raises:
        DataError: if the home cannot be written, or `write` raises it.
    """
    place = home.datasets / name
    try:
        with exclusive(place / ".lock"):
            temporary = place / TEMPORARY_NAME
            shutil.rmtree(temporary, ignore_errors=True)  # of an import that was killed: the lock says that none is at work
            temporary.mkdir()
            return _settle(place, temporary, write(temporary))
    except OSError as error:
        raise DataError(
            f"the dataset cannot be stored: {error.strerror}",
            str(place),
            "free space there, or set BAKEOFF_HOME to another folder",
        ) from error


def _settle(place: Path, temporary: Path, card: dict[str, Any]) -> Dataset:
    fingerprint = content_fingerprint(card["labels"], _hashes(card["splits"]), _composed(card))
    card = {"fingerprint": fingerprint, **card}
    write_document(temporary / CARD_NAME, "dataset", DATASET_VERSION, card)
    target = place / fingerprint
    if _stands(target):
        shutil.rmtree(temporary)  # trials may have it mapped: only the account of its sources is made anew
        write_document(target / CARD_NAME, "dataset", DATASET_VERSION, card)
    else:
        move_into_place(temporary, target)
    write_document(place / CURRENT_NAME, "current-dataset", CURRENT_VERSION, {"fingerprint": fingerprint})
    return open_dataset(target)


def _stands(folder: Path) -> bool:
    try:
        open_dataset(folder, verify=True)
    except DataError:
        return False
    return True


def open_dataset(folder: Path, verify: bool = False) -> Dataset:
    """Open a stored dataset and check that it is whole.

    Args:
        folder: its folder.
        verify: whether to hash every file; otherwise their sizes are checked.

    Returns:
        The dataset.

    Raises:
        DataError: if it is missing, torn or changed; the message names the file.
    """
    try:
        card = read_document(folder / CARD_NAME, "dataset", DATASET_VERSION)
    except FormatError as error:
        raise DataError(f"not a stored dataset: {error.what}", error.where or str(folder), _again(folder)) from error
    if card["fingerprint"] != content_fingerprint(card["labels"], _hashes(card["splits"]), _composed(card)):
        raise DataError("its fingerprint is not that of its files", str(folder / CARD_NAME), _again(folder))
    for split, body in card["splits"].items():
        missing = [part for part in PARTS if part not in body["files"]]
        if missing:
            raise DataError(f"it does not list {split}.{missing[0]}", str(folder / CARD_NAME), _again(folder))
        for part, entry in body["files"].items():
            _check_file(folder / f"{split}.{part}", entry, verify)
    return Dataset(folder, card)


def _again(folder: Path) -> str:
    return f"remove the folder and import the data again: bakeoff data import {folder.parent.name} FOLDER"


def _check_file(path: Path, entry: dict[str, Any], verify: bool) -> None:
    found = path.stat().st_size if path.is_file() else -1
    if found != entry["bytes"]:
        what = "is missing" if found < 0 else f"has {found:,} bytes, not {entry['bytes']:,}"
        raise DataError(f"a file of the dataset {what}", str(path), _again(path.parent))
    if verify and sha256_file(path) != entry["sha256"]:
        raise DataError("a file of the dataset was changed: its hash is another", str(path), _again(path.parent))
