"""What a reader of raw files gives: labels and rows by split, checked before anything is stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bakeoff.errors import DataError

SPLITS = ("train", "validation", "test")
JOINERS = dict.fromkeys([0x200C, 0x200D, *range(0xE0020, 0xE0080)])
"""Signs that cannot be seen and belong into names all the same: what joins letters and emoji, and the tags of flags."""


class Answer(NamedTuple):
    """One accepted answer to a question.

    Attributes:
        start: where it begins in the context, in Unicode characters.
        text: the answer, exactly as it stands there.
    """

    start: int
    text: str


class Row(NamedTuple):
    """One example.

    Attributes:
        id: unique within its split.
        text: any text, unchanged: byte-order marks, NUL and lone surrogates included.
        labels: positions in the dataset's labels, each once, in any order; empty means none applies.
        second: the other text of a pair, or the context of a question; empty where there is none.
        group: what rows that belong together share: a dialogue, an article; empty where every row stands alone.
        answers: accepted answers in the second text; empty means that it holds none.
        source: number of the source that it is from, where a dataset is put together of several.
        annotated: positions of the labels that somebody decided on, ascending; None means all.
    """

    id: str
    text: str
    labels: tuple[int, ...]
    second: str = ""
    group: str = ""
    answers: tuple[Answer, ...] = ()
    source: int = 0
    annotated: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Import:
    """A dataset as read from its raw files, not yet stored.

    Attributes:
        name: the dataset's name.
        labels: label names in the order of their positions.
        splits: rows by split.
        dropped: how many lines became no row, by split and reason.
        sources: hash of every file that was read, by its path in the folder.
        terms: licence and owner.
        splitting: how splits that the owner did not publish were made; empty if all are the owner's.
        source_names: of the sources that it is put together of; empty if it is from one.
        accounts: what was put together, for the dataset's card; empty for a dataset as it is.
    """

    name: str
    labels: tuple[str, ...]
    splits: dict[str, list[Row]]
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    terms: str = ""
    splitting: str = ""
    source_names: tuple[str, ...] = ()
    accounts: list[dict[str, Any]] = field(default_factory=list)


def check_import(imported: Import) -> None:
    """Check what no reader may let through.

    Args:
        imported: what was read.

    Raises:
        DataError: if label names repeat or cannot be written, a split is unknown or empty, an id repeats within its
            split, a row's labels are not distinct positions, or an answer does not stand where it says.
    """
    check_labels(imported.name, imported.labels)
    unknown = set(imported.splits) - set(SPLITS)
    if unknown or "train" not in imported.splits:
        raise DataError(
            f"the splits are {', '.join(imported.splits) or 'none'}",
            imported.name,
            f"a dataset has the split train, and no others than {', '.join(SPLITS)}",
        )
    for split, rows in imported.splits.items():
        if not rows:
            raise DataError(f"the split {split} has no rows", imported.name, "give the file of that split its rows, or none")
        _check_ids(imported.name, split, rows)
        _check_positions(imported, split, rows)
        _check_answers(imported.name, split, rows)


def check_labels(name: str, labels: tuple[str, ...]) -> None:
    """Check the names of labels.

    Args:
        name: the dataset's name.
        labels: what its labels are called.

    Raises:
        DataError: if there are none, or one stands twice, is blank or cannot be written.
    """
    twice = [label for label, count in Counter(labels).items() if count > 1]
    bad = [label for label in labels if not label.strip() or not label.translate(JOINERS).isprintable()]
    if not labels or twice or bad:
        found = f"{twice[0]!r} twice" if twice else (repr(bad[0]) if bad else "none")
        raise DataError(f"label names must be distinct printable words; found {found}", name, "mend the label names")


def _check_ids(name: str, split: str, rows: list[Row]) -> None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        if row.id in seen:
            raise DataError(
                f"rows {seen[row.id] + 1} and {number + 1} of {split} have the same id {row.id!r}",
                name,
                "ids must be unique within a split: remove one of the rows, or give it an id of its own",
            )
        seen[row.id] = number


def _check_positions(imported: Import, split: str, rows: list[Row]) -> None:
    known = set(range(len(imported.labels)))
    for number, row in enumerate(rows):
        if len(set(row.labels)) != len(row.labels) or not known.issuperset(row.labels):
            raise DataError(
                f"row {number + 1} of {split} (id {row.id!r}) has the label positions {list(row.labels)}",
                imported.name,
                f"each must be from 0 to {len(known) - 1}, and stand once",
            )
        if row.annotated is not None and not (set(row.labels) <= set(row.annotated) <= known):
            raise DataError(
                f"row {number + 1} of {split} (id {row.id!r}) has a label that nobody decided on",
                imported.name,
                "what a row bears is annotated in it",
            )


def _check_answers(name: str, split: str, rows: list[Row]) -> None:
    for number, row in enumerate(rows):
        for start, text in row.answers:
            if not text or start < 0 or row.second[start : start + len(text)] != text:
                raise DataError(
                    f"row {number + 1} of {split} (id {row.id!r}) says {text[:40]!r} stands at character {start}",
                    name,
                    "an answer is a part of the context, with the number of Unicode characters before it",
                )
