"""The arrays of a stored split: raw little-endian files without headers, so that a file's hash is its content's hash.

<split>.texts.utf8   texts, one after the other (UTF-8; lone surrogates by `surrogatepass`)
<split>.texts.i64    [N + 1] where each text begins, in bytes
<split>.ids.utf8     ids, likewise
<split>.ids.i64      [N + 1]
<split>.labels.i32   label positions of all rows, ascending within a row
<split>.labels.i64   [N + 1] where each row's positions begin

A dataset whose rows have a second text, groups or answers has more, in every split:

<split>.seconds.utf8 and .i64   second texts, as texts
<split>.groups.utf8 and .i64    groups, as texts
<split>.answers.utf8 and .i64   answers, a JSON list of [start, text] a row

One that is put together of several sources, or in which not every label is annotated, has besides, in every split:

<split>.sources.i32             [N] number of each row's source
<split>.annotated.i32           [N] which of the dataset's sets of annotated labels holds for each row
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.rows import Answer, Row

PARTS = ("texts.utf8", "texts.i64", "ids.utf8", "ids.i64", "labels.i32", "labels.i64")
OPTIONAL = ("seconds", "groups", "answers")
NUMBERED = ("sources", "annotated")
TYPES: dict[str, np.dtype[Any]] = {"utf8": np.dtype("u1"), "i64": np.dtype("<i8"), "i32": np.dtype("<i4")}


def _blob(texts: Iterable[str]) -> tuple[bytes, bytes]:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(encoded), _offsets(len(text) for text in encoded)


def _offsets(lengths: Iterable[int]) -> bytes:
    values = np.fromiter(lengths, dtype=np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)]).astype("<i8").tobytes()


def optional_parts(rows: Iterable[Row]) -> tuple[str, ...]:
    """What rows have beyond id, text and labels.

    Args:
        rows: all rows of a dataset.

    Returns:
        Those of `OPTIONAL` that at least one row has.
    """
    seconds = groups = answers = False
    for row in rows:
        seconds, groups, answers = seconds or bool(row.second), groups or bool(row.group), answers or bool(row.answers)
    return tuple(name for name, had in zip(OPTIONAL, (seconds, groups, answers), strict=True) if had)


def _optional_text(row: Row, name: str) -> str:
    if name == "answers":
        return json.dumps([list(answer) for answer in row.answers], ensure_ascii=False, separators=(",", ":"))
    return row.second if name == "seconds" else row.group


def read_answers(text: str) -> tuple[Answer, ...]:
    """Answers as `encode_rows` wrote them.

    Args:
        text: a JSON list of [start, text].

    Returns:
        The answers.
    """
    return tuple(Answer(start, answer) for start, answer in json.loads(text))


Pattern = tuple[int, ...] | None
"""The labels that are annotated in a row; None means all."""


def annotation_patterns(rows: Iterable[Row]) -> list[Pattern]:
    """The different sets of annotated labels.

    Args:
        rows: all rows of a dataset.

    Returns:
        Sets in the order of their first rows; empty if every label is annotated in every row.
    """
    found = list(dict.fromkeys(row.annotated for row in rows))
    return [] if found in ([], [None]) else found


def encode_rows(
    rows: list[Row], optional: tuple[str, ...] = (), patterns: Sequence[Pattern] = (), sources: bool = False
) -> dict[str, bytes]:
    """The content of a split's files.

    Args:
        rows: the split's rows in order.
        optional: what the dataset's rows have beyond id, text and labels.
        patterns: the dataset's sets of annotated labels; empty if all are annotated.
        sources: whether the dataset is put together of several sources.

    Returns:
        Bytes by part (see the head of this file).
    """
    texts, text_offsets = _blob(row.text for row in rows)
    ids, id_offsets = _blob(row.id for row in rows)
    positions = np.array([position for row in rows for position in sorted(row.labels)], dtype="<i4")
    label_offsets = _offsets(len(row.labels) for row in rows)
    parts = dict(zip(PARTS, (texts, text_offsets, ids, id_offsets, positions.tobytes(), label_offsets), strict=True))
    for name in optional:
        parts[f"{name}.utf8"], parts[f"{name}.i64"] = _blob(_optional_text(row, name) for row in rows)
    if sources:
        parts["sources.i32"] = np.array([row.source for row in rows], dtype="<i4").tobytes()
    if patterns:
        number = {pattern: place for place, pattern in enumerate(patterns)}
        parts["annotated.i32"] = np.array([number[row.annotated] for row in rows], dtype="<i4").tobytes()
    return parts


def map_part(folder: Path, split: str, part: str) -> NDArray[Any]:
    """Map one file of a split into memory, read-only.

    Args:
        folder: the dataset's folder.
        split: the split.
        part: which of the parts named at the head of this file.

    Returns:
        A vector of the part's type.
    """
    path = folder / f"{split}.{part}"
    dtype = TYPES[part.rpartition(".")[2]]
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r")


def decode(blob: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> list[str]:
    """Texts of some rows.

    Args:
        blob: all texts' bytes.
        offsets: [N + 1] where each begins.
        rows: row numbers.

    Returns:
        One text a row number, in that order.
    """
    starts, ends = offsets[rows].tolist(), offsets[rows + 1].tolist()
    view = memoryview(blob)  # type: ignore[arg-type]  # an array is a buffer; NumPy's stubs say so from Python 3.12 on
    return [str(view[start:end], "utf-8", "surrogatepass") for start, end in zip(starts, ends, strict=True)]


def dense(positions: NDArray[np.int32], offsets: NDArray[np.int64], rows: NDArray[np.int64], labels: int) -> NDArray[np.uint8]:
    """Targets of some rows as a matrix.

    Args:
        positions: label positions of all rows.
        offsets: [N + 1] where each row's begin.
        rows: [R] row numbers.
        labels: number of labels L.

    Returns:
        [R, L], 1 where the label applies.
    """
    targets = np.zeros((len(rows), labels), np.uint8)
    counts = offsets[rows + 1] - offsets[rows]
    line = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    targets[line, positions[np.repeat(offsets[rows], counts) + within]] = 1
    return targets
