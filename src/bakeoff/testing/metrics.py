"""The contract of metrics: what every metric keeps to, ours and those of plug-ins, as one call in a test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry
from bakeoff.catalog.cards import MetricCard

ROWS, LABELS = 200, 4
STEADY = 10.0
"""A metric may move by this much over N when one of N examples is left out: the jackknife rests on it."""
Given = tuple[NDArray[Any], NDArray[Any]]
"""Gold and what was predicted."""


def check_metric(name: str, seed: int = 0) -> None:
    """Check every point of the contract for each kind of task that a metric is for.

    A metric takes what is true and what was predicted, both [N, L] (of questions, what answers are worth, [N, 2]); it gives
    one finite number, the same whatever the order of the examples, leaves its arguments as they are, is best where what was
    predicted is true, and hardly moves when one example is left out: intervals come from leaving examples out.

    Args:
        name: name of its card.
        seed: of the examples that it is tried on.

    Raises:
        AssertionError: with the point that does not hold.
    """
    card = registry.metric(name)
    generator = np.random.default_rng(seed)
    for kind in card.tasks:
        perfect, usual, wrong = _cases(kind, card, generator)
        for gold, predicted in (perfect, usual, wrong):
            check_form(card, gold, predicted, generator)
        for gold, predicted in _odd(kind, card):
            check_form(card, gold, predicted, generator)
        check_direction(card, perfect, usual, wrong)
        check_steady(card, *usual)


def _measure(card: MetricCard, gold: NDArray[Any], predicted: NDArray[Any]) -> float:
    found = card.load()(gold, predicted)
    assert np.ndim(found) == 0, f"{card.name} gives {np.shape(found)} numbers in place of one"
    return float(found)


def _cases(kind: str, card: MetricCard, generator: np.random.Generator) -> tuple[Given, Given, Given]:
    """All right, partly right, all wrong."""
    if kind == "multilabel":
        gold = generator.random((ROWS, LABELS)) < 0.4
        flipped = np.where(generator.random(gold.shape) < 0.25, ~gold, gold)
        if card.thresholded:
            return (gold, gold.copy()), (gold, flipped), (gold, ~gold)
        return (
            (gold, gold.astype(float)),
            (gold, np.where(flipped, 0.7, 0.2) + 0.1 * generator.random(gold.shape)),
            (gold, 1.0 - gold),
        )
    if kind == "qa":
        answered = np.eye(2, dtype=np.uint8)[generator.integers(2, size=ROWS)]
        worth = generator.random((ROWS, 2)).round(1)
        return (answered, np.ones((ROWS, 2))), (answered, worth), (answered, np.zeros((ROWS, 2)))
    labels = generator.integers(LABELS, size=ROWS)
    others = np.where(generator.random(ROWS) < 0.3, generator.integers(LABELS, size=ROWS), labels)
    one = np.eye(LABELS, dtype=bool)
    return (one[labels], one[labels]), (one[labels], one[others]), (one[labels], one[(labels + 1) % LABELS])


def _odd(kind: str, card: MetricCard) -> list[Given]:
    """Test sets and predictions that leave ratios without a denominator."""
    if kind == "qa":
        return [(np.eye(2, dtype=np.uint8)[[side] * 5], np.ones((5, 2))) for side in (0, 1)]
    shape = (5, LABELS)
    if kind != "multilabel":
        first = np.eye(LABELS, dtype=bool)[[0] * 5]
        return [(first, first.copy()), (first, np.roll(first, 1, axis=1))]
    nothing, everything = np.zeros(shape, dtype=bool), np.ones(shape, dtype=bool)
    pairs = [(a, b) for a in (nothing, everything) for b in (nothing, everything)]
    return pairs if card.thresholded else [(gold, given.astype(float)) for gold, given in pairs]


def check_form(card: MetricCard, gold: NDArray[Any], predicted: NDArray[Any], generator: np.random.Generator) -> None:
    """One finite number, the same again and in any order; the arguments stay as they are.

    Args:
        card: the metric.
        gold: what is true.
        predicted: what was predicted.
        generator: draws the order.

    Raises:
        AssertionError: if a point does not hold.
    """
    before = gold.copy(), predicted.copy()
    value = _measure(card, gold, predicted)
    assert np.isfinite(value), f"{card.name} is {value} for {len(gold)} examples: zero, where nothing can be divided by"
    assert np.array_equal(gold, before[0]), f"{card.name} changes what is true"
    assert np.array_equal(predicted, before[1]), f"{card.name} changes what was predicted"
    assert _measure(card, gold, predicted) == value, f"{card.name} gives another number when it is asked again"
    order = generator.permutation(len(gold))
    again = _measure(card, gold[order], predicted[order])
    assert np.isclose(again, value, rtol=1e-9, atol=1e-12), f"{card.name} depends on the order of the examples"


def check_direction(card: MetricCard, perfect: Given, usual: Given, wrong: Given) -> None:
    """Predictions that are true are best, and those that are false are worst.

    Args:
        card: the metric.
        perfect: all right.
        usual: partly right.
        wrong: all wrong.

    Raises:
        AssertionError: if the metric points the other way than its card says, or nowhere.
    """
    sign = 1.0 if card.higher_is_better else -1.0
    best, middle, worst = (sign * _measure(card, *case) for case in (perfect, usual, wrong))
    assert best >= middle >= worst, f"{card.name} is not better for what is right: `higher_is_better` of its card may be wrong"
    assert best > worst, f"{card.name} is the same for what is right and what is wrong"


def check_steady(card: MetricCard, gold: NDArray[Any], predicted: NDArray[Any]) -> None:
    """Leaving one example out hardly moves it: of a maximum or a median the jackknife gives no interval.

    Args:
        card: the metric.
        gold: what is true.
        predicted: what was predicted.

    Raises:
        AssertionError: if it moves by more than ten over the number of examples, or by nothing at all.
    """
    whole, rows = _measure(card, gold, predicted), np.arange(len(gold))
    moves = [abs(_measure(card, gold[rows != row], predicted[rows != row]) - whole) for row in rows]
    assert max(moves) <= STEADY / len(gold), (
        f"{card.name} moves by {max(moves):.3g} when one of {len(gold)} examples is left out"
    )
    assert max(moves) > 0, f"{card.name} never moves when an example is left out: its intervals would have no width"
