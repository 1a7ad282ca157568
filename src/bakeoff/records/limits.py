"""How many examples a limit means: a number, or a share of what is there."""

from __future__ import annotations

from fractions import Fraction


def rows_within(limit: int | str | None, size: int) -> int | None:
    """How many examples a limit means.

    Args:
        limit: a number, a share such as `10%`, or None for all.
        size: how many there are.

    Returns:
        A share as a number, to the nearest and at least 1; else the limit.
    """
    if not isinstance(limit, str):
        return limit
    return max(1, int(Fraction(limit.rstrip("%")) * size / 100 + Fraction(1, 2)))
