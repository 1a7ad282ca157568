"""All pairs of recipes, and which recipes are not shown worse than the leader."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.stats.corrections import holm
from bakeoff.stats.estimates import Estimate
from bakeoff.stats.margins import beats
from bakeoff.stats.replicates import Replicates


@dataclass(frozen=True)
class Pair:
    """A difference between two recipes.

    Attributes:
        better: the recipe whose score came out better (of equal ones the first).
        worse: the other.
        estimate: how far it is better, 0 or more.
        p: two-sided p-value; 1 where undecidable.
        corrected: the same after Holm over all pairs.
    """

    better: str
    worse: str
    estimate: Estimate
    p: float
    corrected: float


def all_pairs(recipes: Mapping[str, Replicates], lower: bool = False, shared: bool | None = None) -> list[Pair]:
    """Compare every recipe with every other.

    Args:
        recipes: replicates by name, on the same groups.
        lower: whether less is better.
        shared: as for `contrast`.

    Returns:
        The pairs, in the order of the names; a nan difference leaves the order as it is.
    """
    found = []
    for first, second in itertools.combinations(recipes, 2):
        estimate = beats(recipes[first], recipes[second], lower=lower, shared=shared)
        if estimate.value < 0:
            found.append((second, first, estimate.flipped()))
        else:
            found.append((first, second, estimate))
    p_values = [estimate.p_two_sided() for _, _, estimate in found]
    return [
        Pair(*one, p=p, corrected=float(corrected)) for one, p, corrected in zip(found, p_values, holm(p_values), strict=True)
    ]


def not_shown_worse(pairs: Sequence[Pair], names: Sequence[str], leader: str, alpha: float = 0.05) -> list[str]:
    """The recipes that may be as good as the one with the best score, for all that is known.

    The leader was picked by looking at the data, so all pairs are corrected for, not only those with the leader.

    Args:
        pairs: of `all_pairs`.
        names: all recipes.
        leader: the one with the best score.
        alpha: error rate over all pairs.

    Returns:
        The leader first, then the others in their order.
    """
    shown = {pair.worse for pair in pairs if pair.better == leader and pair.corrected <= alpha}
    return [leader, *(name for name in names if name != leader and name not in shown)]
