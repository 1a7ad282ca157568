"""Corrections for many comparisons. Order is kept: the k-th number returned belongs to the k-th p-value given.

**When they mislead**: a correction covers the comparisons that it is given. Leaving out those that "did not work" undoes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Floats


def _checked(p_values: Sequence[float] | NDArray[Any]) -> Floats:
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values must be a list of numbers from 0 to 1, found {values.tolist()}")
    return values


def holm(p_values: Sequence[float] | NDArray[Any]) -> Floats:
    """Holm's step-down: the chance of any false rejection stays below alpha, whatever depends on what.

    Args:
        p_values: K of them, two-sided.

    Returns:
        Corrected p-values, [K]. Ties get equal ones. Source: Holm 1979; checked against statsmodels' `multipletests`. Worked
        number: 0.01, 0.04, 0.03 give 0.03, 0.06, 0.06.

    Raises:
        ValueError: if one is not a probability.
    """
    values = _checked(p_values)
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return corrected


def bonferroni(p_values: Sequence[float] | NDArray[Any]) -> Floats:
    """Every p-value times their number. Holm's is never larger; this one goes with intervals.

    Args:
        p_values: K of them.

    Returns:
        Corrected p-values, [K]. Checked against statsmodels' `multipletests`. Worked number: 0.01, 0.04 give 0.02, 0.08.

    Raises:
        ValueError: if one is not a probability.
    """
    values = _checked(p_values)
    return np.asarray(np.minimum(1.0, values * len(values)))


def benjamini_hochberg(p_values: Sequence[float] | NDArray[Any]) -> Floats:
    """Controls the expected share of false ones among the rejected, for independent or positively dependent tests.

    It lets more false findings through than Holm's: for exploring (labels, unclaimed pairs), not for claims.

    Args:
        p_values: K of them.

    Returns:
        Corrected p-values, [K]. Source: Benjamini & Hochberg 1995; checked against `scipy.stats.false_discovery_control`.
        Worked number: 0.01, 0.04, 0.03 give 0.03, 0.04, 0.04.

    Raises:
        ValueError: if one is not a probability.
    """
    values = _checked(p_values)
    order = np.argsort(-values, kind="stable")
    corrected = np.empty_like(values)
    ranks = np.arange(len(values), 0, -1)
    corrected[order] = np.minimum(1.0, np.minimum.accumulate(values[order] * (len(values) / ranks)))
    return corrected


def bonferroni_level(level: float, comparisons: int) -> float:
    """Coverage of each interval so that all of several hold together.

    Args:
        level: coverage of all together.
        comparisons: how many, at least 1.

    Returns:
        The level of each. Worked number: 0.95 over 4 is 0.9875.
    """
    return 1 - (1 - level) / max(1, comparisons)
