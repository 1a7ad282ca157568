"""Scores where each example has exactly one label: decisions are the label with the highest output.

Gold and predicted are [N, L] with one true entry a row, so that the metrics of `scores.py` fit too: macro-F1 is the same for
both kinds of task. A label that nobody decided on in an example (`counts.UNKNOWN`) is not one of those that are chosen from:
`only_known` takes its output away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import known

Bools = NDArray[np.bool_]


def only_known(gold: NDArray[Any], logits: NDArray[Any]) -> NDArray[Any]:
    """Outputs to choose from.

    Args:
        gold: what is true, [N, L]; `counts.UNKNOWN` where nobody decided.
        logits: [N, L].

    Returns:
        [N, L], minus infinity where nobody decided.
    """
    asked = known(gold)
    return np.asarray(logits) if asked is None else np.where(asked, logits, -np.inf)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities that add up to 1 in each row, in float64 and without overflow.

    Args:
        logits: [N, L].

    Returns:
        [N, L]; nan where a row has an output that is not finite.
    """
    values = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        raised = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)


def choose(logits: NDArray[Any]) -> Bools:
    """Give each example the label with the highest output.

    Args:
        logits: outputs or probabilities, [N, L].

    Returns:
        [N, L] with one true entry a row; of equal outputs the first.

    Raises:
        ValueError: if an output is nan: no decision follows from it.
    """
    values = np.asarray(logits)
    if np.isnan(values).any():
        raise ValueError("an output is nan: nothing can be decided")
    decided = np.zeros(values.shape, dtype=np.bool_)
    if values.size:
        decided[np.arange(len(values)), values.argmax(axis=1)] = True
    return decided


def confusion(gold: Bools, predicted: Bools) -> NDArray[np.int64]:
    """How often each label was taken for each.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        Counts, true label by decided label, [L, L].
    """
    return np.asarray((np.asarray(gold) > 0).astype(np.int64).T @ np.asarray(predicted, dtype=np.int64))


def accuracy(gold: Bools, predicted: Bools) -> float:
    """Share of examples whose label is right.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        From 0 to 1; 0 without examples.
    """
    return float(np.trace(confusion(gold, predicted)) / len(gold)) if len(gold) else 0.0


def f1(gold: Bools, predicted: Bools) -> float:
    """F1 of the last label, which is the positive one of a task with two: equivalent, entailed, positive.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        From 0 to 1; 0 where the label is neither true nor decided anywhere.
    """
    true, decided = np.asarray(gold)[:, -1] > 0, np.asarray(predicted, dtype=bool)[:, -1]
    whole = int(true.sum() + decided.sum())
    return 2 * int((true & decided).sum()) / whole if whole else 0.0


def mcc(gold: Bools, predicted: Bools) -> float:
    """Matthews' correlation coefficient, for any number of labels (Gorodkin, 2004).

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        From -1 to 1; 0 where one label alone is true, or decided.
    """
    table = confusion(gold, predicted).astype(np.float64)
    true, decided, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    covariance = np.trace(table) * total - true @ decided
    spread = (total**2 - true @ true) * (total**2 - decided @ decided)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def cross_entropy(gold: Bools, logits: NDArray[Any]) -> float:
    """Cross-entropy of the true label, the mean over examples.

    Args:
        gold: what is true, [N, L].
        logits: [N, L].

    Returns:
        The loss in nats, over the labels that somebody decided on; nan if an output is not finite or there is none.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        return float("nan")
    values = only_known(gold, values)
    highest = values.max(axis=1)
    total = highest + np.log(np.exp(values - highest[:, None]).sum(axis=1))
    return float(np.mean(total - np.where(np.asarray(gold) > 0, values, 0.0).sum(axis=1)))
