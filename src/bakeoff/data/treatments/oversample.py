"""Oversampling: rare labels draw some of their examples once more."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.treatments import OversampleSettings
from bakeoff.data.treatments.draws import Draws, Pool, label_counts


def oversample(settings: OversampleSettings, targets: NDArray[np.uint8]) -> Draws:
    """Every example once; and of each rare label's examples as many more as the label is to grow by.

    A label is rare if fewer than `below` examples bear it. With count c it draws ⌊by · c⌋ more of its own, each example
    ⌊by⌋ times and the rest of them at random, without replacement. An example that bears several labels makes all of them
    grow, so labels grow by at least what they are meant to.

    Args:
        settings: which labels are rare, and by how much they grow.
        targets: of the training examples, [N, L], nonzero where a label applies.

    Returns:
        The draws; the aim of a rare label is c + ⌊by · c⌋, that of another one its count.
    """
    counts = label_counts(targets)
    below = float(np.median(counts)) if settings.below is None else settings.below
    certain, aims, pools = np.ones(len(targets), dtype=np.int64), counts.copy(), []
    for label in np.flatnonzero((counts < below) & (counts > 0)):
        # as a fraction: by 0.29 of 100 is 29, which floating-point numbers miss
        more = int(Fraction(repr(settings.by)) * int(counts[label]))
        aims[label] += more
        examples = np.flatnonzero(np.asarray(targets[:, label]) != 0).astype(np.int64)
        whole, rest = divmod(more, len(examples))
        certain[examples] += whole
        if rest:
            pools.append(Pool(examples, rest))
    return Draws(certain, tuple(pools), aims)
