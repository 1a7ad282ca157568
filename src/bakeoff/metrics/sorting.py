"""Scores at every possible threshold, from outputs that are sorted once.

Every distinct probability is a candidate, and so is a threshold just above the largest (nothing is predicted). Sorting
once and adding up what each decision changes costs O(N·L·log(N·L)), not a rescoring a candidate; a part of the examples
needs no sorting again, so that cross-validation costs little more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import UNKNOWN, Floats, Ratio, f1, jaccard, known, precision, ratio, recall
from bakeoff.metrics.scores import SCORES

NEVER = -1.0
"""What stands for a probability where nobody decided: below every threshold."""

_PARTS: dict[str, Ratio] = {"f1": f1, "precision": precision, "recall": recall, "jaccard": jaccard}


@dataclass(frozen=True)
class Sorted:
    """Gold and probabilities of each label, the most probable example first.

    What nobody decided on stands behind all others, with a probability below every threshold: it is never given.

    Attributes:
        gold: whether the example at that place bears the label, [L, N].
        chances: probabilities, falling within each label, [L, N]; `NEVER` where nobody decided.
        rows: the example at each place, [L, N].
        order: positions in the flattened [L, N], from the most probable of all to the least, [L · N].
    """

    gold: NDArray[np.bool_]
    chances: Floats
    rows: NDArray[np.int32]
    order: NDArray[np.int32]

    def part(self, mask: NDArray[np.bool_]) -> Sorted:
        """The same of a part of the examples.

        Args:
            mask: True for examples that are kept, [N].

        Returns:
            What is kept, sorted.
        """
        keep = mask[self.rows].ravel()
        kept = np.flatnonzero(keep)
        shape = (len(self.rows), int(np.count_nonzero(mask)))
        places = np.cumsum(keep, dtype=np.int32) - 1
        return Sorted(
            gold=self.gold.ravel()[kept].reshape(shape),
            chances=self.chances.ravel()[kept].reshape(shape),
            rows=(np.cumsum(mask, dtype=np.int32) - 1)[self.rows.ravel()[kept]].reshape(shape),
            order=places[self.order[keep[self.order]]],
        )

    def unsorted(self) -> tuple[NDArray[Any], Floats]:
        """Gold and probabilities in the order of the examples.

        Returns:
            Both, [N, L]; gold is `counts.UNKNOWN` where nobody decided.
        """
        gold, chances = np.empty_like(self.gold), np.empty_like(self.chances)
        np.put_along_axis(gold, self.rows, self.gold, axis=1)
        np.put_along_axis(chances, self.rows, self.chances, axis=1)
        never = chances == NEVER
        return (np.where(never, UNKNOWN, gold).astype(np.int8) if never.any() else gold).T, chances.T


def sort(gold: NDArray[Any], probabilities: NDArray[Any]) -> Sorted:
    """Sort outputs by probability.

    Args:
        gold: whether the example bears the label, [N, L].
        probabilities: finite, [N, L].

    Returns:
        Both, sorted.

    Raises:
        ValueError: if the shapes differ or are not [N, L].
    """
    true, chances = np.asarray(gold) > 0, np.asarray(probabilities, dtype=np.float64)
    if true.ndim != 2 or true.shape != chances.shape:
        raise ValueError(f"gold {true.shape} and probabilities {chances.shape} must have one shape [N, L]")
    asked = known(gold)
    if asked is not None:
        chances = np.where(asked, chances, NEVER)
    rows = np.argsort(-chances.T, axis=1, kind="stable")
    falling = np.take_along_axis(chances.T, rows, axis=1)
    order = np.argsort(-falling, axis=None, kind="stable")
    # narrow positions make the many parts of a cross-validation faster
    return Sorted(np.take_along_axis(true.T, rows, axis=1), falling, rows.astype(np.int32), order.astype(np.int32))


def ends_of_runs(falling: Floats) -> NDArray[np.bool_]:
    """Where a run of equal values ends: a threshold admits all of a run or nothing of it.

    Args:
        falling: sorted values, [..., N].

    Returns:
        True at the last place of each run, the same shape.
    """
    last = np.ones((*falling.shape[:-1], 1), dtype=bool)
    return np.append(falling[..., 1:] != falling[..., :-1], last, axis=-1)


def curve(outputs: Sorted, metric: str) -> tuple[Floats, Floats]:
    """A metric at every candidate for the threshold of all labels.

    Args:
        outputs: sorted outputs, at least one.
        metric: a name of `scores.SCORES`.

    Returns:
        The candidates, falling, the first above every probability; and how good each is: the metric's value, negative
        where less is better.

    Raises:
        ValueError: if no metric has that name.
    """
    if metric not in SCORES:
        raise ValueError(f"no metric is called {metric!r}; known: {', '.join(SCORES)}")
    if metric == "jaccard_samples":
        # the mean over examples is the mean over labels of the transposed
        gold, chances = outputs.unsorted()
        return curve(sort(gold.T, chances.T), "jaccard_macro")
    falling = outputs.chances.ravel()[outputs.order]
    ends = np.flatnonzero(ends_of_runs(falling))
    candidates = np.concatenate([[np.nextafter(falling[0], np.inf)], falling[ends]])
    if metric == "subset_accuracy":
        return candidates, _subset_accuracy(outputs, candidates)
    name, _, average = metric.partition("_")
    if average in ("macro", "weighted"):
        return candidates, _averaged(outputs, ends, _PARTS[name], weighted=average == "weighted")
    hits = np.concatenate([[0.0], np.cumsum(outputs.gold.ravel()[outputs.order])[ends]])
    predicted = np.concatenate([[0.0], ends + 1.0])
    positives = np.float64(np.count_nonzero(outputs.gold))
    if metric == "hamming_loss":
        return candidates, (2 * hits - predicted - positives) / outputs.gold.size
    return candidates, _PARTS[name](hits, predicted, positives)


def label_scores(outputs: Sorted, part: Ratio) -> Floats:
    """A ratio of each label when the examples up to each place are given it.

    Args:
        outputs: sorted outputs.
        part: `f1`, `precision`, `recall` or `jaccard`.

    Returns:
        The ratios, [L, N].
    """
    hits = np.cumsum(outputs.gold, axis=1, dtype=np.float64)
    predicted = np.arange(1.0, hits.shape[1] + 1)
    return part(hits, np.broadcast_to(predicted, hits.shape), hits[:, -1:])


def _averaged(outputs: Sorted, ends: NDArray[np.intp], part: Ratio, weighted: bool) -> Floats:
    """Each decision changes the score of one label alone: add the changes up in the order of the probabilities."""
    positives = np.count_nonzero(outputs.gold, axis=1).astype(np.float64)
    weights = (
        ratio(positives, np.full(len(positives), positives.sum())) if weighted else np.full(len(positives), 1 / len(positives))
    )
    scores = label_scores(outputs, part) * weights[:, None]
    changes = np.diff(scores, axis=1, prepend=0.0)
    # the order is stable, so within one label it visits the places from first to last
    return np.concatenate([[0.0], np.cumsum(changes.ravel()[outputs.order])[ends]])


def _subset_accuracy(outputs: Sorted, candidates: Floats) -> Floats:
    """An example is right between its most probable wrong label (exclusive) and its least probable right one."""
    gold, chances = outputs.unsorted()
    right = np.min(np.where(gold > 0, chances, np.inf), axis=1)
    wrong = np.max(np.where(gold > 0, -np.inf, chances), axis=1)
    possible = wrong < right
    reached = [np.searchsorted(np.sort(side[possible]), candidates, side="left") for side in (wrong, right)]
    return np.asarray((reached[0] - reached[1]) / len(gold), dtype=np.float64)
