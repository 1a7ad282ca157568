"""What the scores of decisions are made of: hits, predictions and positives, counted once for every metric.

Gold is 1 or True where an example bears a label, 0 or False where it does not, and `UNKNOWN` where nobody decided: such a
decision counts in nothing, as if it had not been asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[Any]
Floats = NDArray[np.float64]
UNKNOWN = -1
"""Gold of a label that nobody decided on in an example."""


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


@dataclass(frozen=True)
class Tally:
    """Everything that a metric of decisions is computed from.

    Attributes:
        labels: counts over examples, for each label, [L].
        examples: counts over labels, for each example, [N].
        decisions: examples in which each label was decided on, [L]; None if every label is in every example.
    """

    labels: Counts
    examples: Counts
    decisions: Floats | None = None


def known(gold: Any) -> NDArray[np.bool_] | None:
    """Which decisions somebody made.

    Args:
        gold: any shape.

    Returns:
        True where gold is not `UNKNOWN`, the same shape; None if all are known.
    """
    values = np.asarray(gold)
    if values.dtype.kind in ("b", "u"):
        return None
    found: NDArray[np.bool_] = values >= 0
    return None if found.all() else found


def neutral(gold: Bools, predicted: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Gold and decisions for a metric that does not know of decisions that nobody made.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, or probabilities, [N, L].

    Returns:
        Both without the labels that nobody decided on anywhere, and False or 0 where nobody did.
    """
    true, said, asked = np.asarray(gold) > 0, np.asarray(predicted), known(gold)
    if asked is None:
        return true, said
    columns = asked.any(axis=0)
    return true[:, columns], np.where(asked, said, np.zeros((), said.dtype))[:, columns]


def evaluate(metric: Callable[[Any, Any], float], gold: Bools, predicted: NDArray[Any]) -> float:
    """A metric of the decisions that somebody made.

    Args:
        metric: (gold, predicted) -> score; one that is not of this package is asked of what `neutral` makes of both.
        gold: what is true, [N, L].
        predicted: what was decided, or probabilities, [N, L].

    Returns:
        Its value.
    """
    ours = getattr(metric, "__module__", "").startswith(f"{__package__}.")
    return float(metric(gold, predicted) if ours else metric(*neutral(gold, predicted)))


def _checked(gold: Bools, predicted: Bools) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    true, decided = np.asarray(gold) > 0, np.asarray(predicted).astype(bool)
    if true.ndim != 2 or true.shape != decided.shape:
        raise ValueError(f"gold {true.shape} and predicted {decided.shape} must have one shape [N, L]")
    asked = known(gold)
    return true, decided if asked is None else decided & asked


def _add(true: Floats, decided: Floats, both: Floats, axis: int) -> Counts:
    # a product with ones counts three times as fast as a sum over booleans, and whole numbers are exact in any order
    ones = np.ones(true.shape[axis])
    hits, predicted, positives = (ones @ flags if axis == 0 else flags @ ones for flags in (both, decided, true))
    return Counts(hits=hits, predicted=predicted, positives=positives)


def _flags(gold: Bools, predicted: Bools) -> tuple[Floats, Floats, Floats]:
    true, decided = _checked(gold, predicted)
    return true.astype(np.float64), decided.astype(np.float64), (true & decided).astype(np.float64)


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
    return _add(*_flags(gold, predicted), axis=0)


def tally(gold: Bools, predicted: Bools) -> Tally:
    """Count by label and by example.

    Args:
        gold: whether the example bears the label, [N, L].
        predicted: whether it was given the label, [N, L].

    Returns:
        Both counts.

    Raises:
        ValueError: if the shapes differ or are not [N, L].
    """
    flags, asked = _flags(gold, predicted), known(gold)
    decisions = None if asked is None else np.ones(len(asked)) @ asked.astype(np.float64)
    return Tally(labels=_add(*flags, axis=0), examples=_add(*flags, axis=1), decisions=decisions)


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


def precision(hits: Any, predicted: Any, positives: Any) -> Floats:  # noqa: ARG001 - one signature for all four ratios
    """Share of what was predicted that is true: hits / predicted.

    Args:
        hits: decisions that were right, any shape.
        predicted: decisions made, the same shape.
        positives: what was to be found, the same shape; not used.

    Returns:
        The ratios; 0 where nothing was predicted.
    """
    return ratio(hits, predicted)


def recall(hits: Any, predicted: Any, positives: Any) -> Floats:
    """Share of what is true that was predicted: hits / positives.

    Args:
        hits: decisions that were right, any shape.
        predicted: decisions made, the same shape; only its shape counts.
        positives: what was to be found, the same shape.

    Returns:
        The ratios; 0 where there was nothing to find.
    """
    return ratio(hits, np.broadcast_to(positives, np.shape(predicted)))


def f1(hits: Any, predicted: Any, positives: Any) -> Floats:
    """Harmonic mean of precision and recall: 2 · hits / (predicted + positives).

    Args:
        hits: decisions that were right, any shape.
        predicted: decisions made, the same shape.
        positives: what was to be found, the same shape.

    Returns:
        The scores; 0 where nothing was predicted nor to be found.
    """
    return ratio(2 * hits, predicted + positives)


def jaccard(hits: Any, predicted: Any, positives: Any) -> Floats:
    """Intersection over union: hits / (predicted + positives − hits).

    Args:
        hits: decisions that were right, any shape.
        predicted: decisions made, the same shape.
        positives: what was to be found, the same shape.

    Returns:
        The scores; 0 where nothing was predicted nor to be found.
    """
    return ratio(hits, predicted + positives - hits)


def mean(values: Floats) -> float:
    """The mean, 0 of nothing.

    Args:
        values: any shape.

    Returns:
        The mean.
    """
    return float(np.mean(values)) if values.size else 0.0


Ratio = Callable[[Any, Any, Any], Floats]
