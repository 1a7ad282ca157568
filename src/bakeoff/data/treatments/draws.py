"""How often an epoch draws each training example, as plain numbers: a pure function of (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry
from bakeoff.records.seeds import derive
from bakeoff.records.specs import Component


@dataclass(frozen=True)
class Pool:
    """Examples of which each epoch draws some, without replacement.

    Attributes:
        examples: their positions among the training examples, [P].
        count: how many of them an epoch draws, from 0 to P.
    """

    examples: NDArray[np.int64]
    count: int

    def drawn(self, seed: int, epoch: int, number: int) -> NDArray[np.int64]:
        """What an epoch draws.

        One shuffle is dealt out over P // count epochs before the next one: so many epochs in a row never draw the same twice.

        Args:
            seed: the trial's seed.
            epoch: from 0.
            number: the pool's number among those of its `Draws`.

        Returns:
            Positions among the training examples, [count].
        """
        if not self.count:
            return self.examples[:0]
        turn, hand = divmod(epoch, len(self.examples) // self.count)
        generator = np.random.Generator(np.random.Philox(derive(seed, "draws of a pool", number, turn)))
        shuffled = generator.permutation(len(self.examples))
        return self.examples[shuffled[hand * self.count : (hand + 1) * self.count]]


@dataclass(frozen=True)
class Draws:
    """Which training examples an epoch draws; every epoch draws equally many.

    Attributes:
        certain: how often every epoch draws each example, [N].
        pools: from which more are drawn, others in each epoch.
        aims: how often an epoch is meant to draw each label, [L]; examples that bear several labels make others grow too.
    """

    certain: NDArray[np.int64]
    pools: tuple[Pool, ...]
    aims: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Examples that an epoch draws, repeats counted."""
        return int(self.certain.sum()) + sum(pool.count for pool in self.pools)

    def examples(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """What an epoch draws.

        Args:
            seed: the trial's seed.
            epoch: from 0.

        Returns:
            Positions among the training examples, ascending, repeats one after another, [size].
        """
        parts = [pool.drawn(seed, epoch, number) for number, pool in enumerate(self.pools)]
        whole = np.repeat(np.arange(len(self.certain), dtype=np.int64), self.certain)
        return np.sort(np.concatenate([whole, *parts])) if parts else whole

    def expected(self) -> NDArray[np.float64]:
        """How often an epoch draws each example in the mean.

        Returns:
            [N].
        """
        means = self.certain.astype(np.float64)
        for pool in self.pools:
            means[pool.examples] += pool.count / len(pool.examples)
        return means

    def realised(self, targets: NDArray[np.uint8], seed: int, epochs: int) -> NDArray[np.float64]:
        """How often epochs really draw each label.

        Args:
            targets: of the training examples, [N, L], nonzero where a label applies.
            seed: the trial's seed.
            epochs: how many of the first epochs are counted, at least 1.

        Returns:
            The mean over these epochs, [L].
        """
        times = np.zeros(len(self.certain), dtype=np.int64)
        for epoch in range(epochs):
            times += np.bincount(self.examples(seed, epoch), minlength=len(times))
        return label_counts(targets, times) / epochs


def label_counts(targets: NDArray[np.uint8], times: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """How often each label is borne.

    Args:
        targets: of the examples, [N, L], nonzero where a label applies.
        times: how often each example counts, [N]; None means once.

    Returns:
        [L].
    """
    applies = np.asarray(targets) != 0
    if times is None:
        return np.asarray(applies.sum(axis=0, dtype=np.int64))
    example, label = np.nonzero(applies)
    counts: NDArray[np.int64] = np.bincount(label, weights=times[example], minlength=applies.shape[1]).astype(np.int64)
    return counts


def repeats(examples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which repeat of its example each draw is.

    Args:
        examples: of `Draws.examples`, [N].

    Returns:
        0 for the first draw of an example, then 1, 2, …, [N].
    """
    place = np.arange(len(examples), dtype=np.int64)
    begins = np.ones(len(examples), dtype=bool)
    begins[1:] = examples[1:] != examples[:-1]
    again: NDArray[np.int64] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return again


def once(examples: int, aims: Sequence[int] | NDArray[np.int64] = ()) -> Draws:
    """Every example once an epoch.

    Args:
        examples: how many there are, N.
        aims: how often each label is borne, [L].

    Returns:
        The draws.
    """
    return Draws(np.ones(examples, dtype=np.int64), (), np.asarray(aims, dtype=np.int64))


def make_draws(sampling: Component | None, targets: NDArray[np.uint8]) -> Draws:
    """The draws of a recipe.

    Args:
        sampling: the recipe's; None means that every example is drawn once.
        targets: of the training examples, [N, L], nonzero where a label applies.

    Returns:
        The draws.

    Raises:
        CatalogError: if no sampling bears the name.
        ValueError: if the sampling leaves nothing to draw.
    """
    if sampling is None:
        return once(len(targets), label_counts(targets))
    card = registry.sampling(sampling.name)
    draws: Draws = card.load()(card.settings.model_validate(sampling.settings), targets)
    if draws.size < 1:
        raise ValueError(f"the sampling {sampling.name} draws no example")
    return draws


def rounded(value: float) -> int:
    """The nearest whole number; a half goes up.

    Args:
        value: not below 0.

    Returns:
        A whole number.
    """
    return math.floor(value + 0.5)
