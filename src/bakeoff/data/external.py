"""Predictions from elsewhere, laid beside the rows of a dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.dataset import Dataset
from bakeoff.errors import DataError
from bakeoff.records.predictions import Labels, Predictions

SHOWN = 3
REMEDY = (
    "one file with the columns id, gold, prediction and seed for all examples of validation and test; `bakeoff compare` does "
    "with a test set alone"
)


def decisions(
    found: Predictions, dataset: Dataset, split: str, rows: NDArray[np.int64], seed: int, any_seed: bool = False
) -> NDArray[np.bool_]:
    """What was predicted for the rows of a split.

    Args:
        found: the predictions.
        dataset: the dataset.
        split: the split.
        rows: its rows, [R].
        seed: the training run that is meant.
        any_seed: whether what was predicted once counts for every seed.

    Returns:
        Whether each row was given each label, [R, L].

    Raises:
        DataError: if seed, rows or labels are missing, or the file has another truth than the dataset.
    """
    alone = any_seed and len(found.said) == 1
    if seed not in found.said and not alone:
        held = ", ".join(str(one) for one in found.said)
        remedy = f"give the runs these seeds in the column `seed`, or the study the seeds {held}"
        raise DataError(f"there are no predictions for seed {seed}, only for {held}", str(found.path), remedy)
    said = next(iter(found.said.values())) if alone else found.said[seed]
    places = {example: place for place, example in enumerate(found.ids)}
    ids = dataset.ids(split, rows)
    missing = [example for example in ids if example not in places]
    if missing:
        problem = f"{len(missing)} of {len(ids)} examples of {split} have no prediction, such as {', '.join(missing[:SHOWN])}"
        raise DataError(problem, str(found.path), REMEDY)
    chosen = [places[example] for example in ids]
    flags = _flags([said[place] for place in chosen], dataset, found)
    gold = _flags([found.gold[place] for place in chosen], dataset, found)
    targets = dataset.targets(split, rows)
    other = ((targets > 0) != gold) & (targets <= 1)
    if other.any():
        row = int(np.argmax(other.any(axis=1)))
        problem = f"another gold than the dataset {dataset.name} has for {ids[row]!r} of {split}"
        raise DataError(problem, str(found.path), "predictions for this very dataset")
    return flags


def _flags(rows: list[Labels], dataset: Dataset, found: Predictions) -> NDArray[np.bool_]:
    columns = {label: place for place, label in enumerate(dataset.labels)}
    # an .npz file says labels by their number
    numbers = {str(place): place for place in range(len(columns))} if found.path.suffix.lower() == ".npz" else {}
    flags = np.zeros((len(rows), len(columns)), dtype=np.bool_)
    for row, labels in enumerate(rows):
        for label in labels:
            place = columns.get(label, numbers.get(label))
            if place is None:
                known = ", ".join(list(columns)[:8])
                raise DataError(
                    f"the dataset {dataset.name} has no label {label!r}", str(found.path), f"its labels: {known}, …"
                )
            flags[row, place] = True
    return flags
