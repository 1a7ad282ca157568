"""Splits that the owner of a dataset did not publish: stratified by labels, groups kept whole, the same for a seed.

Iterative stratification after Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011
(algorithm 1): the rarest label's rows go first, each to the split that still wants that label most. Exchanges follow, as long
as one brings the counts nearer to what they should be. All of it is counted in whole numbers, so every machine makes the same
splits.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

THOUSAND = 1_000
MOST_ROUNDS, MOST_EXCHANGES = 20, 200
MOST_WORK = 300_000_000
"""Bounds on exchanges: on rounds over all pairs of parts, on exchanges of two parts in a round, on counts that are looked at. A
split of a few thousand rows needs some dozens; what is dealt out to a million rows is near enough as it is."""


MOST_DEALT = 1_000_000
"""Rows up to which each is looked at by itself; more, if they stand alone, are dealt out by label sets, in less memory."""


def group_numbers(groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Groups as numbers, in the order in which they first occur.

    Args:
        groups: group of each row; an empty one is a group of that row alone.

    Returns:
        [N] from 0.
    """
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(group or ("alone", row), len(known)) for row, group in enumerate(groups)], dtype=np.int64)


def linked_numbers(partitions: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Rows that are linked by any of several partitions, directly or over others.

    Args:
        partitions: at least one; the part of each row as a number from 0, [N].

    Returns:
        Numbers from 0 in the order of their first rows, [N].
    """
    rows = len(partitions[0])
    first = np.tile(np.arange(rows), len(partitions))
    sizes = [int(part.max(initial=-1)) + 1 for part in partitions]
    second = np.concatenate([part + rows + sum(sizes[:number]) for number, part in enumerate(partitions)])
    nodes = rows + sum(sizes)
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(nodes, nodes))
    return group_numbers([f"{number}" for number in connected_components(links, directed=False)[1][:rows].tolist()])


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
    if groups is None and len(targets) > MOST_DEALT:
        return _deal_sets(np.asarray(targets) != 0, np.asarray(shares, dtype=np.float64) / sum(shares), seed)
    applies = np.asarray(targets) != 0
    # a last column that every row has: rows without labels are dealt out by it, and parts keep their sizes
    counts = np.concatenate([applies, np.ones((len(applies), 1), bool)], axis=1).astype(np.int32)
    number = group_numbers(groups) if groups is not None else np.arange(len(applies), dtype=np.int64)
    units = _sums(counts, number)
    part = _deal(units, np.asarray(shares, dtype=np.float64) / sum(shares), seed)
    _exchange(units, part, shares)
    return [np.flatnonzero(part[number] == which) for which in range(len(shares))]


def _sums(counts: NDArray[np.int32], number: NDArray[np.int64]) -> NDArray[np.int32]:
    """Label counts of each group, [U, L + 1]."""
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    if len(starts) == len(counts):
        return counts
    return np.asarray(np.add.reduceat(counts[order], starts, axis=0, dtype=np.int32))


def _deal(units: NDArray[np.int32], shares: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """The part of each unit (a row, or a group of rows), given its label counts [U, L + 1]."""
    # raw bits: their stream is guaranteed never to change between NumPy's versions
    ties = np.random.PCG64(seed).random_raw(len(units) + 1)
    wanted = units.sum(axis=0)[:, None] * shares[None, :]  # [L + 1, P]
    part = np.full(len(units), -1, dtype=np.int64)
    everything = units.shape[1] - 1
    present, alike = units > 0, _alike(units)
    left = present.sum(axis=0)
    while True:
        open_labels = np.flatnonzero(left[:everything] > 0)
        label = int(open_labels[np.argmin(left[open_labels])]) if len(open_labels) else everything
        chosen = np.flatnonzero(present[:, label] & (part < 0))
        if not len(chosen):
            return part
        # large groups first: what is small fills the gaps; those alike together
        chosen = chosen[np.lexsort((ties[chosen], alike[chosen], -units[chosen, everything]))]
        for some in np.split(chosen, np.flatnonzero(np.diff(alike[chosen])) + 1):
            given = _give(len(some), units[some[0]], wanted, label, ties[some])
            part[some] = np.repeat(np.arange(len(shares)), given)
            wanted -= units[some[0]][:, None] * given[None, :]
        left = left - present[chosen].sum(axis=0)


def _deal_sets(applies: NDArray[np.bool_], shares: NDArray[np.float64], seed: int) -> list[NDArray[np.int64]]:
    """Rows of each part, given which labels apply [N, L]: as `_deal` does it, set by set, and without exchanges."""
    packed = np.ascontiguousarray(np.packbits(applies, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    first, found, rows = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)[1:]
    sets = np.concatenate([applies[first], np.ones((len(first), 1), dtype=np.bool_)], axis=1).astype(np.int64)
    code = found.ravel().astype(np.int32)
    ties = np.random.PCG64(seed).random_raw(len(applies))
    order = np.lexsort((ties, code))
    starts = np.concatenate([np.zeros(1, np.int64), rows.cumsum()])
    wanted = (sets * rows[:, None]).sum(axis=0)[:, None] * shares[None, :]
    part, waiting = np.zeros(len(applies), dtype=np.int8), np.ones(len(sets), dtype=np.bool_)
    while waiting.any():
        left = (sets * rows[:, None])[waiting].sum(axis=0)[:-1]
        label = int(np.argmin(np.where(left > 0, left, len(applies) + 1))) if left.any() else sets.shape[1] - 1
        for chosen in np.flatnonzero(waiting & (sets[:, label] > 0)).tolist():
            own = order[starts[chosen] : starts[chosen + 1]]
            given = _give(len(own), sets[chosen].astype(np.int32), wanted, label, ties[own])
            part[own] = np.repeat(np.arange(len(shares)), given)
            wanted -= sets[chosen][:, None] * given[None, :]
            waiting[chosen] = False
    return [np.flatnonzero(part == which) for which in range(len(shares))]


def _alike(units: NDArray[np.int32]) -> NDArray[np.int64]:
    """A number for each unit, the same for those with the same counts, [U]."""
    if not len(units):
        return np.zeros(0, dtype=np.int64)
    packed = np.ascontiguousarray(np.packbits(units > 0, axis=1) if units.max() <= 1 else units)
    keys = packed.view(np.dtype((np.void, packed.shape[1] * packed.itemsize))).ravel()
    return np.unique(keys, return_inverse=True)[1].ravel().astype(np.int64)


def _give(
    count: int, unit: NDArray[np.int32], wanted: NDArray[np.float64], label: int, ties: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """How many of some units with the same counts go to each part, [P]: by what is wanted, the last ones to the neediest."""
    given = np.zeros(wanted.shape[1], dtype=np.int64)
    open_wants = np.round(np.maximum(wanted[label], 0), 9)
    if open_wants.any():
        given = np.floor(np.round(count * open_wants / open_wants.sum(), 9)).astype(np.int64)
    for number in range(count - int(given.sum())):
        now = wanted[[label, -1]] - unit[[label, -1], None] * given[None, :]
        given[_neediest(now[0].tolist(), now[1].tolist(), int(ties[number]))] += 1
    return given


def _exchange(units: NDArray[np.int32], part: NDArray[np.int64], shares: Sequence[float]) -> None:
    """Move units [U, L + 1] between parts [U], in place, as long as the squared distance of all counts from their aims falls.

    Distances are kept in thousandths of a row, as whole numbers.
    """
    whole = sum(map(Fraction, shares))
    aims = np.array([[int(THOUSAND * int(count) * Fraction(share) / whole) for count in units.sum(axis=0)] for share in shares])
    over = -aims
    for which in range(len(shares)):
        over[which] += THOUSAND * units[part == which].sum(axis=0)
    weight = THOUSAND * np.einsum("ul,ul->u", units, units, dtype=np.int64)
    pairs = list(itertools.combinations(range(len(shares)), 2))
    looks = MOST_WORK // max(1, 2 * units.size)
    for _ in range(MOST_ROUNDS):
        made = [_exchange_two(units, weight, part, over, pair, min(MOST_EXCHANGES, looks // len(pairs))) for pair in pairs]
        looks -= sum(made) + len(pairs)
        if not any(made) or looks < len(pairs):
            return


def _exchange_two(
    units: NDArray[np.int32],
    weight: NDArray[np.int64],
    part: NDArray[np.int64],
    over: NDArray[np.int64],
    pair: tuple[int, int],
    most: int,
) -> int:
    """Exchange units between two parts until no exchange of one or two units brings them nearer; how many were made."""
    for made in range(most):
        found = [_best_exchange(units, weight, part, over[list(way)], way) for way in (pair, pair[::-1])]
        gain, chosen, (here, there) = min(found, key=lambda exchange: exchange[0])
        if gain >= 0:
            return made
        for unit, (giver, taker) in zip(chosen, ((here, there), (there, here)), strict=False):
            part[unit] = taker
            over[giver] -= THOUSAND * units[unit]
            over[taker] += THOUSAND * units[unit]
    return most


def _best_exchange(
    units: NDArray[np.int32], weight: NDArray[np.int64], part: NDArray[np.int64], over: NDArray[np.int64], way: tuple[int, int]
) -> tuple[int, tuple[int, ...], tuple[int, int]]:
    """What moving the best unit from one part to another changes, alone or against the best one of the other; half the
    change of the squared distance, in thousandths.
    """
    here, there = (np.flatnonzero(part == which) for which in way)
    if not len(here):
        return 0, (), way
    toward = over[1] - over[0]
    costs = units[here] @ toward + weight[here]
    best = int(np.argmin(costs))
    unit, cost = int(here[best]), int(costs[best])
    if not len(there):
        return cost, (unit,), way
    toward = toward + 2 * THOUSAND * units[unit]
    back = weight[there] - units[there] @ toward
    other = int(np.argmin(back))
    if back[other] < 0:
        return cost + int(back[other]), (unit, int(there[other])), way
    return cost, (unit,), way


def _neediest(wanted: list[float], rows: list[float], tie: int) -> int:
    """The part that still wants most of a label; among equals the one that wants most rows; then by lot."""
    parts = range(len(wanted))
    return max(parts, key=lambda which: (round(wanted[which], 9), round(rows[which], 9), (tie >> (8 * (which % 8))) & 255))
