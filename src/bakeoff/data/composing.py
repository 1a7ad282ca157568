"""Several datasets as one: labels told in one set, what a source does not annotate known for each row, context added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.context import preceding
from bakeoff.data.dataset import Dataset, open_dataset, write_dataset
from bakeoff.data.limits import stratified_rows
from bakeoff.data.mapping import Mapping, make_mapping, target_labels
from bakeoff.data.rows import SPLITS, Import, Row
from bakeoff.data.store import find_dataset
from bakeoff.errors import DataError, FormatError
from bakeoff.records.compositions import Composition, Source
from bakeoff.records.files import canonical_json, read_document, sha256_bytes, write_document
from bakeoff.records.limits import rows_within
from bakeoff.records.paths import Home

COMPOSED_VERSION = 1
COMPOSER_VERSION = 2
"""Rises when the same sources would be put together in another way."""
SINGLE_LABEL = "single-label"


def compose(home: Home, composition: Composition) -> Dataset:
    """Put a task's sources together and store them; the same sources, asked for alike, are put together once.

    Args:
        home: where datasets are kept.
        composition: what is asked for.

    Returns:
        The stored dataset.

    Raises:
        DataError: if a source is not here, or does not fit its label map or the other sources.
    """
    datasets = [find_dataset(home, source.dataset) for source in composition.sources]
    body = {
        "asked": composition.model_dump(),
        "datasets": [dataset.fingerprint for dataset in datasets],
        "composer": COMPOSER_VERSION,
    }
    key = sha256_bytes(canonical_json(body).encode())
    known = home.datasets / composition.name / f"composed-{key[:16]}.json"
    stored = _stored(known, key)
    if stored is not None:
        return stored
    dataset = write_dataset(home, put_together(composition, datasets))
    write_document(known, "composed-data", COMPOSED_VERSION, {"key": key, "fingerprint": dataset.fingerprint})
    return dataset


def _stored(known: Path, key: str) -> Dataset | None:
    """What was put together before, if it is whole."""
    if not known.is_file():
        return None
    try:
        body = read_document(known, "composed-data", COMPOSED_VERSION)
        return open_dataset(known.parent / str(body["fingerprint"])) if body["key"] == key else None
    except (FormatError, DataError):
        return None


@dataclass
class _Gathered:
    """The rows of one source, and what became of those that are not among them."""

    rows: dict[str, list[Row]]
    dropped: dict[str, Counter[str]]


def put_together(composition: Composition, datasets: Sequence[Dataset]) -> Import:
    """Put sources together.

    Args:
        composition: what is asked for.
        datasets: the sources' datasets, in their order.

    Returns:
        All rows, those of a source in their order, one source after another; ids begin with the source's name where there is
        more than one.

    Raises:
        DataError: if a source does not fit its label map, its context or the other sources.
    """
    labels = target_labels(composition.sources, datasets)
    splits: dict[str, list[Row]] = {split: [] for split in SPLITS}
    dropped: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    alone = len(composition.sources) == 1
    accounts = []
    for number, (source, dataset) in enumerate(zip(composition.sources, datasets, strict=True)):
        gathered = _gather(composition, source, dataset, make_mapping(source, dataset, labels))
        for split, rows in gathered.rows.items():
            splits[split] += rows if alone else [_named(row, source.name, number) for row in rows]
            lost = gathered.dropped[split]
            dropped[split] |= {reason if alone else f"{source.name}: {reason}": count for reason, count in lost.items()}
        accounts.append(_account(source, dataset, gathered))
    empty = [split for split, rows in splits.items() if not rows]
    if empty:
        raise DataError(
            f"no source has a row for {empty[0]}", composition.name, "add a source with one, or change the label map"
        )
    return Import(
        name=composition.name,
        labels=labels,
        splits=splits,
        dropped={split: lost for split, lost in dropped.items() if lost},
        sources={f"{account['name']}: {account['dataset']}": account["fingerprint"] for account in accounts},
        terms="; ".join(dict.fromkeys(str(dataset.card["terms"]) for dataset in datasets)),
        splitting="; ".join(dict.fromkeys(text for dataset in datasets if (text := str(dataset.card["splitting"])))),
        source_names=() if alone else tuple(source.name for source in composition.sources),
        accounts=accounts,
    )


def _named(row: Row, name: str, number: int) -> Row:
    return row._replace(id=f"{name}:{row.id}", group=row.group and f"{name}:{row.group}", source=number)


def _account(source: Source, dataset: Dataset, gathered: _Gathered) -> dict[str, Any]:
    """What a dataset's card tells of a source."""
    return {
        "name": source.name,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "terms": str(dataset.card["terms"]),
        "map": source.map and {**source.map.model_dump(), "hash": source.map.content_hash},
        "context": source.context and source.context.model_dump(),
        "rows": {split: len(rows) for split, rows in gathered.rows.items()},
        "dropped": {split: dict(lost) for split, lost in gathered.dropped.items()},
    }


def _gather(composition: Composition, source: Source, dataset: Dataset, mapping: Mapping) -> _Gathered:
    gathered = _Gathered({}, {split: _dropped_before(dataset, split) for split in SPLITS})
    for split in SPLITS:
        if split not in dataset.splits:
            gathered.rows[split] = []
            continue
        rows, lost = _told(composition, source, dataset, mapping, split)
        limit = rows_within(getattr(source, f"{split}_limit"), len(rows))
        if limit is not None and limit < len(rows):
            chosen = stratified_rows(_dense(rows, mapping.width), limit, composition.data_seed)
            rows = [rows[place] for place in chosen]
        gathered.rows[split] = rows
        gathered.dropped[split] += lost
    return gathered


def _dropped_before(dataset: Dataset, split: str) -> Counter[str]:
    """Rows of the dataset's own files that are not among its examples."""
    return Counter(dataset.card["splits"].get(split, {}).get("dropped", {}))


def _told(
    composition: Composition, source: Source, dataset: Dataset, mapping: Mapping, split: str
) -> tuple[list[Row], Counter[str]]:
    """The rows of a split in the task's labels, and how many are left out, by reason."""
    lost: Counter[str] = Counter()
    rows = []
    own = dataset.annotation_sets(split)
    for row, positions, annotated in zip(_rows(source, dataset, split), dataset.positions(split), own, strict=True):
        found = mapping.of(positions, annotated)
        if found.left_out:
            lost[f"the label {found.left_out} is left out"] += 1
        elif composition.kind == SINGLE_LABEL and len(found.labels) != 1:
            lost["no label in this task" if not found.labels else "several labels in this task"] += 1
        else:
            rows.append(row._replace(labels=found.labels, annotated=found.annotated))
    return rows, lost


def _rows(source: Source, dataset: Dataset, split: str) -> list[Row]:
    """The rows of a split without labels."""
    ids, texts = dataset.ids(split), dataset.texts(split)
    seconds, groups = dataset.seconds(split), dataset.groups(split)
    if source.context is not None:
        _check_context(source, dataset)
        seconds = preceding(texts, groups, source.context)
    return [Row(*fields) for fields in zip(ids, texts, [()] * len(ids), seconds, groups, strict=True)]


def _check_context(source: Source, dataset: Dataset) -> None:
    if dataset.has("seconds"):
        raise DataError(f"{dataset.name} has pairs of texts, which take no context", source.name, "leave context out")
    if not dataset.has("groups"):
        problem = f"{dataset.name} does not say which rows are of one dialogue"
        raise DataError(problem, source.name, "columns: {group: COLUMN} for a file of your own, or leave context out")


def _dense(rows: Sequence[Row], labels: int) -> NDArray[np.uint8]:
    targets = np.zeros((len(rows), labels), dtype=np.uint8)
    for number, row in enumerate(rows):
        targets[number, list(row.labels)] = 1
    return targets
