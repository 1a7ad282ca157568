"""Which texts are the same, or nearly: exact and near duplicates, and the groups that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bakeoff.data.audit.minhash import similar_pairs
from bakeoff.data.audit.shingles import bare, distinct, make_shingles, plain

SIMILARITY = 0.7
"""Least similarity of near duplicates."""
SHORTEST = 20
"""Signs of a bare text below which two people may well have written nearly the same: only exact duplicates count there."""
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Likeness:
    """Which of some texts are alike.

    Attributes:
        exact: number of what each text says, the same for exact duplicates, [N].
        bare: number of what it says without punctuation, [N].
        long: whether a bare text is long enough for near duplicates to mean something, by number, [B].
        pairs: bare texts that are nearly the same, two numbers each, [K, 2].
        alike: how alike they are, [K].
    """

    exact: NDArray[np.int64]
    bare: NDArray[np.int64]
    long: NDArray[np.bool_]
    pairs: NDArray[np.int64]
    alike: NDArray[np.float64]

    def groups(self) -> NDArray[np.int64]:
        """Groups of texts that are the same or nearly, directly or over others.

        Returns:
            Numbers from 0, [N]; a text that is like no other has one of its own.
        """
        exact, said = int(self.exact.max(initial=-1)) + 1, len(self.long)
        bare = np.where(self.long[self.bare], self.bare, said + self.exact)  # a short one stands for what it says exactly
        first, second = [self.pairs[:, 0], bare], [self.pairs[:, 1], said + self.exact]
        linked = _components(np.concatenate(first), np.concatenate(second), said + exact)[bare]
        return np.unique(linked, return_inverse=True)[1].ravel().astype(np.int64)


def _components(first: NDArray[np.int64], second: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(nodes, nodes))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def find_likeness(texts: Sequence[str], seconds: Sequence[str] | None = None, similarity: float = SIMILARITY) -> Likeness:
    """Find what is the same among texts, or among pairs of texts.

    Args:
        texts: N of them.
        seconds: the other text of each pair, which must be alike too; None for single texts.
        similarity: shingles that two near duplicates share over shingles that either has.

    Returns:
        What is alike.
    """
    firsts = [plain(text) for text in texts]
    others = None if seconds is None else [plain(text) for text in seconds]
    exact = distinct(_joined(firsts, others))[1]
    bares = [bare(text) for text in firsts]
    other_bares = None if others is None else [bare(text) for text in others]
    said, numbers = distinct(_joined(bares, other_bares))
    long = np.fromiter(map(len, said), dtype=np.int64, count=len(said)) >= SHORTEST
    kept = np.flatnonzero(long)
    longer = [said[number] for number in kept.tolist()]
    halves = [] if seconds is None else [make_shingles([text.split(SEPARATOR)[half] for text in longer]) for half in (0, 1)]
    pairs, alike = similar_pairs(make_shingles(longer), similarity, halves)
    return Likeness(exact, numbers, long, kept[pairs], alike)


def _joined(firsts: list[str], seconds: list[str] | None) -> list[str]:
    if seconds is None:
        return firsts
    return [first + SEPARATOR + second for first, second in zip(firsts, seconds, strict=True)]


def near_groups(
    texts: Sequence[str], seconds: Sequence[str] | None = None, similarity: float = SIMILARITY
) -> NDArray[np.int64]:
    """Groups of texts that are the same or nearly the same.

    Args:
        texts: N of them.
        seconds: the other text of each pair; None for single texts.
        similarity: see `find_likeness`.

    Returns:
        Numbers from 0, [N].
    """
    return find_likeness(texts, seconds, similarity).groups()
