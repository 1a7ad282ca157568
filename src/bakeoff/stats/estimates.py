"""Contrasts of recipes with everything that is uncertain about them: the two-part t.

**Question.** What is the expected score of a recipe over training seeds, on a fresh test set of this size, less that of
another? **Unit of pairing**: the seed (same order of data, same start of the head) and, among examples, the cluster.
**When it misleads**: if scores over seeds have heavy tails or two humps (a recipe that collapses at some seeds), if there
are fewer than 20 clusters, or if test examples were used for choosing. See docs/statistics.md for measured error rates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import optimize

from bakeoff.metrics.counts import Floats
from bakeoff.stats.replicates import Replicates
from bakeoff.stats.two_part import half_width, tail_probability

Form = Literal["paired", "welch", "one-sample", "one-seed"]
FEW_FOR_CORRELATION = 3


@dataclass(frozen=True)
class Interval:
    """An interval; infinite where nothing is known.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Part:
    """One source of noise.

    Attributes:
        name: `seeds`, `examples` or `validation`.
        variance: of the contrast.
        df: degrees of freedom of that variance; 0 where it is not known at all.
    """

    name: str
    variance: float
    df: float


@dataclass(frozen=True)
class Estimate:
    """A contrast, what it rests on, and the intervals and p-values that follow.

    Attributes:
        value: the contrast; nan if a trial has no score.
        parts: sources of noise, `seeds` first, then `examples` where a test set stands behind the number.
        twice: the part that seeds and examples both count (seed × example), or None.
        form: how seeds went in.
        seeds: number of seeds of each side; 0 where there is no second side.
        pairing: correlation over seeds of the two sides' scores; nan unless paired, and where it cannot be computed.
    """

    value: float
    parts: tuple[Part, ...]
    twice: Part | None
    form: Form
    seeds: tuple[int, int]
    pairing: float

    @property
    def decidable(self) -> bool:
        """Whether anything can be said about recipes: two seeds of each, and a score of each."""
        return self.form != "one-seed" and math.isfinite(self.value)

    def part(self, name: str) -> Part | None:
        """One source of noise.

        Args:
            name: `seeds`, `examples` or `validation`.

        Returns:
            The part, or None.
        """
        return next((part for part in self.parts if part.name == name), None)

    def interval(self, level: float = 0.95) -> Interval:
        """The two-part t interval of what is expected of the recipes.

        Args:
            level: coverage that is aimed at.

        Returns:
            The interval; without end where undecidable. Worked number: scores 0.52, 0.50, 0.51, 0.53, 0.49 over five seeds,
            no noise of examples: 0.51 ± 2.776 · 0.00707 = 0.4904 to 0.5296.
        """
        if not self.decidable:
            return Interval(-math.inf, math.inf)
        return self._around(float(half_width(*self._variances(), (1 - level) / 2)))

    def given_models(self, level: float = 0.95) -> Interval:
        """An interval of these trained models' own scores on a fresh test set: no statement about recipes.

        Args:
            level: coverage that is aimed at.

        Returns:
            The interval by the noise of examples alone; without end if the value is nan or no test set stands behind it.
        """
        examples = self.part("examples")
        if examples is None or not math.isfinite(self.value):
            return Interval(-math.inf, math.inf)
        return self._around(float(half_width([(examples.variance, examples.df)], None, (1 - level) / 2)))

    def p_above(self) -> float:
        """One-sided p-value of "the contrast is above 0", against "it is 0 or below".

        Returns:
            The tail at which the interval just reaches 0; 1 where undecidable.
        """
        return self._tail if self.value >= 0 else 1 - self._tail if self.decidable else 1.0

    def p_below(self) -> float:
        """One-sided p-value of "the contrast is below 0".

        Returns:
            As `p_above`, the other way.
        """
        return self._tail if self.value <= 0 else 1 - self._tail if self.decidable else 1.0

    def p_two_sided(self) -> float:
        """p-value of "the contrast is not 0".

        Returns:
            Twice the smaller one-sided one, at most 1.
        """
        return min(1.0, 2 * min(self.p_above(), self.p_below()))

    def with_part(self, part: Part) -> Estimate:
        """The same with one more source of noise, as for a sensitivity.

        Args:
            part: the source.

        Returns:
            The estimate, with wider intervals.
        """
        return replace(self, parts=(*self.parts, part))

    def flipped(self) -> Estimate:
        """The opposite contrast.

        Returns:
            The same with the other sign.
        """
        return replace(self, value=-self.value)

    @cached_property
    def _tail(self) -> float:
        """The smaller of both one-sided p-values, at most one half; 1 where undecidable."""
        return float(tail_probability(abs(self.value), *self._variances())) if self.decidable else 1.0

    def _around(self, half: float) -> Interval:
        return Interval(self.value - half, self.value + half)

    def _variances(self) -> tuple[list[tuple[float, float]], tuple[float, float] | None]:
        twice = (self.twice.variance, self.twice.df) if self.twice is not None else None
        return [(part.variance, part.df) for part in self.parts], twice


@dataclass(frozen=True)
class _Side:
    """One weighted recipe: scores [S] and deviations of groups [S, G]."""

    scores: Floats
    deviations: Floats

    @property
    def seeds(self) -> int:
        return len(self.scores)

    @property
    def spread(self) -> float:
        """Variance of the mean over seeds."""
        return float(np.var(self.scores, ddof=1) / self.seeds) if self.seeds > 1 else math.nan

    @property
    def both(self) -> float:
        """Variance of the mean from seed × example."""
        apart = self.deviations - self.deviations.mean(axis=0)
        return float(np.sum(apart**2) / (self.seeds * (self.seeds - 1))) if self.seeds > 1 else math.nan


def _weighted(replicates: Replicates, weight: float) -> _Side:
    return _Side(weight * replicates.whole, weight * replicates.deviations())


def contrast(
    a: Replicates,
    b: Replicates | None = None,
    weights: tuple[float, float] = (1.0, -1.0),
    offset: float = 0.0,
    shared: bool | None = None,
) -> Estimate:
    """Estimate w₀·m_A + w₁·m_B + offset.

    Args:
        a: one recipe.
        b: another on the same test set and groups; None for a contrast of one recipe.
        weights: w₀ and w₁; (1, −1.1) asks whether A beats B by 10 %.
        offset: what is added, such as minus a reference number.
        shared: whether seeds pair the recipes, as declared beforehand; None pairs them if both have the same seeds.

    Returns:
        The estimate: paired over seeds, or with Welch's variance and degrees of freedom in the seed part, or of one sample;
        of the form "one-seed", which decides nothing, if either side has one seed. Source: the t interval of a two-way
        layout with random effects, each part at its own degrees of freedom as in Cox 1971 and Burdick & Graybill 1992,
        chapter 3; Welch 1947 for unequal variances. Checked against `scipy.stats.ttest_rel`, `ttest_ind` and `ttest_1samp`.

    Raises:
        ValueError: if the recipes were scored on different groups, or pairing is asked for over different seeds.
    """
    if b is None:
        sides = [_weighted(a, weights[0])]
        return _assembled(sides, "one-sample", (len(a.seeds), 0), offset, math.nan)
    if not np.array_equal(a.sizes, b.sizes):
        raise ValueError("both recipes need the same groups of the test set")
    same = set(a.seeds) == set(b.seeds) and len(set(a.seeds)) == len(a.seeds) == len(b.seeds)
    if shared and not same:
        raise ValueError(f"seeds {a.seeds} and {b.seeds} cannot be paired")
    first = _weighted(a, weights[0])
    if not (same if shared is None else shared):
        second = _weighted(b, weights[1])
        return _assembled([first, second], "welch", (first.seeds, second.seeds), offset, math.nan)
    order = [b.seeds.index(seed) for seed in a.seeds]
    second = _weighted(replace(b, seeds=a.seeds, whole=b.whole[order], without=b.without[order]), weights[1])
    paired = _Side(first.scores + second.scores, first.deviations + second.deviations)
    return _assembled([paired], "paired", (first.seeds, first.seeds), offset, _correlation(a.whole, b.whole[order]))


def _assembled(sides: list[_Side], form: Form, seeds: tuple[int, int], offset: float, pairing: float) -> Estimate:
    value = float(sum(side.scores.mean() for side in sides)) + offset
    groups = sides[0].deviations.shape[1]
    alone = min(side.seeds for side in sides) < 2
    spread = Part("seeds", math.nan, 0.0) if alone else Part("seeds", *_pooled(sides))
    if not groups:
        return Estimate(value, (spread,), None, "one-seed" if alone else form, seeds, pairing)
    added = sum((side.deviations.mean(axis=0) for side in sides), np.zeros(groups))
    examples = Part("examples", float(np.sum(added**2)), groups - 1.0)
    if alone:
        return Estimate(value, (spread, examples), None, "one-seed", seeds, pairing)
    freedom = sum(side.seeds - 1 for side in sides) * (groups - 1.0)
    twice = Part("seeds × examples", sum(side.both for side in sides), freedom)
    return Estimate(value, (spread, examples), twice, form, seeds, pairing)


def _pooled(sides: list[_Side]) -> tuple[float, float]:
    """Variance over seeds and its degrees of freedom: Welch's for two sides."""
    spreads = [side.spread for side in sides]
    total = sum(spreads)
    if not total > 0:
        return total, float(sum(side.seeds - 1 for side in sides))
    return total, 1 / sum((one / total) ** 2 / (side.seeds - 1) for one, side in zip(spreads, sides, strict=True))


def _correlation(first: Floats, second: Floats) -> float:
    if len(first) < FEW_FOR_CORRELATION or not (np.ptp(first) > 0 and np.ptp(second) > 0):
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def ratio_interval(a: Replicates, b: Replicates, level: float = 0.95, shared: bool | None = None) -> Interval:
    """By which factor A's score is a multiple of B's: every k that m_A − k·m_B does not contradict.

    Args:
        a: one recipe.
        b: another, whose score is above 0.
        level: coverage that is aimed at.
        shared: as for `contrast`.

    Returns:
        The interval of m_A / m_B, so that 1.10 lies below it exactly if A beats B by 10 %; infinite on a side where B's score
        cannot be told from 0. Source: Fieller 1954, with the two-part half-width.
    """
    if not contrast(a, b, shared=shared).decidable or not b.mean > 0:
        return Interval(-math.inf, math.inf)

    def excess(factor: float) -> float:
        """Above 0 where the factor is contradicted."""
        estimate = contrast(a, b, (1.0, -factor), shared=shared)
        interval = estimate.interval(level)
        return max(interval.low, -interval.high)

    middle = a.mean / b.mean
    return Interval(_boundary(excess, middle, -1.0), _boundary(excess, middle, 1.0))


def _boundary(excess: Callable[[float], float], inside: float, direction: float) -> float:
    """Where the excess passes 0 on one side of a point inside."""
    step = 1e-6 * max(1.0, abs(inside))
    while excess(inside + direction * step) <= 0:
        step *= 2
        if step > 1e6:
            return direction * math.inf
    # the boundary itself is where a contrast's interval ends at 0
    return inside + direction * float(optimize.brentq(lambda away: excess(inside + direction * away), 0.0, step, xtol=1e-12))
