"""The metrics of multi-label decisions, one function a metric, each equal to scikit-learn's with `zero_division=0`.

Every function takes what is true and what was decided, both [N, L], and gives a share between 0 and 1. Where a ratio has
no denominator (a label without positives, or never predicted) it is 0, as the study declares. Checked in the tests
against scikit-learn 1.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What precision, recall and F1 of each label are made of.

    Attributes:
        hits: examples that bear the label and were given it, [L].
        predicted: examples that were given the label, [L].
        positives: examples that bear the label, [L].
    """

    hits: Floats
    predicted: Floats
    positives: Floats


def count(gold: Bools, predicted: Bools) -> Counts:
    """Count hits, predictions and positives of each label.

    Args:
        gold: whether the example bears the label, [N, L].
        predicted: whether it was given the label, [N, L].

    Returns:
        The counts.

    Raises:
        ValueError: if the shapes differ or are not [N, L].
    """
    true, decided = np.asarray(gold).astype(bool), np.asarray(predicted).astype(bool)
    if true.ndim != 2 or true.shape != decided.shape:
        raise ValueError(f"gold {true.shape} and predicted {decided.shape} must have one shape [N, L]")
    # a product with ones counts three times as fast as a sum over booleans, and whole numbers are exact in any order
    ones = np.ones(len(true))
    hits, predicted, positives = (ones @ flags.astype(np.float64) for flags in (true & decided, decided, true))
    return Counts(hits=hits, predicted=predicted, positives=positives)


def ratio(numerator: Any, denominator: Any) -> Floats:
    """Divide, with 0 where there is nothing to divide by.

    Args:
        numerator: any shape.
        denominator: the same shape.

    Returns:
        The ratios, of the same shape.
    """
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below > 0)


def label_f1(gold: Bools, predicted: Bools) -> Floats:
    """F1 of each label: 2 · hits / (predicted + positives).

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The scores, [L]; 0 for a label with neither positives nor predictions.
    """
    found = count(gold, predicted)
    return ratio(2 * found.hits, found.predicted + found.positives)


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if values.size else 0.0


def f1_macro(gold: Bools, predicted: Bools) -> float:
    """F1 averaged over labels; a label with neither positives nor predictions counts as 0.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _mean(label_f1(gold, predicted))


def f1_micro(gold: Bools, predicted: Bools) -> float:
    """F1 over all N · L decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    found = count(gold, predicted)
    return float(ratio(2 * found.hits.sum(), found.predicted.sum() + found.positives.sum()))


def f1_weighted(gold: Bools, predicted: Bools) -> float:
    """F1 averaged over labels, weighted by the labels' positives.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; 0 if no example bears any label.
    """
    positives = count(gold, predicted).positives
    return float(ratio(np.sum(label_f1(gold, predicted) * positives), positives.sum()))


def precision_macro(gold: Bools, predicted: Bools) -> float:
    """Precision averaged over labels; a label never predicted counts as 0.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    found = count(gold, predicted)
    return _mean(ratio(found.hits, found.predicted))


def recall_macro(gold: Bools, predicted: Bools) -> float:
    """Recall averaged over labels; a label without positives counts as 0.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    found = count(gold, predicted)
    return _mean(ratio(found.hits, found.positives))


def precision_micro(gold: Bools, predicted: Bools) -> float:
    """Precision over all decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    found = count(gold, predicted)
    return float(ratio(found.hits.sum(), found.predicted.sum()))


def recall_micro(gold: Bools, predicted: Bools) -> float:
    """Recall over all decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    found = count(gold, predicted)
    return float(ratio(found.hits.sum(), found.positives.sum()))


def subset_accuracy(gold: Bools, predicted: Bools) -> float:
    """Share of examples with every label right.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; 0 without examples.
    """
    count(gold, predicted)  # checks the shapes
    right = np.all(np.asarray(gold).astype(bool) == np.asarray(predicted).astype(bool), axis=1)
    return _mean(right.astype(np.float64))


SCORES: dict[str, Callable[[Bools, Bools], float]] = {
    function.__name__: function
    for function in (
        f1_macro,
        f1_micro,
        f1_weighted,
        precision_macro,
        recall_macro,
        precision_micro,
        recall_micro,
        subset_accuracy,
    )
}
