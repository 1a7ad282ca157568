"""Repeat-factor sampling: an example is drawn as often as its rarest label asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.treatments import RepeatFactorSettings
from bakeoff.data.treatments.draws import Draws, Pool, label_counts, rounded


def repeat_factor(settings: RepeatFactorSettings, targets: NDArray[np.uint8]) -> Draws:
    """A label with share f of the examples has the factor max(1, √(t / f)), an example the largest of its labels' factors.

    An example with factor r is drawn ⌊r⌋ times in every epoch, and once more in a share r - ⌊r⌋ of the epochs: of the
    examples with the same factor, so many are drawn at random that every epoch draws equally many.

    Args:
        settings: the threshold t.
        targets: of the training examples, [N, L], nonzero where a label applies.

    Returns:
        The draws; the aim of a label is its count times its factor.
    """
    applies = np.asarray(targets) != 0
    counts = label_counts(targets)
    shares = np.maximum(counts, 1) / max(1, len(applies))
    factors = np.where(counts > 0, np.maximum(1.0, np.sqrt(settings.threshold / shares)), 1.0)
    of_example = np.where(applies, factors, 1.0).max(axis=1, initial=1.0)
    certain = np.floor(of_example).astype(np.int64)
    pools = []
    for factor in np.unique(of_example):
        examples = np.flatnonzero(of_example == factor).astype(np.int64)
        count = rounded((factor - np.floor(factor)) * len(examples))
        if count == len(examples):
            certain[examples] += 1
        elif count:
            pools.append(Pool(examples, count))
    aims = np.array([rounded(value) for value in counts * factors], dtype=np.int64)
    return Draws(certain, tuple(pools), aims)
