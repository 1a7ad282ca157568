"""Tests of trained models, not of recipes: would these very models differ on other examples?

They take the models as given. That two trained models differ says little about recipes: train again with other seeds and
the order may turn. As a test of recipes they are wrong in a fifth to a half of all cases (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bakeoff.metrics.counts import Floats
from bakeoff.metrics.scores import SCORES
from bakeoff.stats.counting import AVERAGED, example_values, fast_name, score_counts

QUESTION = "these trained models differ"
RANDOM_SEED = 20_240_302
CHUNK = 512


@dataclass(frozen=True)
class TrainedTest:
    """A test of two trained models.

    Attributes:
        name: of the test.
        p: two-sided p-value of "the models do not differ".
        statistic: what was measured: A less B.
        examples: examples or clusters that could tell the models apart.
        question: what a small p answers.
    """

    name: str
    p: float
    statistic: float
    examples: int
    question: str = QUESTION


def mcnemar(a_right: NDArray[Any], b_right: NDArray[Any]) -> TrainedTest:
    """Exact McNemar test: among examples on which one model alone is right, are both models right equally often?

    **Unit of pairing**: the example; examples must be independent (no clusters). **Ties**: examples on which both are right
    or both are wrong say nothing and are left out. **When it misleads**: taken as a statement about recipes.

    Args:
        a_right: whether model A is right about the example, [N].
        b_right: whether model B is, [N].

    Returns:
        The test; statistic: how many more examples A alone is right about; p is 1 if no example tells them apart. Source:
        McNemar 1947, the exact binomial form; checked against statsmodels' `mcnemar(exact=True)`. Worked number: 8 against
        2 gives p = 0.109.

    Raises:
        ValueError: if the shapes differ.
    """
    first, second = np.asarray(a_right).astype(bool), np.asarray(b_right).astype(bool)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"right answers {first.shape} and {second.shape} must have one shape [N]")
    wins, losses = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    p = min(1.0, 2 * float(stats.binom.cdf(min(wins, losses), wins + losses, 0.5)))
    return TrainedTest("exact McNemar", p, float(wins - losses), wins + losses)


def randomisation(
    metric: Callable[[Any, Any], float],
    gold: NDArray[Any],
    models: tuple[NDArray[Any], NDArray[Any]],
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    draws: int = 9999,
    seed: int = RANDOM_SEED,
) -> TrainedTest:
    """Approximate randomisation: swap the two models' predictions example by example at random, and see how often the
    difference in the metric comes out as large.

    **Unit of pairing**: the cluster. **Ties**: a draw that equals what was observed counts against a difference.

    Args:
        metric: (gold, predicted) -> score; one of `metrics.scores.SCORES` is computed for all draws at once.
        gold: what is true, [N, ...].
        models: what A and B predict, each [N, ...].
        clusters: what examples belong together by, [N]; None where each stands alone.
        draws: random swaps.
        seed: governs them.

    Returns:
        The test; p is (1 + draws as large) / (1 + draws), two-sided. Source: Noreen 1989; Yeh 2000 for F1. Worked number: two
        models of equal predictions give p = 1.
    """
    first, second = (np.asarray(model) for model in models)
    codes = np.arange(len(gold)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1].ravel()
    count = int(codes.max()) + 1
    generator = np.random.default_rng(seed)
    name = fast_name(metric, SCORES)
    difference = _slow(metric, gold, first, second, codes) if name is None else _fast(name, gold, first, second, codes)
    observed = float(difference(np.zeros((1, count), dtype=bool))[0])
    as_large = 0
    for start in range(0, draws, CHUNK):
        swaps = generator.random((min(CHUNK, draws - start), count)) < 0.5
        # differences that equal the observed one but for rounding are as large
        as_large += int(np.sum(np.abs(difference(swaps)) >= abs(observed) - 1e-12))
    return TrainedTest("approximate randomisation", (1 + as_large) / (1 + draws), observed, count)


Differences = Callable[[NDArray[np.bool_]], Floats]
"""From swaps, [R, clusters], to the metric's differences, [R]."""


def _fast(name: str, gold: NDArray[Any], first: NDArray[Any], second: NDArray[Any], codes: NDArray[Any]) -> Differences:
    """Counts after a swap are counts before it and a matrix product of swaps with what each cluster would change."""

    def by_cluster(values: NDArray[Any]) -> Floats:
        sums = np.zeros((int(codes.max()) + 1, *values.shape[1:]))
        np.add.at(sums, codes, values)
        return sums

    if name in AVERAGED:
        gap = by_cluster(example_values(name, gold, first) - example_values(name, gold, second)) / len(gold)
        return lambda swaps: np.asarray((1 - 2 * swaps.astype(np.float64)) @ gap)
    true, one, two = (np.asarray(array).astype(bool) for array in (gold, first, second))
    hits, given = (by_cluster(y.astype(np.float64) - x) for x, y in ((true & one, true & two), (one, two)))
    totals = [(true & side).sum(axis=0) for side in (one, two)], [side.sum(axis=0) for side in (one, two)]
    positives = true.sum(axis=0)

    def difference(swaps: NDArray[np.bool_]) -> Floats:
        chosen = swaps.astype(np.float64)
        moved = chosen @ hits, chosen @ given
        scores = [
            score_counts(name, totals[0][side] + sign * moved[0], totals[1][side] + sign * moved[1], positives)
            for side, sign in ((0, 1), (1, -1))
        ]
        return np.asarray(scores[0] - scores[1])

    return difference


def _slow(
    metric: Callable[[Any, Any], float], gold: NDArray[Any], first: NDArray[Any], second: NDArray[Any], codes: NDArray[Any]
) -> Differences:
    def difference(swaps: NDArray[np.bool_]) -> Floats:
        found = []
        for swap in swaps:
            rows = swap[codes].reshape(-1, *[1] * (first.ndim - 1))
            found.append(metric(gold, np.where(rows, second, first)) - metric(gold, np.where(rows, first, second)))
        return np.array(found, dtype=np.float64)

    return difference
