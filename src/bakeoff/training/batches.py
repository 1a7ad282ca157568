"""From row numbers to the tensors of one forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.data.treatments.augmentation import Sequences
from bakeoff.tasks.tokens import TokenStore

USUAL_TOKENS = 4096
"""Tokens of an evaluation's pass."""


@dataclass(frozen=True)
class Batch:
    """Rows of one forward pass, in ascending order of length.

    Attributes:
        rows: row numbers in the split, [B].
        tokens: tokens of all rows, one after another, [T] int64.
        lengths: tokens a row, ascending, [B].
        seconds: first token of each row's second segment, 0 for a row without one, [B]; None where no row has one.
        split: the split of the rows.
    """

    rows: NDArray[np.int64]
    tokens: Tensor
    lengths: NDArray[np.int64]
    seconds: NDArray[np.int32] | None = None
    split: str = ""

    @property
    def segments(self) -> Tensor | None:
        """Segment of each token, 0 or 1, [T] int64; None where no row has a second one."""
        if self.seconds is None:
            return None
        place = np.arange(len(self.tokens)) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        begun = np.repeat(self.seconds, self.lengths)
        return torch.from_numpy(((begun > 0) & (place >= begun)).astype(np.int64))

    def padded_segments(self) -> Tensor | None:
        """The same as a matrix, padded on the right with 0.

        Returns:
            [B, longest] int64; None where no row has a second segment.
        """
        segments = self.segments
        if segments is None:
            return None
        mask = torch.from_numpy(np.arange(int(self.lengths[-1])) < self.lengths[:, None])
        padded = torch.zeros(mask.shape, dtype=torch.int64)
        padded[mask] = segments
        return padded

    def padded(self, pad: int) -> tuple[Tensor, Tensor]:
        """The same batch, padded on the right.

        Args:
            pad: id of the padding token.

        Returns:
            Token ids and attention mask (1 for a real token), both [B, longest] int64.
        """
        width = int(self.lengths[-1])
        mask = torch.from_numpy(np.arange(width) < self.lengths[:, None])
        ids = torch.full(mask.shape, pad, dtype=torch.int64)
        ids[mask] = self.tokens
        return ids, mask.to(torch.int64)


def make_batch(store: TokenStore, split: str, rows: NDArray[np.int64]) -> Batch:
    """Gather some rows.

    Args:
        store: the token store.
        split: the split.
        rows: row numbers in the split, any order, [B].

    Returns:
        The batch; rows of equal length keep their order.
    """
    return next(micro_batches(read_sequences(store, split, rows), split, rows, len(rows)))


def read_sequences(store: TokenStore, split: str, rows: NDArray[np.int64]) -> Sequences:
    """The tokens of some rows, as they are stored.

    Args:
        store: the token store.
        split: the split.
        rows: row numbers in the split, any order, [B].

    Returns:
        Their tokens, in the order of the rows.
    """
    return Sequences(store.gather(split, rows), store.lengths(split, rows), store.second_segments(split, rows))


def micro_batches(sequences: Sequences, split: str, rows: NDArray[np.int64], size: int) -> Iterator[Batch]:
    """Cut one step's rows into forward passes; rows of similar length share one.

    Args:
        sequences: the tokens of the rows.
        split: the split.
        rows: the step's rows, [B]; those of equal length keep their order.
        size: rows of a forward pass at most.

    Yields:
        The parts, shortest rows first.
    """
    order = np.argsort(sequences.lengths, kind="stable")
    for first in range(0, len(rows), size):
        chosen = order[first : first + size]
        part = sequences.take(chosen)
        seconds = part.seconds if part.seconds.any() else None
        yield Batch(rows[chosen], torch.from_numpy(part.tokens), part.lengths, seconds, split)


def evaluation_batches(store: TokenStore, split: str, rows: NDArray[np.int64], budget: int = USUAL_TOKENS) -> Iterator[Batch]:
    """Cut rows into forward passes of about equal work, longest first, so that a lack of memory shows at once.

    Args:
        store: the token store.
        split: the split.
        rows: the rows, [N].
        budget: rows times longest row at most (a single longer row goes alone).

    Yields:
        The batches; together they hold every row once.
    """
    lengths = store.lengths(split, rows)
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(rows):
        count = max(1, budget // int(lengths[order[first]]))
        yield make_batch(store, split, rows[order[first : first + count]])
        first += count
