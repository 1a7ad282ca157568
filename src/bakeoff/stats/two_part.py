"""The arithmetic of the two-part t interval, for one comparison or for arrays of them.

The half-width h at one-sided tail q is the root of Σ t²(df_i; q)·V_i − t²(df_c; q)·V_c: each source of noise at the t of its
own degrees of freedom, less what two of them count twice (seed × example: both the spread over seeds and the jackknife over
examples hold it). With equal weight on everything this is the t interval of a two-way layout; V_c is never taken larger
than the smallest part, so that h grows as q falls and p-values can be had by inverting it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bakeoff.metrics.counts import Floats

Variances = Sequence[tuple[Any, Any]]
"""(variance, degrees of freedom) of each part; numbers, or arrays of one shape."""
SMALLEST_TAIL = 1e-100
STEPS = 400


def _squared_t(df: Any, tail: Any) -> NDArray[np.float64]:
    """The squared upper quantile of Student's t, accurate for tails as small as `SMALLEST_TAIL`."""
    quantile = np.where(np.isinf(df), special.ndtri(tail), special.stdtrit(np.minimum(df, 1e15), tail))
    return np.asarray(quantile**2)


def half_width(parts: Variances, twice: tuple[Any, Any] | None, tail: Any) -> Floats:
    """Half of the interval's width.

    Args:
        parts: variance and degrees of freedom of each source of noise.
        twice: the same of what is counted twice among the first two parts, or None.
        tail: probability left out on each side: 0.025 for a 95 % interval.

    Returns:
        The half-width, of the arrays' shape. Worked number: parts (4, 4) and (1, 99), nothing counted twice, tail 0.025 give
        √(2.776² · 4 + 1.984² · 1) = 5.897; with (0.5, 396) counted twice, 5.731.
    """
    squared = sum(_squared_t(df, tail) * variance for variance, df in parts)
    if twice is not None:
        smallest = functools.reduce(np.minimum, [variance for variance, _ in (*parts[:2], twice)])
        squared = squared - _squared_t(twice[1], tail) * smallest
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float64)


def tail_probability(distance: Any, parts: Variances, twice: tuple[Any, Any] | None) -> Floats:
    """The tail at which the half-width is just the distance: a one-sided p-value by inverting the interval.

    Args:
        distance: how far the estimate lies above what is to be rejected, of the arrays' shape.
        parts: as for `half_width`.
        twice: as for `half_width`.

    Returns:
        0.5 to 1e-100 for distances from 0 up; for a negative distance one minus that of its opposite.
    """
    away = np.abs(np.asarray(distance, dtype=np.float64))
    # on the logarithm of the tail: p-values of 1e-9 are as accurate as those of 0.1
    low, high = np.full(away.shape, np.log(SMALLEST_TAIL)), np.full(away.shape, np.log(0.5))
    for _ in range(STEPS):
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high)):
            break
        wide = half_width(parts, twice, np.exp(middle)) > away
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    tail = np.where(away == 0, 0.5, np.exp(high))
    return np.asarray(np.where(np.asarray(distance) < 0, 1 - tail, tail), dtype=np.float64)
