"""Data of your own from Python: files, addresses, and tables in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Imported:
    """What became of data of your own.

    Attributes:
        name: what a study calls them: `tasks: {NAME: {dataset: NAME, kind: KIND}}`.
        kind: `single-label` or `multilabel`.
        fingerprint: hash of all their content.
        rows: examples by split.
        labels: label names.
        understood: how they were read, a sentence each, with the way to correct it.
    """

    name: str
    kind: str
    fingerprint: str
    rows: dict[str, int]
    labels: tuple[str, ...]
    understood: list[str]


def import_data(
    data: str | Path | Any,
    name: str,
    *,
    text: str | None = None,
    second: str | None = None,
    labels: str | Sequence[str] | None = None,
    group: str | None = None,
) -> Imported:
    """Import data of your own, as `bakeoff data import` does.

    Args:
        data: path of a file or a folder, its address (`s3://…`), or a pandas DataFrame.
        name: what the dataset is called from now on.
        text: the column of the text; None finds it out.
        second: the other text of a pair; an empty name means none, None finds it out.
        labels: the column of the labels, or a column a label; None finds it out.
        group: what rows that must stay in one split share.

    Returns:
        What was made of them.

    Raises:
        DataError: if they cannot be read or understood; the remedy says what to write.
    """
    from bakeoff.data.choosing import Columns
    from bakeoff.data.own import import_frame, import_own
    from bakeoff.records.paths import Home

    named = (labels,) if isinstance(labels, str) else tuple(labels) if labels else None
    columns = Columns(text=text, second=second, labels=named, group=group)
    if isinstance(data, str | Path):
        dataset, understood = import_own(Home.default(), name, data, columns)
    else:
        dataset, understood = import_frame(Home.default(), name, data, columns)
    return Imported(name, understood.kind, dataset.fingerprint, dataset.sizes, dataset.labels, understood.lines)
