"""Reads Parquet files as the hub has them: any columns, or whole splits with the columns text, labels and id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.data.lines import Faults
from bakeoff.data.rows import Import, Row
from bakeoff.errors import DataError, MissingPackageError
from bakeoff.records.files import sha256_file

COLUMNS = ("text", "labels", "id")
REMEDY = "take the files as the hub has them: columns text (string), labels (list of integers), id (string), nothing null"


def parquet_files(folder: Path, splits: tuple[str, ...]) -> dict[str, list[Path]]:
    """Parquet files by split, in the folder or in one folder below.

    Args:
        folder: where to look.
        splits: the splits; a file belongs to the one that its name begins with.

    Returns:
        Files of each split in the order of their names; empty if no split has any.

    Raises:
        DataError: if some splits have files and others none.
    """
    files = sorted([*folder.glob("*.parquet"), *folder.glob("*/*.parquet")])
    found = {split: [path for path in files if path.name.startswith(split)] for split in splits}
    missing = [split for split, paths in found.items() if not paths]
    if len(missing) == len(splits):
        return {}
    if missing:
        raise DataError(
            f"no Parquet file of the split {missing[0]}", str(folder), f"expected {missing[0]}*.parquet beside the others"
        )
    return found


def read_parquet(name: str, folder: Path, files: dict[str, list[Path]], labels: tuple[str, ...]) -> Import:
    """Read Parquet files.

    Args:
        name: the dataset's name.
        folder: the folder that sources are named relative to.
        files: files by split.
        labels: label names in the order of their ids.

    Returns:
        Rows by split.

    Raises:
        DataError: if a file is no such Parquet file, or rows are malformed.
        MissingPackageError: if pyarrow is not installed.
    """
    faults = Faults(REMEDY)
    splits: dict[str, list[Row]] = {}
    sources: dict[str, str] = {}
    for split, paths in files.items():
        splits[split] = []
        for path in paths:
            sources[path.relative_to(folder).as_posix()] = sha256_file(path)
            splits[split] += _read_file(path, labels, faults)
    faults.check(folder)
    return Import(name, labels, splits, {split: {} for split in splits}, sources)


@dataclass(frozen=True)
class Layout:
    """How a published Parquet file is laid out.

    Attributes:
        columns: the columns that are read.
        labels: label names in the order of their ids; where the hub wrote names into the file, they must be these.
        label_column: the column of the labels; empty if it has none.
        remedy: what to do about another file.
    """

    columns: tuple[str, ...]
    labels: tuple[str, ...] = ()
    label_column: str = ""
    remedy: str = REMEDY


def read_columns(path: Path, layout: Layout) -> Iterator[tuple[Any, ...]]:
    """The rows of a Parquet file.

    Args:
        path: the file.
        layout: what it must look like.

    Returns:
        Values of the columns, a row at a time, as Python has them; None where a value is null.

    Raises:
        DataError: if it is no Parquet file, lacks a column, has other label names, or a text is not UTF-8.
        MissingPackageError: if pyarrow is not installed.
    """
    table = _load(path, layout)
    missing = [column for column in layout.columns if column not in table.column_names]
    if missing:
        raise DataError(f"the column {missing[0]} is missing", str(path), layout.remedy)
    if layout.label_column:
        _check_names(path, table, layout)
    try:
        columns = [table.column(column).to_pylist() for column in layout.columns]
    except UnicodeDecodeError as error:
        raise DataError(f"a text is not UTF-8: {error}", str(path), layout.remedy) from error
    return zip(*columns, strict=True)


def _load(path: Path, layout: Layout) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackageError("pyarrow", "reading Parquet files", "data") from error
    try:
        return pq.ParquetFile(path).read(columns=list(layout.columns))
    except (pa.ArrowException, OSError) as error:
        # the first line is Arrow's own sentence, the rest its C++ stack
        raise DataError(f"not a readable Parquet file: {str(error).splitlines()[0]}", str(path), layout.remedy) from error


def _read_file(path: Path, labels: tuple[str, ...], faults: Faults) -> list[Row]:
    known = set(range(len(labels)))
    rows = []
    given = read_columns(path, Layout(COLUMNS, labels, label_column="labels"))
    for number, (text, positions, row_id) in enumerate(given, start=1):
        problem = _problem(text, positions, row_id, known)
        if problem:
            faults.add(path, number, problem)
        else:
            rows.append(Row(row_id, text, tuple(positions)))
    return rows


def _problem(text: Any, positions: Any, row_id: Any, known: set[int]) -> str:
    if not isinstance(text, str):
        return f"the text is {text!r}; expected a string"
    if not isinstance(row_id, str) or not row_id:
        return f"the id is {row_id!r}; expected a string that is not empty"
    if not isinstance(positions, list) or not positions or not all(type(p) is int and p in known for p in positions):
        return f"the labels are {positions!r}; expected a list of ids from 0 to {len(known) - 1}"
    if len(set(positions)) != len(positions):
        return f"the labels are {positions!r}; expected each id once"
    return ""


def _check_names(path: Path, table: Any, layout: Layout) -> None:
    """Compare the label names that the hub writes into the file's metadata, where they are."""
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if not metadata:
        return
    try:
        feature = json.loads(metadata)["info"]["features"][layout.label_column]
        inner = feature.get("feature", feature) if isinstance(feature, dict) else feature[0]
        names = inner["names"]
    except (ValueError, KeyError, TypeError, IndexError):
        return  # metadata of another kind says nothing about label names
    if tuple(names) != layout.labels:
        expected = ", ".join(layout.labels)
        raise DataError("the file's label names are not those of the dataset", str(path), f"expected {expected}")
