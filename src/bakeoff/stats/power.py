"""What a design can see: power, the smallest visible difference, and the seeds or examples likely to decide.

Forecasts from estimated noise: as rough as that estimate. From few seeds the spread over seeds is known to a factor of two
(S = 5: 0.6 to 2.9 times, 95 %). Corrections are taken as Bonferroni's, so that Holm's sees a little more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special, stats

from bakeoff.metrics.counts import Floats
from bakeoff.stats.estimates import Estimate
from bakeoff.stats.grouping import GROUPS
from bakeoff.stats.two_part import half_width

USUAL_POWER = 0.8
MOST_SEEDS = 1000
MOST_EXAMPLES = 10_000_000
_QUANTILES = 200


@dataclass(frozen=True)
class Noise:
    """Variances of a contrast by source.

    Attributes:
        seed: of one seed, on an endless test set.
        example: of one example, over endless seeds.
        both: of one example at one seed: what is neither of the two.
    """

    seed: float
    example: float
    both: float


@dataclass(frozen=True)
class Design:
    """How a contrast is measured.

    Attributes:
        seeds: seeds of each recipe, paired.
        examples: examples of the test set (its clusters, where it has any).
        groups: groups of the jackknife.
        comparisons: how many share alpha.
        alpha: error rate of all together, both ways.
    """

    seeds: int
    examples: int
    groups: int = GROUPS
    comparisons: int = 1
    alpha: float = 0.05


@dataclass(frozen=True)
class Deciding:
    """What would likely decide, changing one thing and leaving the other.

    Attributes:
        seeds: seeds of each recipe; None if not even a thousand would.
        examples: test examples; None if not even ten million would.
    """

    seeds: int | None
    examples: int | None


def noise_of(estimate: Estimate, examples: int) -> Noise:
    """Take the noise of a contrast apart.

    Args:
        estimate: of two or more seeds of each side.
        examples: of the test set that it rests on.

    Returns:
        Its variances; what comes out below 0 by chance is 0. Without a test set all of it is the seeds'. Of an estimate whose
        sides differ in seeds, the harmonic mean of their numbers stands for both.

    Raises:
        ValueError: if the estimate has one seed or no score: its noise is not known.
    """
    if not estimate.decidable:
        raise ValueError("the noise of a contrast is known from two seeds on, and only where all trials have scores")
    counts = [count for count in estimate.seeds if count]
    seeds = len(counts) / sum(1 / count for count in counts)
    spread, tested = estimate.part("seeds"), estimate.part("examples")
    both = estimate.twice.variance if estimate.twice else 0.0
    seed = max(0.0, spread.variance - both) * seeds if spread else 0.0
    return Noise(seed, max(0.0, tested.variance - both) * examples if tested else 0.0, both * seeds * examples)


def _spreads(noise: Noise, design: Design) -> tuple[float, float, float]:
    """Expected variance of the mean by seeds, by examples, and what both count."""
    both = noise.both / (design.seeds * design.examples)
    return noise.seed / design.seeds + both, noise.example / design.examples + both, both


def power(noise: Noise, design: Design, difference: float) -> float:
    """How probable it is that a difference is shown, in its own direction.

    Args:
        noise: of the contrast.
        design: how it is measured.
        difference: its true size, above 0.

    Returns:
        0 to 1; 0 with one seed. The spread over seeds is averaged over its distribution, that over examples taken as known.
        Worked number: seeds only, S = 5, a difference of 1.682 standard deviations of a seed: 0.80 (the paired t test).
    """
    if design.seeds < 2:
        return 0.0
    df = design.seeds - 1
    spread, tested, both = _spreads(noise, design)
    drawn: Floats = spread * stats.chi2.ppf((np.arange(_QUANTILES) + 0.5) / _QUANTILES, df) / df
    groups = min(design.groups, design.examples)
    tail = design.alpha / max(1, design.comparisons) / 2
    half = half_width([(drawn, df), (tested, groups - 1.0)], (both, df * (groups - 1.0)), tail)
    deviation = math.sqrt(spread + tested - both)
    if not deviation > 0:
        return float(difference > 0)
    return float(np.mean(special.ndtr((difference - half) / deviation)))


def smallest_visible(noise: Noise, design: Design, wanted: float = USUAL_POWER) -> float:
    """The smallest true difference that is likely to be shown.

    Args:
        noise: of the contrast.
        design: how it is measured.
        wanted: how likely.

    Returns:
        The difference at which the power is just that; infinite with one seed.
    """
    if design.seeds < 2:
        return math.inf
    spread, tested, both = _spreads(noise, design)
    deviation = math.sqrt(spread + tested - both)
    if not deviation > 0:
        return 0.0
    high = deviation
    while power(noise, design, high) < wanted:
        high *= 2
    return float(optimize.brentq(lambda difference: power(noise, design, difference) - wanted, 0.0, high))


def needed_seeds(noise: Noise, design: Design, difference: float, wanted: float = USUAL_POWER) -> int | None:
    """How many seeds would likely show a difference, on the same test set size.

    Args:
        noise: of the contrast.
        design: how it is measured; its own number of seeds does not count.
        difference: the true one, above 0.
        wanted: how likely.

    Returns:
        The smallest such number from 2 on; None if not even 1,000 seeds would: then more examples are needed.
    """
    return _smallest(lambda seeds: power(noise, replace(design, seeds=seeds), difference) >= wanted, 2, MOST_SEEDS)


def needed_examples(noise: Noise, design: Design, difference: float, wanted: float = USUAL_POWER) -> int | None:
    """How many test examples would likely show a difference, with the same number of seeds.

    Args:
        noise: of the contrast.
        design: how it is measured; its own number of examples does not count.
        difference: the true one, above 0.
        wanted: how likely.

    Returns:
        The smallest such number; None if not even ten million would: then more seeds are needed.
    """
    return _smallest(lambda examples: power(noise, replace(design, examples=examples), difference) >= wanted, 2, MOST_EXAMPLES)


def what_decides(noise: Noise, design: Design, difference: float, wanted: float = USUAL_POWER) -> Deciding:
    """What would likely decide an undecided contrast, if its true size is what was seen.

    Args:
        noise: of the contrast.
        design: how it was measured.
        difference: what was seen, of either sign.
        wanted: how likely.

    Returns:
        Seeds alone, and examples alone. What was seen by chance promises too much: plan for a difference that matters.
    """
    size = abs(difference)
    return Deciding(needed_seeds(noise, design, size, wanted), needed_examples(noise, design, size, wanted))


def _smallest(enough: Callable[[int], bool], low: int, most: int) -> int | None:
    """The smallest number that is enough, found by halving: where power is high, more is better."""
    if enough(low):
        return low
    high = low
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
