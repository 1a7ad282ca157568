"""Pairs of similar texts among many, by MinHash and locality-sensitive hashing, each pair verified.

Broder, On the resemblance and containment of documents, SEQUENCES 1997; Leskovec, Rajaraman and Ullman, Mining of Massive
Datasets, chapter 3. A hash of a text's shingles keeps their least value under a permutation; two texts share it with the
probability of their similarity s. Bands of hashes are compared, so that a pair is looked at with probability
1 - (1 - s^rows)^bands: 0.999 at s = 0.7, 0.95 at s = 0.6, 0.01 at s = 0.15.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.shingles import FACTOR, Shingles, scramble, similarities

BANDS, ROWS = 24, 4
NEIGHBOURS = 12
"""A text is compared with so many that follow it in the same bucket: what many share is still linked, from one to the next."""
HASHED_AT_ONCE = 4_000_000
"""Shingles that are hashed at a time, which bounds the memory."""
SEED = 20_260_101


def similar_pairs(
    shingles: Shingles, threshold: float, halves: Sequence[Shingles] = ()
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of texts that are at least so alike.

    Args:
        shingles: of the texts, each text once.
        threshold: least similarity.
        halves: where texts are pairs of texts, of the one half and of the other: each must be as alike.

    Returns:
        Two numbers of texts each, the smaller first, [K, 2], and how alike they are, [K]. A pair is missed with the small
        probability that the head of this file gives.
    """
    pairs = _candidates(band_keys(shingles))
    alike = similarities(shingles, pairs)
    if halves:
        alike = np.min([similarities(half, pairs) for half in halves], axis=0)
    kept = alike >= threshold
    return pairs[kept], alike[kept]


def band_keys(shingles: Shingles) -> NDArray[np.uint64]:
    """A hash of each band of each text's MinHash signature.

    Args:
        shingles: of the texts, N of them.

    Returns:
        [BANDS, N].
    """
    texts = len(shingles.sizes)
    keys = np.zeros((BANDS, texts), dtype=np.uint64)
    factors = np.random.PCG64(SEED).random_raw((BANDS, ROWS)).astype(np.uint32) | np.uint32(1)
    first = 0
    while first < texts:
        last = int(np.searchsorted(shingles.starts, shingles.starts[first] + HASHED_AT_ONCE, side="right")) - 1
        last = min(texts, max(first + 1, last))
        begin, end = int(shingles.starts[first]), int(shingles.starts[last])
        hashes = shingles.hashes[begin:end]
        folded = (hashes ^ (hashes >> np.uint64(20))).astype(np.uint32)
        starts = shingles.starts[first:last] - begin
        for band in range(BANDS):
            for factor in factors[band]:
                least = np.minimum.reduceat(_permuted(folded, factor), starts)
                keys[band, first:last] = scramble(keys[band, first:last] * FACTOR + least)
        first = last
    return keys


def _permuted(values: NDArray[np.uint32], factor: np.uint32) -> NDArray[np.uint32]:
    """A permutation of all 32-bit numbers."""
    values = values * factor
    values ^= values >> np.uint32(15)
    values *= np.uint32(0x85EBCA6B)
    values ^= values >> np.uint32(13)
    return values


def _candidates(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs that share a bucket in some band, each once, [K, 2]."""
    texts = np.uint64(max(1, keys.shape[1]))
    found = [np.zeros(0, dtype=np.uint64)]
    for band in keys:
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        for step in range(1, NEIGHBOURS + 1):
            same = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not len(same):
                break
            ends = np.sort(np.stack([order[same], order[same + step]]), axis=0).astype(np.uint64)
            found.append(ends[0] * texts + ends[1])
        if sum(map(len, found)) > HASHED_AT_ONCE:
            found = [np.unique(np.concatenate(found))]
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // texts, pairs % texts], axis=1).astype(np.int64)
