"""What must stay in one split of a user's own data: what its owner says, and texts that are the same or nearly."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.likeness import near_groups
from bakeoff.data.columns import Column
from bakeoff.data.splitting import linked_numbers

MOST_NEAR = 20_000
"""Rows up to which nearly equal texts are looked for; in more, equal ones alone."""
MOST_BYTES = 20_000_000
"""Bytes of texts up to which the same holds."""
LARGEST = 0.05
"""Share of the rows that one group of like texts may have: texts made from one template are examples, not copies."""


def groups_of(
    texts: Sequence[Column], seconds: Sequence[Column] | None, groups: Sequence[Column] | None, rows: NDArray[np.int64]
) -> tuple[Sequence[Hashable] | None, str]:
    """What rows belong to.

    Args:
        texts: of all files.
        seconds: the other texts of pairs, or None.
        groups: what the owner says, or None.
        rows: row numbers over all files, [R].

    Returns:
        The group of each of those rows, or None where every row stands alone; and what was kept together, in words.
    """
    parts, how = [], ""
    if groups is not None:
        owned = np.concatenate([column.hashes() for column in groups])[rows]
        alone = np.concatenate([column.blank() for column in groups])[rows]
        parts.append(_numbers(np.where(alone, np.arange(len(rows)), owned)))
        how += ", groups kept together"
    alike, said = _alike(texts, seconds, rows)
    if alike is not None:
        parts.append(alike)
        how += f", {said} kept together"
    if not parts:
        return None, how
    linked = linked_numbers(parts) if len(parts) > 1 else parts[0]
    return [number + 1 for number in linked.tolist()], how


def _alike(
    texts: Sequence[Column], seconds: Sequence[Column] | None, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, str]:
    """Numbers of texts that are the same or nearly; None where no two are, or too many."""
    if len(rows) <= MOST_NEAR and sum(column.size for column in (*texts, *(seconds or ()))) <= MOST_BYTES:
        found = near_groups(_some(texts, rows), _some(seconds, rows) if seconds else None)
        if np.bincount(found).max(initial=0) <= max(2, LARGEST * len(rows)):
            return (None, "") if len(np.unique(found)) == len(rows) else (found, "texts that are nearly the same")
    hashes = np.concatenate([column.hashes() for column in texts])[rows]
    if seconds is not None:
        hashes = hashes * 31 + np.concatenate([column.hashes() for column in seconds])[rows]
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return None, ""
    found = _numbers(hashes)
    if np.bincount(found).max(initial=0) > max(2, LARGEST * len(rows)):
        return None, ""
    return found, "equal texts"


def _some(columns: Sequence[Column], rows: NDArray[np.int64]) -> list[str]:
    wanted = np.zeros(sum(map(len, columns)), dtype=np.bool_)
    wanted[rows] = True
    return list(itertools.compress(itertools.chain.from_iterable(column.shown() for column in columns), wanted.tolist()))


def _numbers(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(values, return_inverse=True)[1].ravel().astype(np.int64)
