"""Tell a model that failed, and how, from its outputs: constant, no better than a constant, or off in its probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import evaluate, known
from bakeoff.metrics.multilabel import sigmoid

LOW_AT_HALF = 0.05
"""Macro-F1 at threshold 0.5 below which decisions there are worthless."""
MUCH_HIGHER = 0.1
"""What tuned thresholds must add to it for the model to be worth something after all."""
OFF_SHIFT = 1.0
"""Median shift of a label's logits, either way, from which on probabilities are off: odds wrong by a factor e."""
NEARLY_CONSTANT = 0.02
"""Spread of a label's probability below which a model that is no better than a constant is called collapsed."""
LUCK = 0.02
"""What a constant model may score above the best constant answer by luck, the answer being chosen on other examples."""


def best_constant(gold: NDArray[Any], score: Callable[[Any, Any], float], higher: bool) -> NDArray[np.bool_]:
    """The best answer that does not look at the example: which labels to give to every one.

    Only the most frequent k labels are considered, for each k: of answers with as many labels none has more hits.

    Args:
        gold: what is true of the examples that the answer is chosen on, [N, L].
        score: the metric, (gold, predicted) -> score.
        higher: whether more is better.

    Returns:
        The answer, [L]; of equally good ones that with the fewest labels.
    """
    true = np.asarray(gold)
    frequent = np.argsort(-np.count_nonzero(true > 0, axis=0), kind="stable")
    answers = np.zeros((len(frequent) + 1, len(frequent)), dtype=bool)
    for count in range(1, len(answers)):
        answers[count, frequent[:count]] = True
    values = np.array([evaluate(score, true, np.broadcast_to(answer, true.shape)) for answer in answers])
    return np.asarray(answers[int(np.argmax(values if higher else -values))])


def best_label(gold: NDArray[Any], score: Callable[[Any, Any], float], higher: bool) -> NDArray[np.bool_]:
    """The best answer that does not look at the example, where each has one label.

    Args:
        gold: what is true of the examples that the answer is chosen on, [N, L].
        score: the metric, (gold, predicted) -> score.
        higher: whether more is better.

    Returns:
        The answer, [L] with one true entry; of equally good ones the more frequent label.
    """
    true = np.asarray(gold)
    frequent = np.argsort(-np.count_nonzero(true > 0, axis=0), kind="stable")
    answers = np.eye(true.shape[1], dtype=bool)[frequent]
    values = np.array([evaluate(score, true, np.broadcast_to(answer, true.shape)) for answer in answers])
    return np.asarray(answers[int(np.argmax(values if higher else -values))])


def logit_shift(gold: NDArray[Any], logits: NDArray[Any]) -> float:
    """What would have to be added to logits for probabilities to be right on average.

    For each label with positives: the constant at which the mean probability is the label's share of positives.

    Args:
        gold: whether the example bears the label, [N, L].
        logits: finite, [N, L].

    Returns:
        The median over labels, from -60 to 60; nan if no label has both positives and negatives.
    """
    true, values = np.asarray(gold) > 0, np.asarray(logits, dtype=np.float64)
    asked = known(gold)
    weights = (np.ones(true.shape) if asked is None else asked).astype(np.float64)
    count = np.maximum(weights.sum(axis=0), 1.0)
    share = (true * weights).sum(axis=0) / count
    told = (share > 0) & (share < 1)
    if not told.any():
        return float("nan")
    values, share, weights, count = values[:, told], share[told], weights[:, told], count[told]
    low, high = np.full(len(share), -60.0), np.full(len(share), 60.0)
    for _ in range(40):
        middle = (low + high) / 2
        below = (sigmoid(values + middle) * weights).sum(axis=0) / count < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return float(np.median((low + high) / 2))
