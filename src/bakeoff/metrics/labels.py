"""Label by label: how often each is borne, how well it is found, and which are too rare to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Bools, Floats, f1, precision, recall, tally
from bakeoff.metrics.scores import by_label

RARE_POSITIVES = 50
"""A label with fewer positives is called rare: one example moves its recall by two points and more, and the standard error
of a recall near one half is 0.07 and more."""


@dataclass(frozen=True)
class LabelScores:
    """How well each label is found.

    Attributes:
        f1: F1, [L].
        precision: precision, 0 where never predicted, [L].
        recall: recall, 0 without positives, [L].
    """

    f1: Floats
    precision: Floats
    recall: Floats


def score_labels(gold: Bools, predicted: Bools) -> LabelScores:
    """Score each label.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The scores.
    """
    counted = tally(gold, predicted)
    return LabelScores(*(by_label(part, counted) for part in (f1, precision, recall)))


def imbalance_ratio(positives: NDArray[Any]) -> float:
    """How unevenly labels are borne: positives of the most frequent label over those of the rarest that has any.

    Args:
        positives: examples that bear each label, [L].

    Returns:
        1 or more; nan if no label has positives. Source: Charte et al. 2015, "Addressing imbalance in multilabel
        classification", the largest IRLbl.
    """
    counts = np.asarray(positives, dtype=np.float64)
    borne = counts[counts > 0]
    return float(borne.max() / borne.min()) if borne.size else float("nan")


def is_rare(positives: NDArray[Any]) -> NDArray[np.bool_]:
    """Which labels have too few positives for a score of their own to mean much.

    Args:
        positives: examples that bear each label, [L].

    Returns:
        True below `RARE_POSITIVES`, [L].
    """
    return np.asarray(positives) < RARE_POSITIVES
