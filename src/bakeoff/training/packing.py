"""Batches without padding: real tokens in one row, and an index that re-pads what attention alone needs.

Rows of a batch are ordered by length and cut into groups of similar length. Everything that works on single tokens
(embeddings, projections, feed-forward, norms) sees `[1, T]` real tokens; attention sees a small padded tensor a group. The
result of each row is the same as in a padded batch, up to the rounding of floating-point sums.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAX_GROUPS = 4
CUTS = 8
"""Places where a batch may be cut; on a multiple of 4 rows."""
GROUP_OVERHEAD = 15_000
"""Cost of one more group, in padded attention cells (rows · length²): below this a group is not worth its launches."""
TOKEN_STEP, LENGTH_STEP = 64, 8
"""Packed rows and padded groups are rounded up to these: oneDNN compiles a kernel for each new shape, which costs a bf16
step on a CPU much of its time, and with rounded shapes it soon has them all."""

Plan = tuple[int, tuple[int, ...]]
"""Cost of a way to cut a batch, and the rows behind which it is cut."""


@dataclass(frozen=True)
class Group:
    """Rows of similar length that attend together.

    Attributes:
        tokens: half-open range of the group's tokens in the packed row.
        rows: number of rows n.
        length: the longest row, rounded up, l.
        slots: where each token stands in the padded `[n · l]`, [t] int64; None if no row is padded.
        sources: the token that stands at each place of the padded `[n · l]`, int64: behind a row, its last one again; None
            if no row is padded.
        bias: 0 for a real key and -inf for a padded one, [n, 1, 1, l] float32; None if no row is padded.
    """

    tokens: tuple[int, int]
    rows: int
    length: int
    slots: Tensor | None
    sources: Tensor | None
    bias: Tensor | None


@dataclass(frozen=True)
class Packing:
    """Where the rows of a packed batch are.

    Attributes:
        groups: the groups, in the order of the packed row.
        starts: first token of each row, [B] int64.
        lengths: tokens of each row, [B] int64.
        rows: row of each token, [T] int64; -1 for filling.
        positions: position of each token in its row, [T] int64.
        filling: tokens behind the last row that only round the total up; they attend to nothing and nothing reads them.
    """

    groups: tuple[Group, ...]
    starts: Tensor
    lengths: Tensor
    rows: Tensor
    positions: Tensor
    filling: int


def cut_groups(lengths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut ascending lengths into at most four groups so that the padded cells are few.

    Args:
        lengths: tokens a row, ascending, [B].

    Returns:
        Half-open ranges of rows.
    """
    stride = 4 * max(1, math.ceil(len(lengths) / (4 * CUTS)))
    ends = [*range(stride, len(lengths), stride), len(lengths)]
    cells = [int(lengths[end - 1]) ** 2 for end in ends]
    # plans[i]: cheapest way to cover the rows before ends[i], as (cost, cuts)
    plans: list[Plan] = [(cell * end, (end,)) for cell, end in zip(cells, ends, strict=True)]
    for _ in range(MAX_GROUPS - 1):
        plans = [min([plans[i], *_extended(plans, ends, cells, i)]) for i in range(len(ends))]
    cuts = (0, *plans[-1][1])
    return list(itertools.pairwise(cuts))


def _extended(plans: list[Plan], ends: list[int], cells: list[int], last: int) -> list[Plan]:
    """Plans for the rows before `ends[last]` with one more group."""
    return [
        (plans[j][0] + cells[last] * (ends[last] - ends[j]) + GROUP_OVERHEAD, (*plans[j][1], ends[last]))
        for j in range(last)
        if len(plans[j][1]) < MAX_GROUPS
    ]


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _group(lengths: NDArray[np.int64], first_token: int, device: torch.device) -> Group:
    rows, tokens = len(lengths), int(lengths.sum())
    longest = _round_up(int(lengths[-1]), LENGTH_STEP)
    reach = (first_token, first_token + tokens)
    if tokens == rows * longest:
        return Group(reach, rows, longest, None, None, None)
    real = np.arange(longest) < lengths[:, None]
    slots = torch.from_numpy(np.flatnonzero(real)).to(device)
    ends = np.cumsum(lengths)
    sources = np.minimum((ends - lengths)[:, None] + np.arange(longest), ends[:, None] - 1).ravel()
    bias = torch.from_numpy(np.where(real, np.float32(0), np.float32(-np.inf))[:, None, None, :]).to(device)
    return Group(reach, rows, longest, slots, torch.from_numpy(sources).to(device), bias)


def pack(lengths: Sequence[int] | NDArray[np.int64], device: torch.device, small_step: int = TOKEN_STEP) -> Packing:
    """Lay out a batch whose rows are in ascending order of length.

    Args:
        lengths: tokens a row, ascending, each at least 1, [B].
        device: where the index tensors shall be.
        small_step: what fewer than `TOKEN_STEP` tokens are rounded up to a multiple of.

    Returns:
        The layout.

    Raises:
        ValueError: if the lengths do not ascend or one is below 1.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if len(sizes) == 0 or sizes[0] < 1 or np.any(np.diff(sizes) < 0):
        raise ValueError("lengths must be positive and ascending")
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    total = int(sizes.sum())
    filling = _round_up(total, small_step if total < TOKEN_STEP else TOKEN_STEP) - total
    rows = np.repeat(np.arange(len(sizes)), sizes)
    positions = np.arange(len(rows)) - starts[rows]
    rows = np.concatenate((rows, np.full(filling, -1)))
    positions = np.concatenate((positions, np.zeros(filling, dtype=np.int64)))
    groups = tuple(_group(sizes[a:b], int(starts[a]), device) for a, b in cut_groups(sizes))
    return Packing(
        groups=groups,
        starts=torch.from_numpy(starts).to(device),
        lengths=torch.from_numpy(sizes).to(device),
        rows=torch.from_numpy(rows).to(device),
        positions=torch.from_numpy(positions).to(device),
        filling=filling,
    )
