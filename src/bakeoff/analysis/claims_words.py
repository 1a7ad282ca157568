"""Answers in words: what was found, how sure it is, what would decide. Nothing here says more than its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.analysis.spending import Spending
from bakeoff.analysis.verdict_model import Answer, ClaimPart
from bakeoff.study.claims import Beats, Best, Margin, Measure, NoWorse, Reaches, Single, Within

POINTS = 100
ADVISED = 100


def points(value: float) -> str:
    """A difference of scores in points (hundredths).

    Args:
        value: the difference.

    Returns:
        Two decimals with a sign.
    """
    return f"{POINTS * value:+.2f}".replace("-", "−") if math.isfinite(value) else "unknown"


def span(low: float, high: float) -> str:
    """An interval in points.

    Args:
        low: lower end.
        high: upper end.

    Returns:
        The words.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "its interval is without end"
    return f"95 % interval {points(low)} to {points(high)}"


def percent(ratio: float) -> str:
    """How much more or less a score is than another.

    Args:
        ratio: of the two.

    Returns:
        One decimal with a sign.
    """
    return f"{POINTS * (ratio - 1):+.1f} %".replace("-", "−") if math.isfinite(ratio) else "unknown"


def p_words(p: float) -> str:
    """A p-value.

    Args:
        p: the value.

    Returns:
        Three digits, or that it is below 0.001.
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def shown(score: float | str) -> str:
    """A rival: a recipe's name, or a reference number.

    Args:
        score: the rival.

    Returns:
        The words.
    """
    return score if isinstance(score, str) else f"{score:g}"


def says(statement: Single) -> str:
    """A single statement in words, the task left out.

    Args:
        statement: the statement.

    Returns:
        The words.
    """
    match statement:
        case Beats(recipe, rival, measure, margin):
            by = f" by {margin.words}" if margin.size else ""
            return f"{recipe} beats {shown(rival)}{by} in {measure.name}"
        case Best(recipe, measure):
            return f"{recipe} is best in {measure.name}"
        case Within(recipe, rival, measure, margin):
            return f"{recipe} is within {margin.words} of {shown(rival)} in {measure.name}"
        case NoWorse(recipe, rival, measure, margin):
            return f"{recipe} is no worse than {shown(rival)} by more than {margin.words} in {measure.name}"
        case Reaches(recipe, value, measure):
            return f"{recipe} reaches {value:g} in {measure.name}"
    return ""


def contrast_words(recipe: str, rival: str | float, margin: Margin, measure: Measure, sign: float = 1.0) -> str:
    """What is estimated, as a formula.

    Args:
        recipe: the recipe.
        rival: its rival.
        margin: by how much; a sign of −1 takes it from the other side.
        measure: what is measured.
        sign: 1 if the recipe has to be better by the margin, −1 if it may be worse by it.

    Returns:
        Such as `asl − 1.1 × bce`: above 0 exactly when the statement holds.
    """
    upward = -1.0 if measure.lower else 1.0
    size = sign * margin.size
    factor = 1 + upward * size if margin.relative else 1.0
    other = shown(rival) if factor == 1 else f"{factor:g} × {shown(rival)}"
    first, second = (other, recipe) if measure.lower else (recipe, other)
    rest = "" if margin.relative or not size else f" {'−' if size > 0 else '+'} {abs(size):g}"
    return f"{first} − {second}{rest}"


def found_words(part: ClaimPart, recipe: str, rival: str | float) -> str:
    """What was found of a contrast.

    Args:
        part: the contrast.
        recipe: the recipe.
        rival: its rival.

    Returns:
        Scores, difference and, where it is known, the ratio with its interval.
    """
    if not math.isfinite(part.value):
        either = f"{recipe} or {rival}" if isinstance(rival, str) else recipe
        return f"a trial of {either} has no score, so there is no mean to compare"
    if isinstance(rival, str) and math.isfinite(part.ratio_low) and math.isfinite(part.ratio_high):
        low, high = percent(part.ratio_low), percent(part.ratio_high)
        return (
            f"{recipe} {part.score:.4f}, {rival} {part.rival_score:.4f}: {percent(part.ratio)} (95 % interval {low} to {high})"
        )
    scores = f"{recipe} {part.score:.4f}" + (f", {rival} {part.rival_score:.4f}" if isinstance(rival, str) else "")
    return f"{scores}; {part.contrast} is {points(part.value)} points ({span(part.low, part.high)})"


MOST_SHOWN = 2
"""Contrasts of one claim that are told one by one; of more, the one that decides is told."""


def found_in(parts: Sequence[tuple[ClaimPart, str, str | float]], any_part: bool) -> str:
    """What was found of the contrasts of a claim.

    Args:
        parts: each with its recipe and rival.
        any_part: whether one of them is enough.

    Returns:
        The words: of each, or of many the one that the claim hangs on.
    """
    words = list(dict.fromkeys(found_words(*part) for part in parts))
    if len(words) <= MOST_SHOWN:
        return "; ".join(words)
    pick = min if any_part else max
    nearest = pick(parts, key=lambda part: part[0].support)
    return (
        f"of {len(words)} comparisons {'the nearest to being shown' if any_part else 'the weakest'} is {found_words(*nearest)}"
    )


def next_words(parts: Sequence[ClaimPart], examples: int, one_is_enough: bool) -> str:
    """What would likely decide.

    Args:
        parts: contrasts that are undecided.
        examples: of the test set; a hundred times as many are no advice.
        one_is_enough: whether one decided part decides the claim.

    Returns:
        The words.
    """
    if any(not math.isfinite(part.value) for part in parts):
        return "run the trials that failed again: `bakeoff retry`"
    if any(part.doubt for part in parts):
        harder = "where every seed is right throughout, a harder test set"
        return f"settings at which the named recipes learn ({harder}), or a claim without them"
    if any(1 in part.seeds for part in parts):
        return "more seeds: with one, nothing is known of what another training run would give; five are a beginning"
    pick = min if one_is_enough else max
    seeds = [part.needed_seeds for part in parts if part.needed_seeds is not None]
    more = [part.needed_examples for part in parts if part.needed_examples is not None]
    words = [f"about {pick(seeds)} seeds"] if seeds and (one_is_enough or len(seeds) == len(parts)) else []
    if more and (one_is_enough or len(more) == len(parts)) and pick(more) <= ADVISED * examples:
        words.append(f"about {pick(more):,} test examples")
    if not words:
        return (
            "neither a thousand seeds alone nor many times as many test examples alone: "
            "it takes more of both, or what was seen lies too near to the margin"
        )
    return f"{' or '.join(words)}, if what was seen is what is true (a rough forecast)"


@dataclass(frozen=True)
class Family:
    """The statements that share an error rate.

    Attributes:
        statements: how many.
        spending: what they share.
    """

    statements: int
    spending: Spending

    @property
    def words(self) -> str:
        """How p-values are corrected."""
        return f"corrected for {self.statements} statements" if self.statements > 1 else "one statement alone"


def because(answer: Answer, p: float, corrected: float, family: Family) -> str:
    """How sure an answer is.

    Args:
        answer: the answer.
        p: its two-sided p-value alone.
        corrected: the same after correction.
        family: what it shares an error rate with.

    Returns:
        The words; empty where nothing is known.
    """
    if answer != "undecided":
        return f"{p_words(corrected)}, {family.words}"
    if p == 1:
        return ""
    spending = family.spending
    if not spending.is_declared:
        return f"{p_words(corrected)}, but no look was declared at {spending.seeds} seeds, so nothing is decided here"
    if p <= spending.alpha < corrected:
        return f"alone it would be decided ({p_words(p)}), but {family.words} {p_words(corrected)}"
    spends = f", where this look may spend {spending.alpha:g}" if spending.looks is not None else ""
    return f"{p_words(corrected)}{spends}"


def earlier_words(answer: Answer, corrected: float, spending: Spending) -> str:
    """That an earlier look gave the answer.

    Args:
        answer: the answer.
        corrected: the corrected p-value of that look.
        spending: what it was allowed to spend.

    Returns:
        The words.
    """
    spends = f"{p_words(corrected)}, where that look may spend {spending.alpha:g}"
    return f"{answer} since the look at {spending.seeds} seeds ({spends})"
