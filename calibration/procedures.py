"""What is put to the test: the two-part t of `bakeoff.stats`, and beside it what peers do.

Everything works on arrays of repetitions at once. For the two-part t, `check_against_the_package` shows on single
repetitions that these arrays are what `bakeoff.stats.contrast` gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bakeoff.stats.estimates import contrast
from bakeoff.stats.replicates import Replicates
from bakeoff.stats.two_part import half_width, tail_probability
from drawing import Drawn

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """A contrast w₀·m_A + w₁·m_B of each repetition and its noise.

    Attributes:
        value: [R].
        seeds: variance over seeds, with its degrees of freedom, [R] each.
        examples: variance of the jackknife, and its degrees of freedom.
        twice: what both count, and its degrees of freedom.
    """

    value: Array
    seeds: tuple[Any, Any]
    examples: tuple[Any, Any]
    twice: tuple[Any, Any]

    def half(self, alpha: float = 0.05) -> Array:
        """Half-widths of the two-part t interval, [R]."""
        return half_width([self.seeds, self.examples], self.twice, alpha / 2)

    def p(self, truth: float = 0.0) -> Array:
        """Two-sided p-values of "the contrast is the truth", [R]."""
        distance = np.abs(self.value - truth)
        return np.asarray(np.minimum(1.0, 2 * tail_probability(distance, [self.seeds, self.examples], self.twice)))


def parts(drawn: Drawn, seeds: int, weights: tuple[float, float] = (1.0, -1.0), shared: bool = True) -> Parts:
    """The contrast of the first seeds of each repetition.

    Args:
        drawn: repetitions.
        seeds: how many of their seeds are used.
        weights: of both recipes.
        shared: whether seeds pair them; else Welch's form.

    Returns:
        The contrast and its noise.
    """
    scores = [weight * drawn.whole[:, side, :seeds] for side, weight in enumerate(weights)]
    apart = [weight * drawn.deviations[:, side, :seeds].astype(np.float64) for side, weight in enumerate(weights)]
    groups = apart[0].shape[-1]
    value = np.asarray(sum(scores)).mean(axis=1)
    examples = np.sum((apart[0] + apart[1]).mean(axis=1) ** 2, axis=1)
    if shared:
        scores, apart = [scores[0] + scores[1]], [apart[0] + apart[1]]
    spreads = [score.var(axis=1, ddof=1) / seeds for score in scores]
    both = [np.sum((one - one.mean(axis=1, keepdims=True)) ** 2, axis=(1, 2)) / (seeds * (seeds - 1)) for one in apart]
    total = np.asarray(sum(spreads))
    df = (seeds - 1) * total**2 / np.maximum(np.asarray(sum(spread**2 for spread in spreads)), 1e-300)
    df = np.where(total > 0, df, len(scores) * (seeds - 1))
    return Parts(
        value, (total, df), (examples, groups - 1.0), (np.asarray(sum(both)), len(scores) * (seeds - 1) * (groups - 1.0))
    )


def check_against_the_package(drawn: Drawn, shared: bool) -> float:
    """The largest difference between these arrays and `bakeoff.stats.contrast`, in half-widths and p-values.

    Args:
        drawn: repetitions, the first of which carry their scores without each group.
        shared: whether seeds pair the recipes.

    Returns:
        The difference.
    """
    count, _, seeds, groups = drawn.without.shape
    arrays, sizes = parts(drawn, seeds, (1.0, -1.1), shared), np.full(groups, 7)
    halves, p_values, worst = arrays.half(), arrays.p(), 0.0
    for row in range(count):
        names = tuple(range(seeds))
        a, b = (Replicates(names, drawn.whole[row, side], drawn.without[row, side], sizes) for side in (0, 1))
        estimate = contrast(a, b, (1.0, -1.1), shared=shared)
        half = estimate.interval().high - estimate.value
        worst = max(worst, abs(half - halves[row]), abs(estimate.p_two_sided() - p_values[row]))
    return worst


def welch_over_seeds(drawn: Drawn, seeds: int) -> Callable[[float], Array]:
    """Two-sided p of Welch's t over seeds, for any true difference: what most papers do, if anything."""
    return _t_test(parts(drawn, seeds, shared=False))


def paired_over_seeds(drawn: Drawn, seeds: int) -> Callable[[float], Array]:
    """Two-sided p of the paired t over seeds: the noise of examples is left out."""
    return _t_test(parts(drawn, seeds))


def _t_test(contrasts: Parts) -> Callable[[float], Array]:
    variance, df = contrasts.seeds
    scale = np.sqrt(np.maximum(variance, 1e-300))
    # scores that are equal at all seeds give no p-value: nothing is rejected then
    return lambda truth: np.where(variance > 0, 2 * stats.t.sf(np.abs(contrasts.value - truth) / scale, df), 1.0)


def unpaired_z(drawn: Drawn, seeds: int) -> Callable[[float], Array]:
    """Two-sided p of a z test that takes the recipes' scores as independent and knows the noise of examples alone."""
    means = drawn.whole[:, :, :seeds].mean(axis=2)
    variance = np.sum(drawn.deviations[:, :, :seeds].astype(np.float64).mean(axis=2) ** 2, axis=(1, 2))
    return lambda truth: 2 * stats.norm.sf(np.abs(means[:, 0] - means[:, 1] - truth) / np.sqrt(np.maximum(variance, 1e-300)))


def fixed_seeds_z(drawn: Drawn, seeds: int) -> Callable[[float], Array]:
    """Two-sided p of a paired z test on the examples, the trained models held fixed."""
    contrasts = parts(drawn, seeds)
    scale = np.sqrt(np.maximum(contrasts.examples[0], 1e-300))
    return lambda truth: 2 * stats.norm.sf(np.abs(contrasts.value - truth) / scale)


def seed_bootstrap(drawn: Drawn, seeds: int, resamples: int = 1000) -> Callable[[float], Array]:
    """Whether the percentile interval of a bootstrap over seeds leaves the truth out: p is 0 or 1."""
    gap = drawn.whole[:, 0, :seeds] - drawn.whole[:, 1, :seeds]
    weights = np.random.default_rng(seeds).multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    low, high = np.percentile(gap @ weights.T, [2.5, 97.5], axis=1)
    return lambda truth: np.where((low <= truth) & (truth <= high), 1.0, 0.0)


PEERS: dict[str, Callable[[Drawn, int], Callable[[float], Array]]] = {
    "Welch's t over seeds": welch_over_seeds,
    "paired t over seeds": paired_over_seeds,
    "unpaired z": unpaired_z,
    "paired z, seeds fixed": fixed_seeds_z,
    "seed bootstrap": seed_bootstrap,
}
