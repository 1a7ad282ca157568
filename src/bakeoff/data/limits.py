"""Draw a part of a split that looks like the whole: stratified by label set, the same for every trial of a study."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.dataset import Dataset


def sample_rows(dataset: Dataset, split: str, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Row numbers of a split, at most `limit` of them.

    Args:
        dataset: the dataset.
        split: which split.
        limit: how many rows, at least 1; None means all, and so does a number that is not below the split's size.
        seed: the study's `data_seed`.

    Returns:
        [R] row numbers, ascending; a pure function of the split's targets, its rows' sources, the limit and the seed.

    Raises:
        ValueError: if the limit is below 1.
    """
    size = dataset.size(split)
    if limit is None or limit >= size:
        return np.arange(size, dtype=np.int64)
    return stratified_rows(dataset.targets(split), limit, seed, dataset.source_numbers(split) if dataset.source_names else None)


def stratified_rows(
    targets: NDArray[np.uint8], limit: int, seed: int, strata: NDArray[np.int32] | None = None
) -> NDArray[np.int64]:
    """Draw rows so that label sets, and with them labels, keep their shares.

    Rows are put in order by their rarest label, then by the rest of their label set, at random within equal sets; then
    every (N / limit)-th row is taken from a random start. So each label set, and each group of rows with the same rarest
    label, gets its share up to one row, and every row has the same chance. A label that this leaves without a row, though
    the split has one, then takes the place of a row whose labels are all had more than once. Rows of several strata are put in
    order by stratum first, so that each stratum, and each of its label sets, keeps its share.

    Args:
        targets: [N, L], nonzero where the label applies.
        limit: how many rows, from 1 to N.
        seed: any integer from 0.
        strata: a number of each row, [N], such as its source; None means that there is but one.

    Returns:
        [limit] row numbers, ascending.

    Raises:
        ValueError: if the limit is not from 1 to N.
    """
    rows = len(targets)
    if not 1 <= limit <= rows:
        raise ValueError(f"a limit of {limit} rows cannot be drawn from {rows}")
    applies = targets != 0
    # Raw bits of the generator: their stream is guaranteed never to change between NumPy's versions.
    bits = np.random.PCG64(seed)
    ties = bits.random_raw(rows)
    start = int(bits.random_raw()) % rows
    order = _by_label_set(applies, ties)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    taken = order[(np.arange(limit, dtype=np.int64) * rows + start) // limit]
    return np.sort(_with_every_label(applies, taken, ties))


def _by_label_set(applies: NDArray[np.bool_], ties: NDArray[np.uint64]) -> NDArray[np.int64]:
    """All rows, ordered by label set with the rarest label first, at random within a set."""
    by_rarity = np.argsort(applies.sum(axis=0), kind="stable")
    packed = np.packbits(applies[:, by_rarity], axis=1)
    if packed.shape[1] == 0:
        return np.argsort(ties, kind="stable").astype(np.int64)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    label_set = np.unique(keys, return_inverse=True)[1].ravel()
    return np.lexsort((ties, label_set)).astype(np.int64)


def _with_every_label(applies: NDArray[np.bool_], taken: NDArray[np.int64], ties: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Exchange rows until every label of the split is in the sample, as far as the sample is large enough."""
    taken = taken.copy()
    held = applies[taken].sum(axis=0)
    totals = applies.sum(axis=0)
    expected = totals * (len(taken) / len(applies))
    lost = np.flatnonzero((held == 0) & (totals > 0))
    for label in lost[np.argsort(totals[lost], kind="stable")]:
        if held[label]:  # an exchange for another label brought it
            continue
        spare = np.flatnonzero(~(applies[taken] & (held <= 1)).any(axis=1))
        if not len(spare):
            break
        candidates = np.flatnonzero(applies[:, label])
        new = candidates[np.argmin(ties[candidates])]
        # the row is given up whose labels are the most above their shares
        surplus = (held - expected) / np.sqrt(np.maximum(expected, 1))
        place = spare[np.argmax((applies[taken[spare]] * surplus).sum(axis=1))]
        held += applies[new].astype(held.dtype) - applies[taken[place]].astype(held.dtype)
        taken[place] = new
    return taken
