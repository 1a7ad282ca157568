"""Turn probabilities into decisions: fixed thresholds, one tuned for all labels, and one tuned for each label.

An example is given a label when its probability is at least the threshold. Thresholds are tuned on validation only.

Tuning is exact (see `sorting.py`). Scores closer than `TIE` count as equal; of equal candidates the one nearest 0.5 is
taken, and of two equally near the higher: a rule that depends on the values alone, never on their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Bools, Floats, evaluate, f1
from bakeoff.metrics.scores import SCORES
from bakeoff.metrics.sorting import NEVER, Sorted, curve, ends_of_runs, label_scores, sort

FIXED_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TIE = 1e-9
GRID = 512

Score = Callable[[Bools, Bools], float]


def decide(probabilities: NDArray[Any], threshold: float | NDArray[Any]) -> NDArray[np.bool_]:
    """Give each example the labels whose probability reaches the threshold.

    Args:
        probabilities: [N, L], each from 0 to 1.
        threshold: one for all labels, or one a label, [L].

    Returns:
        The decisions, [N, L].

    Raises:
        ValueError: if a probability or a threshold is nan: no decision follows from it.
    """
    if np.isnan(probabilities).any() or np.isnan(threshold).any():
        raise ValueError("a probability or threshold is nan: nothing can be decided")
    return np.asarray(probabilities >= threshold, dtype=np.bool_)


def tune_threshold(gold: Bools, probabilities: NDArray[Any], metric: str | Score = "f1_macro") -> tuple[float, float]:
    """Find the one threshold for all labels at which a metric is best.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: [N, L].
        metric: a name of `scores.SCORES`: exact, in the direction of that metric; or any function (gold, predicted) ->
            score where higher is better: then at most 512 candidates are tried, evenly spread over the sorted distinct
            probabilities.

    Returns:
        The threshold and the metric's value there; (nan, nan) if a probability is not finite, (0.5, 0) without examples.

    Raises:
        ValueError: if the shapes differ or no metric has that name.
    """
    if not np.isfinite(probabilities).all():
        return float("nan"), float("nan")
    if not np.size(probabilities) and np.shape(gold) == np.shape(probabilities):
        return 0.5, 0.0
    outputs = sort(gold, probabilities)
    threshold = best_threshold(outputs, metric)
    true, chances = outputs.unsorted()
    return threshold, goodness(metric, true, chances >= threshold)


def goodness(metric: str | Score, gold: NDArray[Any], decided: NDArray[np.bool_]) -> float:
    """A metric of decisions.

    Args:
        metric: a name of `scores.SCORES`, or a function, which is asked of known decisions alone.
        gold: what is true, [N, L].
        decided: what was decided, [N, L].

    Returns:
        Its value.
    """
    return evaluate(metric if callable(metric) else SCORES[metric], gold, decided)


def best_threshold(outputs: Sorted, metric: str | Score, grid: int = GRID) -> float:
    """Find the one threshold for all labels at which a metric is best (see `tune_threshold`).

    Args:
        outputs: sorted outputs, at least one.
        metric: a name of `scores.SCORES`, or a function where higher is better.
        grid: candidates that are tried of a function.

    Returns:
        The threshold.
    """
    candidates, values = _try_grid(outputs, metric, grid) if callable(metric) else curve(outputs, metric)
    real = candidates > NEVER
    candidates, values = candidates[real], values[real]
    best = candidates[values >= values.max() - TIE]
    distance = np.abs(best - 0.5)
    return float(best[distance == distance.min()].max())


def tune_label_thresholds(gold: Bools, probabilities: NDArray[Any], fallback: float = 0.5) -> NDArray[np.float64]:
    """Find for each label the threshold that maximises its F1, and so, together, macro-F1.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: [N, L].
        fallback: threshold of a label without positives, about which the examples say nothing; the tuned one of all
            labels is a good choice.

    Returns:
        Thresholds, [L]; all nan if a probability is not finite. For a rare label the best threshold on these examples is
        far from the best on others: see `shrinkage.py`.

    Raises:
        ValueError: if the shapes differ.
    """
    if not np.isfinite(probabilities).all():
        return np.full(np.shape(probabilities)[1], np.nan)
    return best_label_thresholds(sort(gold, probabilities), fallback)


def best_label_thresholds(outputs: Sorted, fallback: float) -> NDArray[np.float64]:
    """Find for each label the threshold that maximises its F1 (see `tune_label_thresholds`).

    Args:
        outputs: sorted outputs.
        fallback: threshold of a label without positives.

    Returns:
        Thresholds, [L].
    """
    if not outputs.gold.shape[1]:
        return np.full(len(outputs.gold), fallback)
    # a place within a run of equal probabilities is no candidate; nor is predicting nothing, which scores 0
    values = np.where(ends_of_runs(outputs.chances), label_scores(outputs, f1), -np.inf)
    best = values >= values.max(axis=1, keepdims=True) - TIE
    distance = np.where(best, np.abs(outputs.chances - 0.5), np.inf)
    nearest = distance == distance.min(axis=1, keepdims=True)
    thresholds = np.where(nearest, outputs.chances, -np.inf).max(axis=1)
    return np.where(outputs.gold.any(axis=1), thresholds, fallback)


def _try_grid(outputs: Sorted, score: Score, grid: int) -> tuple[Floats, Floats]:
    gold, chances = outputs.unsorted()
    distinct = np.unique(chances)
    picked = np.unique(np.linspace(0, len(distinct) - 1, min(grid, len(distinct))).round().astype(int))
    candidates = np.append(distinct[picked], np.nextafter(distinct[-1], np.inf))
    return candidates, np.array([goodness(score, gold, chances >= candidate) for candidate in candidates])
