"""Statements about recipes as contrasts that are above 0 exactly when the statement holds.

Each gives an `Estimate`: its lower bound above 0 supports the statement, its upper bound below 0 refutes it. "By 10 %" is
relative to the rival's score, "by 0.01" absolute. **Null hypothesis** of each: the contrast is 0 or below.
"""

from __future__ import annotations

from bakeoff.stats.estimates import Estimate, Interval, contrast
from bakeoff.stats.replicates import Replicates

PRACTICALLY_EQUAL = 0.005
"""The region of practical equivalence: half a point either way."""


def _against(
    a: Replicates, b: Replicates | float, weights: tuple[float, float], offset: float, shared: bool | None
) -> Estimate:
    if isinstance(b, Replicates):
        return contrast(a, b, weights, offset, shared)
    return contrast(a, None, (weights[0], 0.0), offset + weights[1] * b)


def beats(
    a: Replicates,
    b: Replicates | float,
    by: float = 0.0,
    relative: bool = False,
    lower: bool = False,
    shared: bool | None = None,
) -> Estimate:
    """Superiority: A is better than B by more than a margin.

    Args:
        a: the recipe that is said to be better.
        b: its rival, or a fixed reference number (then one-sample, as if it were known exactly).
        by: the margin, 0 or more: 0.10 is 10 % if relative, else 10 points of a score.
        relative: whether the margin is a share of B's score.
        lower: whether less is better.
        shared: as for `contrast`.

    Returns:
        m_A − (1 + by)·m_B, or m_A − m_B − by; where less is better (1 − by)·m_B − m_A, or m_B − m_A − by. Worked number: 0.46
        against 0.40 by 10 %: 0.46 − 0.44 = 0.02.
    """
    sign = -1.0 if lower else 1.0
    factor = 1 + sign * by if relative else 1.0
    return _against(a, b, (sign, -sign * factor), 0.0 if relative else -by, shared)


def no_worse(
    a: Replicates, b: Replicates | float, by: float, relative: bool = False, lower: bool = False, shared: bool | None = None
) -> Estimate:
    """Non-inferiority: A is not worse than B by as much as a margin.

    Args:
        a: the recipe that is said to be good enough.
        b: its rival, or a fixed reference number.
        by: the margin, 0 or more.
        relative: whether the margin is a share of B's score.
        lower: whether less is better.
        shared: as for `contrast`.

    Returns:
        m_A − (1 − by)·m_B, or m_A − m_B + by; where less is better (1 + by)·m_B − m_A, or m_B − m_A + by.
    """
    return beats(a, b, -by, relative, lower, shared)


def within(
    a: Replicates, b: Replicates | float, by: float, relative: bool = False, shared: bool | None = None
) -> tuple[Estimate, Estimate]:
    """Equivalence: A differs from B by less than a margin, either way; two one-sided tests (TOST).

    Args:
        a: one recipe.
        b: another, or a fixed reference number.
        by: the margin, above 0.
        relative: whether the margin is a share of B's score.
        shared: as for `contrast`.

    Returns:
        Two contrasts that must both be above 0: m_A − (1 − by)·m_B and (1 + by)·m_B − m_A, or the absolute ones. "No
        difference was found" is not equivalence. Source: Schuirmann 1987; checked against statsmodels' `ttost_paired`.
    """
    return no_worse(a, b, by, relative, shared=shared), no_worse(a, b, by, relative, lower=True, shared=shared)


def reaches(a: Replicates, value: float, lower: bool = False) -> Estimate:
    """One sample: the expected score of A is above a value (below it where less is better).

    Args:
        a: the recipe.
        value: the number to be reached.
        lower: whether less is better.

    Returns:
        m_A − value, or value − m_A. Checked against `scipy.stats.ttest_1samp`.
    """
    return beats(a, value, lower=lower)


def inside(interval: Interval, margin: float = PRACTICALLY_EQUAL) -> bool:
    """Whether an interval of a difference lies inside the region of practical equivalence.

    Direction and relevance are two answers: a difference can be shown and still be negligible.

    Args:
        interval: of the difference, in points of the score.
        margin: half the width of the region.

    Returns:
        True if all of it does.
    """
    return -margin < interval.low and interval.high < margin
