"""Undersampling: an epoch leaves out some examples that have none but frequent labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.treatments import UndersampleSettings
from bakeoff.data.treatments.draws import Draws, Pool, label_counts


def undersample(settings: UndersampleSettings, targets: NDArray[np.uint8]) -> Draws:
    """Every example once, but of those with none but frequent labels only so many that these labels shrink to a bound.

    A label is frequent if more than `above` examples bear it. Examples that bear a rarer label, or none, always stay, so a
    frequent label may stay above the bound. Which of its examples an epoch leaves out differs from epoch to epoch; label sets
    give in proportion to their size, and none pulls a label below the bound.

    Args:
        settings: the bound.
        targets: of the training examples, [N, L], nonzero where a label applies.

    Returns:
        The draws; the aim of a frequent label is the bound, that of another one its count.
    """
    counts = label_counts(targets)
    above = math.ceil(counts.mean()) if settings.above is None else settings.above
    excess = np.maximum(counts - above, 0)
    sets, members = _label_sets(targets, excess > 0)
    left_out = _share_out(sets, np.array([len(examples) for examples in members], dtype=np.int64), excess)
    certain = np.ones(len(targets), dtype=np.int64)
    pools = []
    for examples, out in zip(members, left_out.tolist(), strict=True):
        if out:
            certain[examples] = 0
            pools.append(Pool(examples, len(examples) - out))
    return Draws(certain, tuple(pools), np.minimum(counts, above))


def _label_sets(targets: NDArray[np.uint8], frequent: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[NDArray[np.int64]]]:
    """The sets of labels, all frequent, that examples bear, [K, L], and the examples of each."""
    applies = np.asarray(targets) != 0
    sheddable = np.flatnonzero(applies.any(axis=1) & ~(applies & ~frequent).any(axis=1))
    sets, which = np.unique(applies[sheddable], axis=0, return_inverse=True)
    return sets, [sheddable[which.ravel() == number] for number in range(len(sets))]


def _share_out(sets: NDArray[np.bool_], sizes: NDArray[np.int64], excess: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many examples of each label set are left out, [K]: labels with the largest excess first, smaller sets last."""
    out = np.zeros(len(sets), dtype=np.int64)
    excess = excess.copy()
    for label in np.argsort(-excess, kind="stable"):
        with_it = np.flatnonzero(sets[:, label])
        room = int((sizes - out)[with_it].sum())
        if not excess[label] or not room:
            continue
        wanted = min(int(excess[label]), room)
        for number in with_it[np.argsort(-sets[with_it].sum(axis=1), kind="stable")]:
            share = -(-wanted * int(sizes[number] - out[number]) // room)
            room -= int(sizes[number] - out[number])
            share = min(share, wanted, int(excess[sets[number]].min()), int(sizes[number] - out[number]))
            out[number] += share
            excess[sets[number]] -= share
            wanted -= share
    return out
