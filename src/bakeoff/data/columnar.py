"""Examples as columns, and how they are stored: each file of a split is written in one go, some thousand rows at a time."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.columns import Column, joined
from bakeoff.data.dataset import Dataset, store
from bakeoff.data.labels import Labels
from bakeoff.data.rows import SPLITS, check_labels
from bakeoff.errors import DataError
from bakeoff.records.paths import Home

TERMS = "the user's own data"
ROWS = 16_384
"""Rows that are written at a time."""
Blocks = Iterable[tuple[bytes, NDArray[np.int64]]]
"""UTF-8 of some rows, one after another, and where each begins and the last ends."""


@dataclass(frozen=True)
class Examples:
    """Rows of one file or several, N in all, by column; each list has a column a file.

    Attributes:
        name: the dataset's name.
        labels: labels of all rows.
        texts: their texts.
        seconds: the other texts of pairs, or None.
        groups: what rows that belong together share, or None.
        ids: ids, or None: then rows are called by their lines.
        lines: line number of each row.
        part: split of each row, a place in `SPLITS`; -1 where it is left out, [N].
        dropped: how many rows are left out, by split and reason.
        sources: hash of every file.
        splitting: how the splits were made; empty if they are the owner's.
    """

    name: str
    labels: Labels
    texts: list[Column]
    seconds: list[Column] | None
    groups: list[Column] | None
    ids: list[Column] | None
    lines: list[Sequence[int]]
    part: NDArray[np.int8]
    dropped: dict[str, dict[str, int]]
    sources: dict[str, str]
    splitting: str

    @property
    def sizes(self) -> dict[str, int]:
        """Number of examples of each split."""
        counts = np.bincount(self.part[self.part >= 0], minlength=len(SPLITS)).tolist()
        return dict(zip(SPLITS, counts, strict=True))

    def sample(self, split: str, most: int) -> list[str]:
        """The first texts of a split.

        Args:
            split: which.
            most: how many.

        Returns:
            Their texts.
        """
        texts = itertools.chain.from_iterable(column.shown() for column in self.texts)
        return list(itertools.islice(itertools.compress(texts, (self.part == SPLITS.index(split)).tolist()), most))


def write_examples(home: Home, examples: Examples) -> Dataset:
    """Store examples as a dataset.

    Args:
        home: where datasets are kept.
        examples: all of them.

    Returns:
        The stored dataset.

    Raises:
        DataError: if label names cannot be written, ids repeat within a split, or the home cannot be written.
    """
    check_labels(examples.name, examples.labels.names)
    hashes = np.concatenate([column.hashes() for column in examples.ids]) if examples.ids else None
    if hashes is not None:
        _check_ids(examples, hashes)
    return store(home, examples.name, lambda folder: _write(folder, examples, _shared(examples, hashes)))


def _check_ids(examples: Examples, hashes: NDArray[np.int64]) -> None:
    for number, split in enumerate(SPLITS):
        rows = np.flatnonzero(examples.part == number)
        order = rows[np.argsort(hashes[rows], kind="stable")]
        twice = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
        if not len(twice):
            continue
        first, second = int(order[twice[0]]), int(order[twice[0] + 1])
        ids = itertools.chain.from_iterable(column.shown() for column in examples.ids or ())
        name = next(itertools.islice(ids, first, None))
        places = [int(np.searchsorted(rows, row)) + 1 for row in (first, second)]
        raise DataError(
            f"rows {places[0]} and {places[1]} of {split} have the same id {name!r}",
            examples.name,
            "ids must be unique within a split: remove one of the rows, or give it an id of its own",
        )


def _shared(examples: Examples, hashes: NDArray[np.int64] | None) -> int:
    """How many ids stand in more than one split."""
    if hashes is None:
        lines = [np.asarray(some, dtype=np.int64) for some in examples.lines]
        hashes = np.concatenate(lines)
    ordered = np.sort(hashes[examples.part >= 0])
    return int((ordered[1:] == ordered[:-1]).sum())


def _write(folder: Path, examples: Examples, shared: int) -> dict[str, Any]:
    part = examples.part
    numbers = [number for number in range(len(SPLITS)) if (part == number).any()]
    files: dict[str, dict[str, dict[str, Any]]] = {SPLITS[number]: {} for number in numbers}
    texts: dict[str, Blocks] = {"texts": _chained(examples.texts), "ids": _ids(examples)}
    for name, columns in (("seconds", examples.seconds), ("groups", examples.groups)):
        if columns is not None and not all(column.blank().all() for column in columns):
            texts[name] = _chained(columns)
    for name, blocks in texts.items():
        for number, entries in _deal(folder, name, blocks, part, numbers).items():
            files[SPLITS[number]] |= entries
    counts = {}
    for number in numbers:
        entries, counts[SPLITS[number]] = _write_labels(folder, SPLITS[number], examples.labels, part == number)
        files[SPLITS[number]] |= entries
    return {
        "name": examples.name,
        "labels": list(examples.labels.names),
        "terms": TERMS,
        "splitting": examples.splitting,
        "ids_in_several_splits": shared,
        "splits": {
            split: {
                "rows": examples.sizes[split],
                "label_counts": dict(zip(examples.labels.names, counts[split], strict=True)),
                "dropped": examples.dropped.get(split, {}),
                "files": files[split],
            }
            for split in files
        },
        "sources": dict(sorted(examples.sources.items())),
        **_annotated(examples.labels),
    }


def _annotated(labels: Labels) -> dict[str, Any]:
    """The sets of annotated labels, where rows do not decide all: each label alone."""
    return {} if labels.rated is None else {"annotated": [[place] for place in range(len(labels.names))]}


def _write_labels(
    folder: Path, split: str, labels: Labels, chosen: NDArray[np.bool_]
) -> tuple[dict[str, dict[str, Any]], list[int]]:
    """Write the labels of a split; what was written, and how often each label stands there."""
    counts, begun = np.zeros(len(labels.names), dtype=np.int64), np.zeros(1, dtype=np.int64)
    rated = {}
    if labels.rated is not None:
        with _File(folder / f"{split}.annotated.i32") as patterns:
            patterns.write(labels.rated[chosen].astype("<i4").tobytes())
        rated = {"annotated.i32": patterns.entry}
    with _File(folder / f"{split}.labels.i32") as positions, _File(folder / f"{split}.labels.i64") as starts:
        starts.write(begun.astype("<i8").tobytes())
        for first in range(0, len(chosen), ROWS):
            own = labels.of(first + np.flatnonzero(chosen[first : first + ROWS]))
            positions.write(own.positions.astype("<i4").tobytes())
            starts.write((own.starts[1:] + begun).astype("<i8").tobytes())
            begun += own.starts[-1]
            counts += np.bincount(own.positions, minlength=len(counts))
    return {"labels.i32": positions.entry, "labels.i64": starts.entry, **rated}, counts.tolist()


def _chained(columns: Sequence[Column]) -> Blocks:
    return itertools.chain.from_iterable(column.shown_blocks() for column in columns)


def _ids(examples: Examples) -> Blocks:
    if examples.ids is not None:
        return _chained(examples.ids)
    return (
        joined(f"row-{line}" for line in lines[first : first + ROWS])
        for lines in examples.lines
        for first in range(0, len(lines), ROWS)
    )


class _File:
    """A file that is hashed while it is written, and durable when it is closed."""

    def __init__(self, path: Path) -> None:
        self.path, self.bytes = path, 0
        self._hash, self._file = hashlib.sha256(), path.open("wb")

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)
        self.bytes += len(content)

    @property
    def entry(self) -> dict[str, Any]:
        return {"bytes": self.bytes, "sha256": self._hash.hexdigest()}

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _deal(
    folder: Path, name: str, blocks: Blocks, part: NDArray[np.int8], numbers: Sequence[int]
) -> dict[int, dict[str, dict[str, Any]]]:
    """Write one column, each row to its split; what was written of each."""
    files = {number: _File(folder / f"{SPLITS[number]}.{name}.utf8") for number in numbers}
    lengths: dict[int, list[NDArray[np.int64]]] = {number: [] for number in numbers}
    row = 0
    for block, starts in blocks:
        own = part[row : row + len(starts) - 1]
        row += len(own)
        for number in numbers:
            chosen = np.flatnonzero(own == number)
            if len(chosen) == len(own):
                files[number].write(block)
            elif len(chosen):
                files[number].write(b"".join(_cut(block, starts[chosen].tolist(), starts[chosen + 1].tolist())))
            lengths[number].append(np.diff(starts)[chosen])
    entries = {}
    for number, file in files.items():
        with file:
            pass
        starts = np.concatenate([np.zeros(1, np.int64), *lengths.pop(number)]).cumsum().astype("<i8")
        with _File(folder / f"{SPLITS[number]}.{name}.i64") as offsets:
            offsets.write(starts.tobytes())
        entries[number] = {f"{name}.utf8": file.entry, f"{name}.i64": offsets.entry}
    return entries


def _cut(block: bytes, begins: Sequence[int], ends: Sequence[int]) -> Iterator[bytes]:
    return (block[begin:end] for begin, end in zip(begins, ends, strict=True))
