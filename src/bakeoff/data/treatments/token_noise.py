"""Token deletion and swap: a text as it might have been written in haste."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.treatments import TokenNoiseSettings
from bakeoff.data.treatments.augmentation import Chance, Sequences

TREATED, DELETED, PICKED, DEALT = range(4)


class TokenNoise:
    """Leaves out some tokens and lets some change places.

    A text is what stands between special tokens: the halves of a pair do not mix, and of each at least one token stays.

    Args:
        settings: how often.
    """

    def __init__(self, settings: TokenNoiseSettings) -> None:
        self.settings = settings

    def __call__(self, sequences: Sequences, free: NDArray[np.bool_], chance: Chance) -> Sequences:
        """Treat some sequences.

        Args:
            sequences: of a batch.
            free: which tokens may change, [T].
            chance: all the chance there is.

        Returns:
            The sequences, in the same order.
        """
        treated = chance.each(TREATED) < self.settings.share
        if self.settings.examples == "repeats":
            treated &= chance.repeats > 0
        free = free & treated[sequences.sequence]
        text = _texts(sequences, free)
        kept = ~free | (chance.tokens(sequences, DELETED) >= self.settings.delete)
        kept |= _last_ones(chance.tokens(sequences, DELETED), free, kept, text)
        picked = np.flatnonzero(free & kept & (chance.tokens(sequences, PICKED) < self.settings.swap))
        tokens = sequences.tokens.copy()
        # those picked in one text are dealt out anew to their own places
        dealt = picked[np.lexsort((chance.tokens(sequences, DEALT)[picked], text[picked]))]
        tokens[picked] = sequences.tokens[dealt]
        before_second = kept & (sequences.places < sequences.seconds[sequences.sequence])
        return Sequences(
            tokens[kept],
            _count(kept, sequences),
            np.where(sequences.seconds > 0, _count(before_second, sequences), 0).astype(np.int32),
        )


def _count(flags: NDArray[np.bool_], sequences: Sequences) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = np.bincount(sequences.sequence[flags], minlength=len(sequences.lengths)).astype(np.int64)
    return counts


def _texts(sequences: Sequences, free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number of the text that each token is of, [T]; a special token is of the one before it."""
    begins = free.copy()
    begins[1:] &= ~free[:-1] | (sequences.places[1:] == 0)
    return np.asarray(np.maximum(np.cumsum(begins) - 1, 0))


def _last_ones(
    numbers: NDArray[np.float64], free: NDArray[np.bool_], kept: NDArray[np.bool_], text: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Of each text that would lose all of its tokens, the one with the largest number, [T]."""
    if not free.any():
        return free
    texts = int(text.max()) + 1
    largest = np.full(texts, -1.0)
    np.maximum.at(largest, text[free], numbers[free])
    emptied = np.bincount(text[free & kept], minlength=texts) == 0
    last: NDArray[np.bool_] = free & emptied[text] & (numbers == largest[text])
    return last
