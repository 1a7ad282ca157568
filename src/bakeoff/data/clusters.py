"""What examples belong together by, for the statistics: the unit of a test set is the cluster, not the example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.likeness import near_groups
from bakeoff.data.dataset import Dataset
from bakeoff.data.splitting import group_numbers, linked_numbers
from bakeoff.records.specs import Clusters


def find_clusters(dataset: Dataset, split: str, rows: NDArray[np.int64], by: Clusters) -> NDArray[np.int32] | None:
    """What rows belong to.

    Args:
        dataset: the dataset.
        split: the split.
        rows: row numbers in the split, [R].
        by: `near-duplicates`: groups of the dataset, contexts that several questions are on, and texts that are the same or
            nearly; `groups`: the first two alone; `none`: every row stands alone.

    Returns:
        Numbers from 0 in the order of their first rows, the same for rows that belong together, directly or over others, [R];
        None where every row stands alone.
    """
    parts: list[NDArray[np.int64]] = []
    if by != "none" and dataset.has("groups"):
        parts.append(group_numbers(dataset.groups(split, rows)))
    if by != "none" and dataset.has("answers"):
        parts.append(group_numbers(dataset.seconds(split, rows)))
    if by == "near-duplicates":
        seconds = dataset.seconds(split, rows) if dataset.has("seconds") else None
        parts.append(near_groups(dataset.texts(split, rows), seconds))
    return _joined(parts, len(rows))


def _joined(parts: Sequence[NDArray[np.int64]], rows: int) -> NDArray[np.int32] | None:
    if not parts:
        return None
    numbers = linked_numbers(parts)
    return None if len(np.unique(numbers)) == rows else numbers.astype(np.int32)
