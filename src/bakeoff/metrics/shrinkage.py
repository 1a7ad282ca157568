"""One threshold a label, shrunk towards the one of all labels, and by how much tuned thresholds flatter.

The best threshold of a label with few positives is mostly chance. It is drawn towards the threshold of all labels on
the logit scale, with weight P / (P + κ) for P positives; κ is chosen by cross-validation within the examples, and so is
the optimism of what results: on examples that nothing was tuned on, scores are lower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Bools, Floats
from bakeoff.metrics.scores import LOWER_IS_BETTER
from bakeoff.metrics.sorting import Sorted, sort
from bakeoff.metrics.thresholds import GRID, TIE, Score, best_label_thresholds, best_threshold, goodness

KAPPAS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, math.inf)
"""What κ may be: 0 takes each label's own threshold, infinity the one of all labels."""
FOLDS = 5
FOLD_SEED = 20_240_229
CROSS_GRID = 48
"""Candidates that are tried in each fold of a metric that is known as a function only."""


@dataclass(frozen=True)
class Tuned:
    """Thresholds fitted on one set of examples.

    Attributes:
        threshold: the one for all labels; nan if a probability is not finite.
        labels: one a label, shrunk, [L].
        unshrunk: the best of each label on these examples, [L].
        kappa: how strongly they were shrunk; infinity is the one threshold for every label.
        folds: folds of the cross-validation; 0 if there were too few examples for one.
        optimism: by how much the metric is better on these examples than on examples that nothing was tuned on,
            cross-validated: of the one threshold, and of those of the labels; nan without a cross-validation.
    """

    threshold: float
    labels: Floats
    unshrunk: Floats
    kappa: float
    folds: int
    optimism: tuple[float, float]


def shrink(labels: NDArray[Any], towards: float, positives: NDArray[Any], kappa: float) -> Floats:
    """Draw thresholds towards one, on the logit scale, with weight P / (P + κ) for P positives.

    Args:
        labels: one threshold a label, [L].
        towards: the one that they are drawn to.
        positives: examples that bear each label, [L]; a label without any gets the one threshold.
        kappa: positives at which a label's own threshold and the common one count alike; 0 or more, or infinity.

    Returns:
        The thresholds, [L].
    """
    counts = np.asarray(positives, dtype=np.float64)
    if math.isinf(kappa):
        return np.full(len(counts), towards)
    weight = np.divide(counts, counts + kappa, out=np.zeros(len(counts)), where=counts > 0)
    drawn = 1 / (1 + np.exp(-(weight * _logit(labels) + (1 - weight) * _logit(towards))))
    # there and back again is not exact, and a threshold that is a probability decides by its last bit
    return np.where(weight == 1, labels, np.where((weight == 0) | (labels == towards), towards, drawn))


def _logit(probability: Any) -> Any:
    inside = np.clip(probability, 1e-300, 1 - 2**-53)
    return np.log(inside) - np.log1p(-inside)


def draw_folds(examples: int, folds: int = FOLDS, seed: int = FOLD_SEED) -> NDArray[np.intp]:
    """Share examples out, evenly and at random.

    Args:
        examples: N.
        folds: how many folds.
        seed: governs which goes where.

    Returns:
        The fold of each example, from 0, [N].
    """
    return np.random.default_rng(seed).permutation(np.arange(examples) % folds)


def tune(gold: Bools, probabilities: NDArray[Any], metric: str | Score = "f1_macro") -> Tuned:
    """Fit the threshold of all labels and those of each, and measure how much they flatter.

    Labels' thresholds maximise their F1; κ is the one whose thresholds, fitted on four fifths, score best in the metric
    over the fifths left out (of equals the largest). The optimism repeats all of that, the choice of κ included, with a
    fifth left out: as each is fitted on fewer examples, it is slightly overstated.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: [N, L].
        metric: a name of `scores.SCORES`, or a function (gold, predicted) -> score where higher is better.

    Returns:
        The thresholds; all nan if a probability is not finite.

    Raises:
        ValueError: if the shapes differ or no metric has that name.
    """
    if not np.isfinite(probabilities).all():
        nothing = np.full(np.shape(probabilities)[1], np.nan)
        return Tuned(math.nan, nothing, nothing, math.nan, 0, (math.nan, math.nan))
    true, chances = np.asarray(gold) > 0, np.asarray(probabilities, dtype=np.float64)
    if not true.size:
        half = np.full(true.shape[1], 0.5)
        return Tuned(0.5, half, half, math.inf, 0, (math.nan, math.nan))
    outputs = sort(gold, chances)
    threshold, unshrunk = _fit(outputs, metric, GRID)
    if len(true) < 2 * FOLDS:
        return Tuned(threshold, np.full(true.shape[1], threshold), unshrunk, math.inf, 0, (math.nan, math.nan))
    kappa = choose_kappa(outputs, metric)
    labels = shrink(unshrunk, threshold, true.sum(axis=0), kappa)
    optimism = _optimism(outputs, metric, (threshold, labels))
    return Tuned(threshold, labels, unshrunk, kappa, FOLDS, optimism)


def _fit(outputs: Sorted, metric: str | Score, grid: int) -> tuple[float, Floats]:
    threshold = best_threshold(outputs, metric, grid)
    return threshold, best_label_thresholds(outputs, threshold)


def _goodness(metric: str | Score, gold: NDArray[Any], decided: NDArray[np.bool_]) -> float:
    """The metric so that more is better."""
    value = goodness(metric, gold, decided)
    return -value if metric in LOWER_IS_BETTER else value


def choose_kappa(outputs: Sorted, metric: str | Score) -> float:
    """Choose how strongly labels' thresholds are shrunk, by cross-validation.

    Decisions of all folds are scored together: a fold alone has too few positives of a rare label.

    Args:
        outputs: sorted outputs, at least as many examples as folds.
        metric: a name of `scores.SCORES`, or a function where higher is better.

    Returns:
        One of `KAPPAS`, the largest of equally good ones.
    """
    gold, chances = outputs.unsorted()
    fold_of = draw_folds(len(gold))
    decided = np.zeros((len(KAPPAS), *gold.shape), dtype=bool)
    for fold in range(FOLDS):
        left_out = fold_of == fold
        fitted = outputs.part(~left_out)
        threshold, unshrunk = _fit(fitted, metric, CROSS_GRID)
        positives = np.count_nonzero(fitted.gold, axis=1)
        for index, kappa in enumerate(KAPPAS):
            decided[index, left_out] = chances[left_out] >= shrink(unshrunk, threshold, positives, kappa)
    values = np.array([_goodness(metric, gold, decisions) for decisions in decided])
    return KAPPAS[int(np.flatnonzero(values >= values.max() - TIE)[-1])]


def _optimism(outputs: Sorted, metric: str | Score, rules: tuple[float, Floats]) -> tuple[float, float]:
    gold, chances = outputs.unsorted()
    fold_of = draw_folds(len(gold), seed=FOLD_SEED + 1)
    decided = np.zeros((2, *gold.shape), dtype=bool)
    for fold in range(FOLDS):
        left_out = fold_of == fold
        fitted = outputs.part(~left_out)
        threshold, unshrunk = _fit(fitted, metric, CROSS_GRID)
        labels = shrink(unshrunk, threshold, np.count_nonzero(fitted.gold, axis=1), choose_kappa(fitted, metric))
        decided[0, left_out] = chances[left_out] >= threshold
        decided[1, left_out] = chances[left_out] >= labels
    shown, honest = (
        [_goodness(metric, gold, one) for one in many] for many in ((chances >= rules[0], chances >= rules[1]), decided)
    )
    return shown[0] - honest[0], shown[1] - honest[1]
