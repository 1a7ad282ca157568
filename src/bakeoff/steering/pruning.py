"""Which proposals are stopped early: pure functions of scores at validations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.study.rounds import Pruning


@dataclass(frozen=True)
class Reached:
    """A trial at a validation before its last.

    Attributes:
        score: its score there; nan counts as worst.
        rung: which validation, from 1.
        rungs: validations that a trial has.
        bracket: number of its proposal, which decides how early it is judged.
        others: scores of the other trials of its search there, each with the number of its proposal.
    """

    score: float
    rung: int
    rungs: int
    bracket: int
    others: Sequence[tuple[int, float]]


def why_stop(pruning: Pruning, reached: Reached, lower: bool = False) -> str:
    """Whether a trial stops here.

    Args:
        pruning: the rule.
        reached: the trial.
        lower: whether less is better.

    Returns:
        Why, in words; empty if it goes on.
    """
    if reached.rung <= pruning.warmup or reached.rung >= reached.rungs:
        return ""
    if pruning.name == "median":
        return _median(pruning, reached, lower)
    return _hyperband(pruning, reached, lower) if pruning.name == "hyperband" else ""


def _worth(score: float, lower: bool) -> float:
    return -math.inf if math.isnan(score) else -score if lower else score


def _median(pruning: Pruning, reached: Reached, lower: bool) -> str:
    """Golovin et al., Google Vizier, KDD 2017: worse than the median of the others at the same point."""
    others = [_worth(score, lower) for _, score in reached.others]
    if len(others) < pruning.startup:
        return ""
    middle = statistics.median(others)
    if _worth(reached.score, lower) >= middle:
        return ""
    shown = -middle if lower else middle
    return f"{reached.score:.4g} at validation {reached.rung} is worse than {shown:.4g}, the median of {len(others)} others"


def brackets_of(rungs: int, reduction: int) -> int:
    """How many brackets there are.

    Args:
        rungs: validations that a trial has.
        reduction: one in so many goes on.

    Returns:
        At least 1: bracket b judges first at validation reduction ** b.
    """
    count = 1
    while reduction**count < rungs:
        count += 1
    return count


def _hyperband(pruning: Pruning, reached: Reached, lower: bool) -> str:
    """Asynchronous halving (Li et al., MLSys 2020) in the brackets of Hyperband (Li et al., JMLR 2018)."""
    factor, count = pruning.reduction, brackets_of(reached.rungs, pruning.reduction)
    bracket = reached.bracket % count
    judged = {factor**power for power in range(bracket, count)}
    if reached.rung not in judged:
        return ""
    rivals = [_worth(score, lower) for other, score in reached.others if other % count == bracket]
    total = len(rivals) + 1
    kept = total // factor
    if total < factor:
        return ""
    place = 1 + sum(rival > _worth(reached.score, lower) for rival in rivals)
    if place <= kept:
        return ""
    where = f"{reached.score:.4g} at validation {reached.rung} is place {place} of {total}"
    return f"{where}, and {kept} go on (bracket {bracket + 1})"
