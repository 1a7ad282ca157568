"""Metrics of probabilities: how well they order examples. No threshold is needed, and none changes them.

What nobody decided on is not among the examples that are ordered, and a label that nobody decided on is not averaged over.

Equal to scikit-learn 1.9's `average_precision_score`, checked in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Bools, Floats, known, mean, ratio


def label_average_precision(gold: Bools, scores: NDArray[Any]) -> Floats:
    """Average precision of each label: Σ (R_k − R_{k−1}) · P_k over the distinct scores, falling.

    Not interpolated, so it does not flatter as the trapezoid rule does. Examples of equal score are passed at once, so
    that their order does not matter.

    Args:
        gold: whether the example bears the label, [N, L].
        scores: probabilities or logits, finite, [N, L].

    Returns:
        The scores, [L]; 0 for a label without positives.

    Raises:
        ValueError: if the shapes differ or are not [N, L], or a score is nan.
    """
    true, values = np.asarray(gold) > 0, np.asarray(scores)
    if true.ndim != 2 or true.shape != values.shape:
        raise ValueError(f"gold {true.shape} and scores {values.shape} must have one shape [N, L]")
    if np.isnan(values).any():
        raise ValueError("a score is nan: nothing can be ordered by it")
    examples = len(true)
    asked = known(gold)
    if asked is not None:  # behind all others, where they change the precision at no positive
        values = np.where(asked, values, -np.inf)
    if not true.size:
        return np.zeros(true.shape[1])
    order = np.argsort(-values.T, axis=1)
    falling = np.take_along_axis(values.T, order, axis=1)
    found = np.take_along_axis(true.T, order, axis=1)
    ends = np.append(falling[:, 1:] != falling[:, :-1], np.ones((len(order), 1), dtype=bool), axis=1)
    # the last place of the run of equal scores that a place is in
    last = np.where(ends, np.arange(examples), examples)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(np.cumsum(found, axis=1), last, axis=1) / (last + 1)
    return ratio(np.sum(precision * found, axis=1), found.sum(axis=1))


def average_precision_macro(gold: Bools, scores: NDArray[Any]) -> float:
    """Average precision averaged over labels; a label without positives counts as 0.

    Args:
        gold: what is true, [N, L].
        scores: probabilities or logits, [N, L].

    Returns:
        The score.
    """
    found, asked = label_average_precision(gold, scores), known(gold)
    return mean(found if asked is None else found[asked.any(axis=0)])


def average_precision_micro(gold: Bools, scores: NDArray[Any]) -> float:
    """Average precision over all N · L decisions, as one label.

    Args:
        gold: what is true, [N, L].
        scores: probabilities, on one scale for all labels, [N, L].

    Returns:
        The score; 0 if no example bears any label.
    """
    flat = (np.asarray(array).reshape(-1, 1) for array in (gold, scores))
    return mean(label_average_precision(*flat))


RANKED: dict[str, Callable[[Bools, NDArray[Any]], float]] = {
    function.__name__: function for function in (average_precision_macro, average_precision_micro)
}
