"""Whether probabilities mean what they say: reliability, expected calibration error, temperature, entropy.

A multi-label model's N · L probabilities are taken as one set of statements "this example bears this label".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Floats, known, ratio

BINS = 15
"""Equal widths on the probability that the label holds, [0, 1/15) to [14/15, 1], as in Guo et al. 2017."""
SHARPEST = 100.0
"""Bound of 1/temperature; its inverse is the other one. Reached where no temperature is best, as with no error at all."""


@dataclass(frozen=True)
class Reliability:
    """What was said and what was, by bins of equal width.

    Attributes:
        counts: decisions in each bin, [B].
        said: their mean probability, 0 for an empty bin, [B].
        true: share of them that hold, 0 for an empty bin, [B].
    """

    counts: NDArray[np.int64]
    said: Floats
    true: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of what was said from what was, over decisions."""
        total = self.counts.sum()
        return float(np.sum(self.counts * np.abs(self.said - self.true)) / total) if total else float("nan")


def decisions(gold: NDArray[Any], values: NDArray[Any]) -> tuple[Floats, NDArray[Any]]:
    """The decisions that somebody made, one after another.

    Args:
        gold: what is true, any shape; `counts.UNKNOWN` where nobody decided.
        values: what was said of each, the same shape.

    Returns:
        What is true, 0 or 1, and what was said, both [D].
    """
    true, asked = np.asarray(gold) > 0, known(gold)
    kept = (true.ravel(), values.ravel()) if asked is None else (true[asked], values[asked])
    return kept[0].astype(np.float64), kept[1]


def reliability(gold: NDArray[Any], probabilities: NDArray[Any], bins: int = BINS) -> Reliability:
    """Compare probabilities with what is true, in bins of equal width.

    With rare labels most decisions lie in the first bin, where little can go wrong: a small error is no praise.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: finite, 0 to 1, [N, L].
        bins: B.

    Returns:
        The bins. Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks", eq. 1 to 3.
    """
    true, chances = decisions(gold, np.asarray(probabilities, dtype=np.float64))
    places = np.minimum((chances * bins).astype(np.intp), bins - 1)
    counts = np.bincount(places, minlength=bins)
    sums = [np.bincount(places, weights=weights, minlength=bins) for weights in (chances, true)]
    said, came = (ratio(total, counts) for total in sums)
    return Reliability(counts=counts, said=said, true=came)


def fit_temperature(gold: NDArray[Any], logits: NDArray[Any]) -> float:
    """The number by which logits are divided so that their log loss is least. To be fitted on validation only.

    It mends a model that is too sure or not sure enough; it cannot mend one whose logits are shifted.

    Args:
        gold: whether the example bears the label, [N, L].
        logits: finite, [N, L].

    Returns:
        The temperature, 0.01 to 100; above 1 for a model that is too sure; nan without outputs. Source: Guo et al. 2017,
        section 4.2, with the sigmoid in place of the softmax.
    """
    true, values = decisions(gold, np.asarray(logits, dtype=np.float64))
    if not values.size:
        return float("nan")
    # the loss is convex in the inverse temperature: its slope rises, so halving an interval of its logarithm finds the root
    low, high = -np.log(SHARPEST), np.log(SHARPEST)
    inverse = 0.0
    for _ in range(60):
        slope, bend = _slope(true, values, np.exp(inverse))
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        # Newton's step on the logarithm, where it stays inside
        step = inverse - slope / bend if bend > 0 else np.inf
        following = step if low < step < high else (low + high) / 2
        if abs(following - inverse) < 1e-12:
            break
        inverse = following
    return float(np.exp(-inverse))


def _slope(true: Floats, values: Floats, inverse: float) -> tuple[float, float]:
    """First and second derivative of the log loss in the logarithm of the inverse temperature."""
    scaled = values * inverse
    small = np.exp(-np.abs(scaled))
    chances = np.where(scaled >= 0, 1 / (1 + small), small / (1 + small))
    slope = float(np.mean((chances - true) * scaled))
    return slope, float(np.mean(chances * (1 - chances) * scaled**2)) + slope


def mean_entropy(probabilities: NDArray[Any]) -> float:
    """How unsure a model is of a decision: the entropy of yes against no, the mean over examples and labels.

    Args:
        probabilities: finite, 0 to 1, [N, L].

    Returns:
        Bits, 0 (always sure) to 1 (always one half); nan without outputs.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    if not chances.size:
        return float("nan")
    inside = np.clip(chances, 1e-300, 1 - 2**-53)
    return float(np.mean(-chances * np.log2(inside) - (1 - chances) * np.log1p(-inside) / np.log(2)))
