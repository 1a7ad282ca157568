"""Batches without padding: real tokens in one row, and an index that re-pads what attention alone needs.

Rows of a batch are ordered by length and cut into groups of similar length. Everything that works on single tokens
(embeddings, projections, feed-forward, norms) sees `[1, T]` real tokens; attention sees a small padded tensor a group. The
result of each row is the same as in a padded batch, up to the rounding of floating-point sums.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAX_GROUPS = 4
GROUP_OVERHEAD = 4_000
"""Cost of one more group, in padded attention cells (rows · length²): below this a group is not worth its launches."""


@dataclass(frozen=True)
class Group:
    """Rows of similar length that attend together.

    Attributes:
        tokens: half-open range of the group's tokens in the packed row.
        rows: number of rows n.
        length: the longest row, l.
        slots: where each token stands in the padded `[n · l]`, [t] int64; None if no row is padded.
        bias: 0 for a real key and -inf for a padded one, [n, 1, 1, l] float32; None if no row is padded.
    """

    tokens: tuple[int, int]
    rows: int
    length: int
    slots: Tensor | None
    bias: Tensor | None


@dataclass(frozen=True)
class Packing:
    """Where the rows of a packed batch are.

    Attributes:
        groups: the groups, in the order of the packed row.
        starts: first token of each row, [B] int64.
        lengths: tokens of each row, [B] int64.
        rows: row of each token, [T] int64.
        positions: position of each token in its row, [T] int64.
    """

    groups: tuple[Group, ...]
    starts: Tensor
    lengths: Tensor
    rows: Tensor
    positions: Tensor


def cut_groups(lengths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut ascending lengths into at most four groups so that the padded cells are fewest.

    Args:
        lengths: tokens a row, ascending, [B].

    Returns:
        Half-open ranges of rows.
    """
    cells = lengths.astype(np.int64) ** 2
    best: list[tuple[int, tuple[int, ...]]] = [(int(cells[end - 1]) * end, ()) for end in range(1, len(lengths) + 1)]
    cheapest, cuts = best[-1]
    for _ in range(MAX_GROUPS - 1):
        # best[i] with one more cut: the last group holds rows j … i
        ahead = []
        for end in range(1, len(lengths) + 1):
            options = [(best[j - 1][0] + int(cells[end - 1]) * (end - j) + GROUP_OVERHEAD, j) for j in range(1, end)]
            cost, cut = min(options, default=(best[end - 1][0], 0))
            ahead.append((cost, (*best[cut - 1][1], cut)) if cut and cost < best[end - 1][0] else best[end - 1])
        best = ahead
        if best[-1][0] >= cheapest:
            break
        cheapest, cuts = best[-1]
    edges = [0, *cuts, len(lengths)]
    return list(itertools.pairwise(edges))


def _group(lengths: NDArray[np.int64], first_token: int, device: torch.device) -> Group:
    rows, longest, tokens = len(lengths), int(lengths.max()), int(lengths.sum())
    reach = (first_token, first_token + tokens)
    if tokens == rows * longest:
        return Group(reach, rows, longest, None, None)
    real = np.arange(longest) < lengths[:, None]
    slots = torch.from_numpy(np.flatnonzero(real)).to(device)
    bias = torch.from_numpy(np.where(real, np.float32(0), np.float32(-np.inf))[:, None, None, :]).to(device)
    return Group(reach, rows, longest, slots, bias)


def pack(lengths: Sequence[int] | NDArray[np.int64], device: torch.device) -> Packing:
    """Lay out a batch whose rows are in ascending order of length.

    Args:
        lengths: tokens a row, ascending, each at least 1, [B].
        device: where the index tensors shall be.

    Returns:
        The layout.

    Raises:
        ValueError: if the lengths do not ascend or one is below 1.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if len(sizes) == 0 or sizes[0] < 1 or np.any(np.diff(sizes) < 0):
        raise ValueError("lengths must be positive and ascending")
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    rows = np.repeat(np.arange(len(sizes)), sizes)
    positions = np.arange(int(sizes.sum())) - starts[rows]
    groups = tuple(_group(sizes[a:b], int(starts[a]), device) for a, b in cut_groups(sizes))
    arrays = (torch.from_numpy(array).to(device) for array in (starts, sizes, rows, positions))
    return Packing(groups, *arrays)
