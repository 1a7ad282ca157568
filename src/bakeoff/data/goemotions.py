"""Reads GoEmotions (the simplified version) as its owners published it, or as the hub has it.

TSV: `train.tsv`, `dev.tsv`, `test.tsv` without header (text, comma-separated label ids, comment id) and `emotions.txt`.
Quote characters are text: the published files are read field by field with quoting off, as the paper's own code does.
Parquet: `train*.parquet`, `validation*.parquet`, `test*.parquet` with the columns text, labels and id.
"""

from __future__ import annotations

from pathlib import Path

from bakeoff.catalog.datasets import GOEMOTIONS_LABELS
from bakeoff.data.lines import Faults, decode_line, read_source, split_lines
from bakeoff.data.parquet import parquet_files, read_parquet
from bakeoff.data.rows import SPLITS, Import, Row
from bakeoff.errors import DataError

TSV_FILES = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
LABEL_FILE = "emotions.txt"
REMEDY = "take the files as their owner published them: text, label ids and comment id, separated by tabs, UTF-8, no header"


def read_folder(folder: Path) -> Import:
    """Read the raw files.

    Args:
        folder: where they lie.

    Returns:
        Labels and rows by split.

    Raises:
        DataError: if files are missing, or rows are malformed; the message names file, line and what was expected.
    """
    if not folder.is_dir():
        raise DataError("no such folder", str(folder), "name the folder that has train.tsv, dev.tsv and test.tsv")
    if any((folder / name).exists() for name in TSV_FILES.values()):
        return _read_tsv(folder)
    files = parquet_files(folder, SPLITS)
    if not files:
        expected = ", ".join(TSV_FILES.values())
        raise DataError(
            f"no raw files of GoEmotions: expected {expected}, or a Parquet file a split",
            str(folder),
            "bakeoff data import goemotions FOLDER, with the folder that has them",
        )
    return read_parquet("goemotions", folder, files, GOEMOTIONS_LABELS)


def _read_tsv(folder: Path) -> Import:
    faults = Faults(REMEDY)
    splits: dict[str, list[Row]] = {}
    dropped: dict[str, dict[str, int]] = {}
    sources: dict[str, str] = {}
    if (folder / LABEL_FILE).exists():
        sources[LABEL_FILE] = _check_label_file(folder / LABEL_FILE)
    for split, name in TSV_FILES.items():
        content, sources[name] = read_source(folder / name)
        splits[split], blank = _read_rows(folder / name, content, faults)
        dropped[split] = {"blank line": blank} if blank else {}
    faults.check(folder)
    return Import("goemotions", GOEMOTIONS_LABELS, splits, dropped, sources)


def _check_label_file(path: Path) -> str:
    content, digest = read_source(path)
    found = tuple(line.decode("utf-8", "replace").strip() for line in split_lines(content) if line.strip())
    if found not in (GOEMOTIONS_LABELS, GOEMOTIONS_LABELS[:-1]):  # some copies leave out the last one, neutral
        wrong = [f"{a!r} for {b!r}" for a, b in zip(found, GOEMOTIONS_LABELS, strict=False) if a != b]
        detail = wrong[0] if wrong else f"{len(found)} labels"
        raise DataError(f"the label names are not those of GoEmotions: {detail}", str(path), "use the published emotions.txt")
    return digest


def _read_rows(path: Path, content: bytes, faults: Faults) -> tuple[list[Row], int]:
    rows: list[Row] = []
    blank = 0
    for number, line in enumerate(split_lines(content), start=1):
        if not line:
            blank += 1
            continue
        text = decode_line(path, number, line, faults)
        if text is None:
            continue
        fields = text.split("\t")
        if len(fields) != 3:
            faults.add(path, number, f"{len(fields)} fields; expected 3: text, label ids, comment id")
            continue
        labels = _read_labels(path, number, fields[1], faults)
        if not fields[2]:
            faults.add(path, number, "the comment id is empty; expected a word")
        elif labels is not None:
            rows.append(Row(fields[2], _unquote(fields[0]), labels))
    return rows, blank


def _unquote(field: str) -> str:
    """The published files quote a text that holds a quotation mark, as CSV does, and double the marks in it.

    Quoting is undone a field at a time: a CSV reader would join lines wherever a mark is not closed.
    """
    inner = field[1:-1]
    closed = len(field) >= 2 and field[0] == field[-1] == '"'
    if closed and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return field


def _read_labels(path: Path, number: int, field: str, faults: Faults) -> tuple[int, ...] | None:
    words = field.split(",")
    last = len(GOEMOTIONS_LABELS) - 1
    # isdecimal alone would accept digits of other scripts
    if not all(word.isascii() and word.isdecimal() and len(word) <= 4 and int(word) <= last for word in words):
        faults.add(path, number, f"the labels are {field[:40]!r}; expected ids from 0 to {last}, separated by commas")
        return None
    labels = tuple(map(int, words))
    if len(set(labels)) != len(labels):
        faults.add(path, number, f"the labels are {field[:40]!r}; expected each id once")
        return None
    return labels
