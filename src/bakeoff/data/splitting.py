"""Splits that the owner of a dataset did not publish: stratified by labels, groups kept whole, the same for a seed.

Iterative stratification after Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011
(algorithm 1): the rarest label's rows go first, each to the split that still wants that label most.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def group_numbers(groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Groups as numbers, in the order in which they first occur.

    Args:
        groups: group of each row; an empty one is a group of that row alone.

    Returns:
        [N] from 0.
    """
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(group or ("alone", row), len(known)) for row, group in enumerate(groups)], dtype=np.int64)


def linked_groups(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Groups of rows that share an item, directly or over others: pairs of sentences that have a sentence in common.

    Args:
        pairs: two items of each row.

    Returns:
        For each row the name of its group: an item that stands for all that are linked with it.
    """
    parent: dict[str, str] = {}

    def root(item: str) -> str:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for first, second in pairs:
        parent[root(first)] = root(second)
    return [root(first) for first, _ in pairs]


def stratified_split(
    targets: NDArray[np.uint8], shares: Sequence[float], seed: int, groups: Sequence[Hashable] | None = None
) -> list[NDArray[np.int64]]:
    """Split rows so that every part has about the same share of every label, and no group is in two parts.

    Args:
        targets: [N, L], nonzero where the label applies.
        shares: share of each part, above 0; they are scaled to add up to 1.
        seed: any integer from 0.
        groups: group of each row; an empty one stands alone; None means that all do.

    Returns:
        Row numbers of each part, ascending; together they are all rows, each once.

    Raises:
        ValueError: if a share is not above 0.
    """
    if not shares or min(shares) <= 0:
        raise ValueError(f"every share must be above 0: {list(shares)}")
    applies = np.asarray(targets) != 0
    # a last column that every row has: rows without labels are dealt out by it, and parts keep their sizes
    counts = np.concatenate([applies, np.ones((len(applies), 1), bool)], axis=1).astype(np.int64)
    number = group_numbers(groups) if groups is not None else np.arange(len(applies), dtype=np.int64)
    units = np.zeros((int(number.max(initial=-1)) + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(units, number, counts)
    part = _deal(units, np.asarray(shares, dtype=np.float64) / sum(shares), seed)
    return [np.flatnonzero(part[number] == which) for which in range(len(shares))]


def _deal(units: NDArray[np.int64], shares: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """The part of each unit (a row, or a group of rows), given its label counts [U, L + 1]."""
    # raw bits: their stream is guaranteed never to change between NumPy's versions
    ties = np.random.PCG64(seed).random_raw(len(units) + 1)
    wanted = (units.sum(axis=0)[:, None] * shares[None, :]).tolist()  # [L + 1][P]
    part = np.full(len(units), -1, dtype=np.int64)
    everything = units.shape[1] - 1
    present = units > 0
    left = present.sum(axis=0)
    while True:
        open_labels = np.flatnonzero(left[:everything] > 0)
        label = int(open_labels[np.argmin(left[open_labels])]) if len(open_labels) else everything
        chosen = np.flatnonzero(present[:, label] & (part < 0))
        if not len(chosen):
            return part
        # large groups first: what is small fills the gaps
        for unit in chosen[np.lexsort((ties[chosen], -units[chosen, everything]))].tolist():
            best = _neediest(wanted[label], wanted[everything], int(ties[unit]))
            part[unit] = best
            for column in np.flatnonzero(units[unit]).tolist():
                wanted[column][best] -= int(units[unit, column])
        left = left - present[chosen].sum(axis=0)


def _neediest(wanted: list[float], rows: list[float], tie: int) -> int:
    """The part that still wants most of a label; among equals the one that wants most rows; then by lot."""
    parts = range(len(wanted))
    return max(parts, key=lambda which: (round(wanted[which], 9), round(rows[which], 9), (tie >> (8 * (which % 8))) & 255))
