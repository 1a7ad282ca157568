"""Prediction files from anywhere: example ids, what is true, what was said; of one training run, or of one a seed.

One row an example (and seed) with the columns `id`, `gold`, `prediction` and, where there are any, `seed` and `cluster` (what
belongs together: a dialogue, an article). A label is a text; several are joined by `|`, or a list; none is empty. An `.npz`
file has the arrays `ids` [N], `gold` [N, L], `predictions` [N, L] or, with `seeds` [S], [S, N, L], and `clusters` [N]. No
pickle is loaded.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import DataError, MissingPackageError

COLUMNS = ("id", "gold", "prediction")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".npz", ".parquet")
REMEDY = (
    "one row an example with the columns id, gold, prediction, and seed where there are several; see `bakeoff compare --help`"
)
ONE_SEED = 0
Labels = frozenset[str]


@dataclass(frozen=True)
class Predictions:
    """What one recipe said of a test set.

    Attributes:
        name: what it is called.
        path: the file.
        ids: the examples, N of them, in the order of the first seed.
        gold: labels that each example bears, [N].
        said: labels that each is given, [N], by seed.
        clusters: what examples belong together by, [N]; empty where each stands alone.
        single: whether every example bears and is given exactly one label.
    """

    name: str
    path: Path
    ids: list[str]
    gold: list[Labels]
    said: dict[int, list[Labels]]
    clusters: list[str]

    @property
    def single(self) -> bool:
        """Whether every example bears and is given exactly one label."""
        return all(len(labels) == 1 for part in (self.gold, *self.said.values()) for labels in part)


def read_predictions(path: Path, name: str = "") -> Predictions:
    """Read a prediction file.

    Args:
        path: a `.csv`, `.tsv`, `.jsonl`, `.npz` or `.parquet` file.
        name: what to call it; the file's name without its suffix by default.

    Returns:
        The predictions.

    Raises:
        DataError: if the file cannot be read as such, an example stands twice, or seeds differ in examples or gold.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"no prediction file: {suffix or 'no suffix'}", str(path), f"one of {', '.join(SUFFIXES)}")
    try:
        rows = list(_npz_rows(path) if suffix == ".npz" else _rows(path, suffix))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, csv.Error) as error:
        raise DataError(f"the predictions cannot be read: {error}", str(path), REMEDY) from error
    return _gather(name or path.stem, path, rows)


def _rows(path: Path, suffix: str) -> Iterable[Mapping[str, Any]]:
    if suffix == ".parquet":
        return _parquet_rows(path)
    text = path.read_text(encoding="utf-8-sig")
    if suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return list(csv.DictReader(io.StringIO(text), delimiter="\t" if suffix == ".tsv" else ",", strict=True))


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackageError("pyarrow", "reading Parquet files", "data") from error
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    return rows


def _npz_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    # opened here, so that it is closed if it is torn, too
    with path.open("rb") as stream, zipfile.ZipFile(stream):
        stream.seek(0)
        archive = np.load(stream, allow_pickle=False)
        arrays = {key: archive[key] for key in archive.files}
    ids, gold, said = arrays["ids"], arrays["gold"].astype(bool), arrays["predictions"].astype(bool)
    seeds = [int(seed) for seed in arrays["seeds"]] if "seeds" in arrays else [ONE_SEED]
    said = said[None] if said.ndim == 2 else said
    if gold.ndim != 2 or said.shape != (len(seeds), *gold.shape) or len(ids) != len(gold):
        raise ValueError(f"ids {ids.shape}, gold {gold.shape} and predictions {said.shape} do not fit {len(seeds)} seeds")
    clusters = arrays.get("clusters")
    if clusters is not None and len(clusters) != len(ids):
        raise ValueError(f"{len(clusters)} clusters for {len(ids)} ids")
    for place, seed in enumerate(seeds):
        for row in range(len(ids)):
            cluster = {} if clusters is None else {"cluster": str(clusters[row])}
            true, given = (_places(flags) for flags in (gold[row], said[place, row]))
            yield {"id": str(ids[row]), "gold": true, "prediction": given, "seed": seed, **cluster}


def _places(flags: NDArray[np.bool_]) -> list[str]:
    return [str(place) for place in np.flatnonzero(flags)]


def _labels(value: Any) -> Labels:
    if value is None:
        return frozenset()
    if isinstance(value, list):
        return frozenset(str(label) for label in value)
    return frozenset(part for part in str(value).split("|") if part)


def _gather(name: str, path: Path, rows: Sequence[Mapping[str, Any]]) -> Predictions:
    by_seed: dict[int, dict[str, tuple[Labels, Labels, str]]] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or any(column not in row for column in COLUMNS):
            raise DataError(f"row {number} lacks one of the columns {', '.join(COLUMNS)}", str(path), REMEDY)
        example, seed = str(row["id"]), _seed(row, number, path)
        found = by_seed.setdefault(seed, {})
        if example in found:
            raise DataError(f"row {number}: the example {example!r} stands twice (seed {seed})", str(path), REMEDY)
        found[example] = _labels(row["gold"]), _labels(row["prediction"]), str(row.get("cluster") or "")
    if not by_seed:
        raise DataError("the file holds no predictions", str(path), REMEDY)
    first = next(iter(by_seed.values()))
    for seed, found in by_seed.items():
        if found.keys() != first.keys() or any(found[example][0] != first[example][0] for example in first):
            raise DataError(f"seed {seed} has other examples or another gold than the first", str(path), REMEDY)
    clusters = [cluster for _, _, cluster in first.values()]
    return Predictions(
        name=name,
        path=path,
        ids=list(first),
        gold=[gold for gold, _, _ in first.values()],
        said={seed: [found[example][1] for example in first] for seed, found in by_seed.items()},
        clusters=clusters if any(clusters) else [],
    )


def _seed(row: Mapping[str, Any], number: int, path: Path) -> int:
    value = row.get("seed")
    if value in (None, ""):
        return ONE_SEED
    try:
        return int(str(value))
    except ValueError as error:
        raise DataError(f"row {number}: the seed {value!r} is no whole number", str(path), REMEDY) from error
