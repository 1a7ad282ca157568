"""Texts beyond what a model reads at once: their beginning, beginning and end, or all of them piece by piece."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

HEAD_SHARE = 1 / 4
"""Of what is kept of a text, a quarter is its beginning and the rest its end: 128 and 382 of 510 in Sun et al., How to
Fine-Tune BERT for Text Classification, CCL 2019, section 5.3.1, where that was best."""


@dataclass(frozen=True)
class LongText:
    """What is done with texts that are too long.

    Attributes:
        how: `truncate` keeps the beginning, `head-tail` beginning and end, `windows` all, in pieces of their own.
        stride: of `windows`: tokens that neighbouring pieces share.
    """

    how: Literal["truncate", "head-tail", "windows"] = "truncate"
    stride: int = 0


TRUNCATE = LongText()


@dataclass(frozen=True)
class Ends:
    """Special tokens around a text.

    Attributes:
        before: how many stand before it.
        behind: how many stand behind it.
    """

    before: int
    behind: int

    @staticmethod
    def of(tokenizer: Any) -> Ends:
        """What a tokenizer puts around a text.

        Args:
            tokenizer: a fast tokenizer.

        Returns:
            The numbers.
        """
        whole, bare = tokenizer("a")["input_ids"], tokenizer("a", add_special_tokens=False)["input_ids"]
        before = next(place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
        return Ends(before, len(whole) - before - len(bare))

    def around(self, row: list[int], body: list[int]) -> list[int]:
        """Some tokens with a text's special tokens around them.

        Args:
            row: the whole text with its special tokens.
            body: tokens of it without.

        Returns:
            The tokens.
        """
        return [*row[: self.before], *body, *row[len(row) - self.behind :]]


def cut_row(row: list[int], ends: Ends, max_length: int, long_text: LongText) -> list[list[int]]:
    """What a model reads of a text.

    Args:
        row: its tokens, special tokens included.
        ends: how many of them are special.
        max_length: tokens that a model reads at once.
        long_text: what is done with texts beyond that.

    Returns:
        One row; of `windows` as many as hold every token, each of at most that length.
    """
    if len(row) <= max_length:
        return [row]
    body = row[ends.before : len(row) - ends.behind]
    room = max(1, max_length - ends.before - ends.behind)
    if long_text.how == "head-tail":
        head = math.ceil(room * HEAD_SHARE)
        return [ends.around(row, [*body[:head], *body[len(body) - (room - head) :]])]
    if long_text.how == "truncate":
        return [ends.around(row, body[:room])]
    step = max(1, room - long_text.stride)
    count = 1 + math.ceil((len(body) - room) / step)
    return [ends.around(row, body[number * step : number * step + room]) for number in range(count)]


def mean_of_pieces(values: NDArray[Any], owners: NDArray[np.int64]) -> NDArray[Any]:
    """What is said of texts, of which each has said something piece by piece.

    Args:
        values: of each piece, [P, ...].
        owners: the text of each piece, ascending, [P].

    Returns:
        The mean over a text's pieces, [N, ...], of the same type.
    """
    if not len(owners):
        return values
    starts = np.flatnonzero(np.concatenate(([True], np.diff(owners) != 0)))
    counts = np.diff(np.concatenate((starts, [len(owners)])))
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
    found: NDArray[Any] = (sums / counts.reshape(-1, *[1] * (values.ndim - 1))).astype(values.dtype)
    return found
