"""Token sequences of a batch, and the chance that an augmentation may use: a pure function of (seed, epoch, example)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry
from bakeoff.records.seeds import derive
from bakeoff.records.specs import Component

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Sequences:
    """Token sequences, one after another.

    Attributes:
        tokens: all tokens, [T] int64.
        lengths: tokens of each sequence, [B].
        seconds: first token of each one's second segment, 0 for a sequence without one, [B].
    """

    tokens: NDArray[np.int64]
    lengths: NDArray[np.int64]
    seconds: NDArray[np.int32]

    @property
    def sequence(self) -> NDArray[np.int64]:
        """The sequence of each token, [T]."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def places(self) -> NDArray[np.int64]:
        """The place of each token in its sequence, from 0, [T]."""
        return np.arange(len(self.tokens)) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)

    def take(self, chosen: NDArray[np.int64]) -> Sequences:
        """Some of the sequences.

        Args:
            chosen: their numbers, any order, [K].

        Returns:
            Those, in that order.
        """
        lengths = self.lengths[chosen]
        starts = (np.cumsum(self.lengths) - self.lengths)[chosen]
        index = np.arange(int(lengths.sum())) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        return Sequences(self.tokens[index], lengths, self.seconds[chosen])


@dataclass(frozen=True)
class Chance:
    """All the chance that an augmentation may use.

    Attributes:
        keys: one a sequence, of its seed, epoch, example and repeat, [B] uint64.
        repeats: which repeat of its example each sequence is, 0 for the first, [B].
    """

    keys: NDArray[np.uint64]
    repeats: NDArray[np.int64]

    @staticmethod
    def of(seed: int, epoch: int, examples: NDArray[np.int64], repeats: NDArray[np.int64]) -> Chance:
        """The chance of some examples in an epoch.

        Args:
            seed: the trial's seed.
            epoch: from 0.
            examples: row numbers, [B].
            repeats: which repeat of its example each is, [B].

        Returns:
            The same whatever else is in the batch.
        """
        base = np.uint64(derive(seed, "augmentation", epoch))
        keys = scramble(scramble(examples.astype(np.uint64) + base) + repeats.astype(np.uint64) * GOLDEN)
        return Chance(keys, repeats)

    def each(self, purpose: int) -> NDArray[np.float64]:
        """A number in [0, 1) a sequence.

        Args:
            purpose: what it is for, from 0: other purposes give other numbers.

        Returns:
            [B].
        """
        return _unit(scramble(self.keys ^ scramble(np.full(1, purpose, dtype=np.uint64))))

    def tokens(self, sequences: Sequences, purpose: int) -> NDArray[np.float64]:
        """A number in [0, 1) a token.

        Args:
            sequences: as they are before the augmentation.
            purpose: what it is for, from 0.

        Returns:
            [T].
        """
        keys = scramble(self.keys ^ scramble(np.full(1, purpose, dtype=np.uint64)))[sequences.sequence]
        return _unit(scramble(keys + (sequences.places.astype(np.uint64) + np.uint64(1)) * GOLDEN))


Augmentation = Callable[[Sequences, NDArray[np.bool_], Chance], Sequences]
"""(sequences, which tokens are free to change [T]: no special token is, chance) -> sequences, in the same order."""


def scramble(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of whole numbers.

    Args:
        values: any.

    Returns:
        Of the same shape; equal only where the values are.

    Source:
        The output function of SplitMix64: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
    """
    values = values + GOLDEN
    values = (values ^ (values >> np.uint64(30))) * FIRST
    values = (values ^ (values >> np.uint64(27))) * SECOND
    return values ^ (values >> np.uint64(31))


def _unit(values: NDArray[np.uint64]) -> NDArray[np.float64]:
    return (values >> np.uint64(11)).astype(np.float64) * 2.0**-53


def make_augmentation(augmentation: Component | None) -> Augmentation | None:
    """The augmentation of a recipe.

    Args:
        augmentation: the recipe's, or None.

    Returns:
        The augmentation; None for none.

    Raises:
        CatalogError: if none bears the name.
    """
    if augmentation is None:
        return None
    card = registry.augmentation(augmentation.name)
    made: Augmentation = card.load()(card.settings.model_validate(augmentation.settings))
    return made
