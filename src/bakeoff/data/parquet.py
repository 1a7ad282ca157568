"""Reads splits from Parquet files with the columns text, labels and id, as the hub has them."""

from __future__ import annotations

import json
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


def _load(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackageError("pyarrow", "reading Parquet files", "data") from error
    try:
        return pq.ParquetFile(path).read(columns=list(COLUMNS))
    except (pa.ArrowException, OSError) as error:
        # the first line is Arrow's own sentence, the rest its C++ stack
        raise DataError(f"not a readable Parquet file: {str(error).splitlines()[0]}", str(path), REMEDY) from error


def _read_file(path: Path, labels: tuple[str, ...], faults: Faults) -> list[Row]:
    table = _load(path)
    missing = [column for column in COLUMNS if column not in table.column_names]
    if missing:
        raise DataError(f"the column {missing[0]} is missing", str(path), REMEDY)
    _check_names(path, table, labels)
    known = set(range(len(labels)))
    rows = []
    try:
        columns = [table.column(column).to_pylist() for column in COLUMNS]
    except UnicodeDecodeError as error:
        raise DataError(f"a text is not UTF-8: {error}", str(path), REMEDY) from error
    for number, (text, positions, row_id) in enumerate(zip(*columns, strict=True), start=1):
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


def _check_names(path: Path, table: Any, labels: tuple[str, ...]) -> None:
    """Compare the label names that the hub writes into the file's metadata, where they are."""
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if not metadata:
        return
    try:
        feature = json.loads(metadata)["info"]["features"]["labels"]
        names = (feature["feature"] if isinstance(feature, dict) else feature[0])["names"]
    except (ValueError, KeyError, TypeError, IndexError):
        return  # metadata of another kind says nothing about label names
    if tuple(names) != labels:
        raise DataError("the file's label names are not those of the dataset", str(path), f"expected {', '.join(labels)}")
