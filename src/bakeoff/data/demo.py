"""Reads the packaged demo corpus: JSON lines with id, text and label names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bakeoff.catalog.datasets import GOEMOTIONS_LABELS
from bakeoff.data.lines import Faults, decode_line, read_source, split_lines
from bakeoff.data.rows import SPLITS, Import, Row

POSITIONS = {label: position for position, label in enumerate(GOEMOTIONS_LABELS)}
KEYS = {"id", "text", "labels"}
REMEDY = 'a line is {"id": "…", "text": "…", "labels": ["joy", …]}; install Bakeoff again if it is the packaged corpus'


def read_folder(folder: Path) -> Import:
    """Read `train.jsonl`, `validation.jsonl` and `test.jsonl`.

    Args:
        folder: where they lie.

    Returns:
        Labels and rows by split.

    Raises:
        DataError: if a file is missing or rows are malformed; the message names file, line and what was expected.
    """
    faults = Faults(REMEDY)
    splits: dict[str, list[Row]] = {}
    dropped: dict[str, dict[str, int]] = {}
    sources: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        content, sources[path.name] = read_source(path)
        lines = split_lines(content)
        rows = [_read_row(path, number, line, faults) for number, line in enumerate(lines, start=1) if line]
        splits[split] = [row for row in rows if row is not None]
        blank = len(lines) - len(rows)
        dropped[split] = {"blank line": blank} if blank else {}
    faults.check(folder)
    return Import("demo", GOEMOTIONS_LABELS, splits, dropped, sources)


def _read_row(path: Path, number: int, line: bytes, faults: Faults) -> Row | None:
    text = decode_line(path, number, line, faults)
    if text is None:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        faults.add(path, number, "not JSON; expected an object")
        return None
    problem = _problem(record)
    if problem:
        faults.add(path, number, problem)
        return None
    return Row(record["id"], record["text"], tuple(POSITIONS[label] for label in record["labels"]))


def _problem(record: Any) -> str:
    if not isinstance(record, dict) or set(record) != KEYS:
        found = ", ".join(sorted(record)) if isinstance(record, dict) else type(record).__name__
        return f"found {found[:80]}; expected an object with id, text and labels"
    if not isinstance(record["text"], str):
        return "the text is no string"
    if not isinstance(record["id"], str) or not record["id"]:
        return "the id is no string, or empty"
    labels = record["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return "the labels are no list of names"
    unknown = [label for label in labels if label not in POSITIONS]
    if unknown:
        return f"no label is called {unknown[0][:40]!r}; expected names of GoEmotions' labels"
    return "a label stands twice" if len(set(labels)) != len(labels) else ""
