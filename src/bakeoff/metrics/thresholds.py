"""Turn probabilities into decisions: fixed thresholds, one tuned for all labels, and one tuned for each label.

An example is given a label when its probability is at least the threshold. Thresholds are tuned on validation only.

Tuning is exact: every distinct probability is a candidate, and so is a threshold just above the largest (nothing is
predicted). Sorting once and adding up what each decision changes costs O(N·L·log(N·L)), not a rescoring a candidate.
Scores closer than `TIE` count as equal; of equal candidates the one nearest 0.5 is taken, and of two equally near the
higher: a rule that depends on the values alone, never on their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.scores import SCORES, Floats, ratio

FIXED_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TIE = 1e-9
GRID = 512

Bools = NDArray[Any]
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
    """Find the one threshold for all labels that maximises a metric.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: [N, L].
        metric: a name of `scores.SCORES`: exact; or any function (gold, predicted) -> score where higher is better:
            then at most 512 candidates are tried, evenly spread over the sorted distinct probabilities.

    Returns:
        The threshold and the metric's value there; (nan, nan) if a probability is not finite, (0.5, 0) without examples.

    Raises:
        ValueError: if the shapes differ or no metric has that name.
    """
    true, chances = _checked(gold, probabilities)
    if not np.isfinite(chances).all():
        return float("nan"), float("nan")
    if not chances.size:
        return 0.5, 0.0
    if callable(metric):
        candidates, values = _try_grid(true, chances, metric)
    else:
        candidates, values = _all_scores(true, chances, metric)
    threshold = _choose(candidates, values)
    score = metric if callable(metric) else SCORES[metric]
    return threshold, float(score(true, chances >= threshold))


def tune_label_thresholds(gold: Bools, probabilities: NDArray[Any], fallback: float = 0.5) -> NDArray[np.float64]:
    """Find for each label the threshold that maximises its F1, and so, together, macro-F1.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: [N, L].
        fallback: threshold of a label without positives, about which the examples say nothing; the tuned one of all
            labels is a good choice.

    Returns:
        Thresholds, [L]; all nan if a probability is not finite.

    Raises:
        ValueError: if the shapes differ.
    """
    true, chances = _checked(gold, probabilities)
    if not np.isfinite(chances).all():
        return np.full(chances.shape[1], np.nan)
    thresholds = np.full(chances.shape[1], fallback, dtype=np.float64)
    for label in np.flatnonzero(true.any(axis=0)):
        candidates, values = _all_scores(true[:, [label]], chances[:, [label]], "f1_macro")
        thresholds[label] = _choose(candidates, values)
    return thresholds


def _checked(gold: Bools, probabilities: NDArray[Any]) -> tuple[NDArray[np.bool_], Floats]:
    true, chances = np.asarray(gold).astype(bool), np.asarray(probabilities, dtype=np.float64)
    if true.ndim != 2 or true.shape != chances.shape:
        raise ValueError(f"gold {true.shape} and probabilities {chances.shape} must have one shape [N, L]")
    return true, chances


def _choose(candidates: Floats, values: Floats) -> float:
    best = candidates[values >= values.max() - TIE]
    distance = np.abs(best - 0.5)
    return float(best[distance == distance.min()].max())


def _all_scores(gold: NDArray[np.bool_], chances: Floats, metric: str) -> tuple[Floats, Floats]:
    """The metric at every candidate: the distinct probabilities falling, and before them one above the largest."""
    if metric not in SCORES:
        raise ValueError(f"no metric is called {metric!r}; known: {', '.join(SCORES)}")
    order = np.argsort(-chances, axis=None, kind="stable")
    falling = chances.ravel()[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    candidates = np.concatenate([[np.nextafter(falling[0], np.inf)], falling[ends]])
    if metric == "subset_accuracy":
        return candidates, _subset_accuracy(gold, chances, candidates)
    summed = metric.endswith("_micro")
    return candidates, _micro(gold, order, ends, metric) if summed else _macro(gold, chances, order, ends, metric)


def _micro(gold: NDArray[np.bool_], order: NDArray[np.intp], ends: NDArray[np.intp], metric: str) -> Floats:
    hits = np.concatenate([[0.0], np.cumsum(gold.ravel()[order])[ends]])
    predicted = np.concatenate([[0.0], ends + 1.0])
    return _score_of(metric, hits, predicted, np.float64(gold.sum()))


def _macro(gold: NDArray[np.bool_], chances: Floats, order: NDArray[np.intp], ends: NDArray[np.intp], metric: str) -> Floats:
    """Each decision changes the score of one label alone: sort the changes by probability and add them up."""
    positives = gold.sum(axis=0).astype(np.float64)
    weights = ratio(positives, positives.sum()) if metric == "f1_weighted" else np.full(len(positives), 1 / len(positives))
    by_label = np.argsort(-chances, axis=0, kind="stable")
    hits = np.cumsum(np.take_along_axis(gold, by_label, axis=0), axis=0).astype(np.float64)
    predicted = np.arange(1.0, len(gold) + 1)[:, None]
    scores = _score_of(metric, hits, predicted, positives) * weights
    changes = np.empty_like(scores)
    np.put_along_axis(changes, by_label, np.diff(scores, axis=0, prepend=0.0), axis=0)
    # the flat order is stable too, so within one label it visits the examples as `by_label` does
    return np.concatenate([[0.0], np.cumsum(changes.ravel()[order])[ends]])


def _score_of(metric: str, hits: Floats, predicted: Floats, positives: Any) -> Floats:
    if metric.startswith("precision"):
        return ratio(hits, predicted)
    if metric.startswith("recall"):
        return ratio(hits, positives)
    return ratio(2 * hits, predicted + positives)


def _subset_accuracy(gold: NDArray[np.bool_], chances: Floats, candidates: Floats) -> Floats:
    """An example is right between its most probable wrong label (exclusive) and its least probable right one."""
    right = np.min(np.where(gold, chances, np.inf), axis=1)
    wrong = np.max(np.where(gold, -np.inf, chances), axis=1)
    possible = wrong < right
    reached = [np.searchsorted(np.sort(side[possible]), candidates, side="left") for side in (wrong, right)]
    return np.asarray((reached[0] - reached[1]) / len(gold), dtype=np.float64)


def _try_grid(gold: NDArray[np.bool_], chances: Floats, score: Score) -> tuple[Floats, Floats]:
    distinct = np.unique(chances)
    picked = np.unique(np.linspace(0, len(distinct) - 1, min(GRID, len(distinct))).round().astype(int))
    candidates = np.append(distinct[picked], np.nextafter(distinct[-1], np.inf))
    return candidates, np.array([score(gold, chances >= candidate) for candidate in candidates])
