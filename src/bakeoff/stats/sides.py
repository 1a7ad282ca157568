"""A statement has two sides: how surely it holds, and how surely it does not. Combined statements from single ones.

Supported and refuted are both answers that must be earned, each at α/2; between them lies undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bakeoff.stats.estimates import Estimate

Answer = Literal["supported", "refuted", "undecided"]


@dataclass(frozen=True)
class Sided:
    """One-sided p-values of a statement and of its opposite.

    Attributes:
        support: small if the statement is shown to hold.
        refute: small if it is shown not to hold.
    """

    support: float
    refute: float

    @property
    def two_sided(self) -> float:
        """What goes into a correction for many statements: twice the smaller side, at most 1."""
        return min(1.0, 2 * min(self.support, self.refute))


def sided(estimate: Estimate) -> Sided:
    """Both sides of "the contrast is above 0".

    Args:
        estimate: of the contrast.

    Returns:
        Its one-sided p-values; both 1 where undecidable.
    """
    return Sided(estimate.p_above(), estimate.p_below())


def all_of(statements: Sequence[Sided]) -> Sided:
    """All of several statements hold: "is best" is "beats each rival", "is within" is two one-sided tests.

    Args:
        statements: K of them, at least one.

    Returns:
        Support is the largest p of support (intersection-union: no correction is needed); refutation, which one refuted
        statement suffices for, the smallest times K. Source: Berger 1982, "Multiparameter hypothesis testing and acceptance
        sampling". Worked number: support 0.01 and 0.03 gives 0.03; refutation 0.99 and 0.97 gives 1.
    """
    return Sided(max(one.support for one in statements), _smallest([one.refute for one in statements]))


def any_of(statements: Sequence[Sided]) -> Sided:
    """At least one of several statements holds.

    Args:
        statements: K of them, at least one.

    Returns:
        Support is the smallest p of support times K (Bonferroni); refutation, for which all must be refuted, the largest.
        Worked number: support 0.01 and 0.30 gives 0.02.
    """
    return Sided(_smallest([one.support for one in statements]), max(one.refute for one in statements))


def _smallest(values: list[float]) -> float:
    return min(1.0, len(values) * min(values))


def answer(statement: Sided, corrected: float | None = None, alpha: float = 0.05) -> Answer:
    """Whether a statement is supported, refuted or undecided.

    Args:
        statement: its two sides.
        corrected: its two-sided p after correction for all statements of the study; None for a statement alone.
        alpha: the error rate of a wrong answer, both ways together.

    Returns:
        The side with the smaller p, if the two-sided p is at most alpha; else undecided.
    """
    p = statement.two_sided if corrected is None else corrected
    if not p <= alpha or statement.support == statement.refute:
        return "undecided"
    return "supported" if statement.support < statement.refute else "refuted"
