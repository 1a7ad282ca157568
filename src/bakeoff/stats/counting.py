"""Metrics of decisions for many weightings of the test set at once: counts are matrix products, scores follow from counts.

Equal to `metrics.scores` for whole weights, checked in the tests. Leading dimensions `...` are replicates: seeds, groups,
resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Floats, Ratio, f1, jaccard, precision, ratio, recall

_PARTS: dict[str, Ratio] = {"f1": f1, "precision": precision, "recall": recall, "jaccard": jaccard}
_AVERAGES = ("macro", "micro", "weighted")
COUNTED = (*(f"{part}_{average}" for part in ("f1", "precision", "recall") for average in _AVERAGES), "jaccard_macro")
"""Metrics that follow from the counts of each label."""
AVERAGED = ("jaccard_samples", "hamming_loss", "subset_accuracy")
"""Metrics that are the mean of one value an example."""


def score_counts(name: str, hits: NDArray[Any], predicted: NDArray[Any], positives: NDArray[Any]) -> Floats:
    """A metric from the counts of each label.

    Args:
        name: one of `COUNTED`.
        hits: (weighted) examples that bear the label and were given it, [..., L].
        predicted: those that were given it, [..., L].
        positives: those that bear it, of a shape that broadcasts to [..., L].

    Returns:
        The scores, [...]; a ratio without denominator counts as 0, as in `metrics.scores`.
    """
    part_name, _, average = name.partition("_")
    part = _PARTS[part_name]
    positives = np.broadcast_to(positives, hits.shape)
    if average == "micro":
        return part(hits.sum(axis=-1), predicted.sum(axis=-1), positives.sum(axis=-1))
    scores = part(hits, predicted, positives)
    if average == "macro":
        return np.asarray(scores.mean(axis=-1))
    return ratio(np.sum(scores * positives, axis=-1), positives.sum(axis=-1))


def example_values(name: str, gold: NDArray[Any], decided: NDArray[Any]) -> Floats:
    """What each example adds to a metric that is a mean over examples.

    Args:
        name: one of `AVERAGED`.
        gold: whether the example bears the label, [N, L].
        decided: whether it was given the label, [..., N, L].

    Returns:
        The values, [..., N].
    """
    true, given = np.asarray(gold).astype(bool), np.asarray(decided).astype(bool)
    if name == "hamming_loss":
        return np.asarray(np.mean(true != given, axis=-1))
    if name == "subset_accuracy":
        return np.asarray(np.all(true == given, axis=-1), dtype=np.float64)
    both, either = ((true & given).sum(axis=-1), (true | given).sum(axis=-1))
    return ratio(both, either)


def weighted_scores(name: str, gold: NDArray[Any], decided: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """A metric under many weightings of the examples, such as resamples, in three matrix products.

    Args:
        name: one of `COUNTED` or `AVERAGED`.
        gold: whether the example bears the label, [N, L].
        decided: whether it was given the label, [N, L].
        weights: how often each example counts in each replicate, [R, N].

    Returns:
        The scores, [R]. Worked number: with weights 1 the score of the test set, with weights from a multinomial draw the
        score of a bootstrap resample.
    """
    multiples = np.asarray(weights, dtype=np.float64)
    if name in AVERAGED:
        return ratio(multiples @ example_values(name, gold, decided), multiples.sum(axis=1))
    true, given = np.asarray(gold, dtype=np.float64), np.asarray(decided, dtype=np.float64)
    return score_counts(name, multiples @ (true * given), multiples @ given, multiples @ true)


def fast_name(metric: Callable[..., Any], known: dict[str, Callable[..., Any]]) -> str | None:
    """Under which name a metric can be computed from counts.

    Args:
        metric: any function.
        known: `metrics.scores.SCORES`.

    Returns:
        The name, or None for a function of the user's own, even one that is called the same.
    """
    return next((name for name, function in known.items() if function is metric and name in COUNTED + AVERAGED), None)
