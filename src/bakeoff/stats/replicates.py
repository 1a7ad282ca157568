"""A metric of one recipe at each seed, on the whole test set and with each group of it left out.

These small arrays are all that comparisons need: every contrast of recipes is linear in them. The thresholds are part of
the trial and stay as they are while groups are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Floats, Ratio, evaluate, f1, known, ratio
from bakeoff.metrics.scores import SCORES
from bakeoff.stats.counting import AVERAGED, example_values, fast_name, score_counts
from bakeoff.stats.grouping import Groups

Metric = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Replicates:
    """A metric of one recipe.

    Attributes:
        seeds: the seeds, S of them.
        whole: the metric at each seed on the whole test set, [S]; nan for a trial that has no score.
        without: the same with each group left out, [S, G]; G = 0 for a number that no test set stands behind.
        sizes: examples in each group, [G].
    """

    seeds: tuple[int, ...]
    whole: Floats
    without: Floats
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        expected = (len(self.seeds),), (len(self.seeds), len(self.sizes))
        if (self.whole.shape, self.without.shape) != expected:
            raise ValueError(f"whole {self.whole.shape} and without {self.without.shape} should be {expected}")

    @property
    def mean(self) -> float:
        """Mean over seeds; nan if a trial has no score."""
        return float(np.mean(self.whole))

    @property
    def shows_no_spread(self) -> bool:
        """Whether several seeds give one and the same result, on the whole test set and without each group of it."""
        same = (self.whole == self.whole[0]).all() and (self.without == self.without[0]).all()
        return len(self.seeds) > 1 and bool(same)

    def as_one_seed(self) -> Replicates:
        """The first seed alone: what several seeds with the same result are worth, where chance has a part in training.

        Returns:
            Its replicates; every contrast with them is of the form "one-seed" and decides nothing about recipes.
        """
        return Replicates(self.seeds[:1], self.whole[:1], self.without[:1], self.sizes)

    def deviations(self) -> Floats:
        """What each group adds to the score of each seed, scaled so that the jackknife variance is a sum of squares.

        With h_g = N / n_g and the pseudo-value τ_g = h_g·θ − (h_g − 1)·θ_(g), the delete-m_j jackknife variance is
        (1/G)·Σ (τ_g − θ_J)² / (h_g − 1), where θ_J = G·θ − Σ (1 − n_g/N)·θ_(g). For equal groups that is the usual
        (G − 1)/G · Σ (θ_(g) − mean)².

        Returns:
            Deviations, [S, G]; linear in the metric, so those of a contrast are the contrast of those. Source: Busing,
            Meijer, van der Leeden 1999, "Delete-m jackknife for unequal m", Statistics and Computing 9, eq. 9.
        """
        groups = len(self.sizes)
        if not groups:
            return np.zeros((len(self.seeds), 0))
        inverse = self.sizes.sum() / self.sizes
        estimate = groups * self.whole - np.sum((1 - 1 / inverse) * self.without, axis=1)
        pseudo = inverse * self.whole[:, None] - (inverse - 1) * self.without
        return np.asarray((pseudo - estimate[:, None]) / np.sqrt((inverse - 1) * groups))


def decision_replicates(
    seeds: Sequence[int], gold: NDArray[Any], decided: NDArray[Any], groups: Groups, metrics: Sequence[str]
) -> dict[str, Replicates]:
    """Metrics of decisions, counted once a group for all of them.

    Args:
        seeds: the seeds.
        gold: whether the example bears the label, [N, L].
        decided: whether the trial of each seed gave it the label, at its own thresholds, [S, N, L].
        groups: of the test set.
        metrics: names of `metrics.scores.SCORES`.

    Returns:
        Replicates by metric.

    Raises:
        ValueError: if the shapes do not fit.
    """
    true, given = np.asarray(gold) > 0, np.asarray(decided).astype(bool)
    if given.shape != (len(seeds), *true.shape) or true.shape[0] != len(groups.of_example):
        raise ValueError(
            f"gold {true.shape}, decided {given.shape}: not {len(seeds)} seeds × {len(groups.of_example)} examples"
        )
    found, asked = {}, known(gold)
    if asked is not None:  # a label that nobody decided on anywhere is not averaged over
        columns = asked.any(axis=0)
        true, given, asked = true[:, columns], (given & asked)[..., columns], asked[:, columns]
    if set(metrics) - set(AVERAGED):
        whole, left = _counts(true, given, groups)
    for name in metrics:
        if name == "hamming_loss" and asked is not None:
            found[name] = _share_replicates(seeds, true != given, asked, groups)
        elif name in AVERAGED:
            found[name] = mean_replicates(seeds, example_values(name, true, given), groups)
        else:
            found[name] = Replicates(tuple(seeds), score_counts(name, *whole), score_counts(name, *left), groups.sizes)
    return found


def label_replicates(
    seeds: Sequence[int], gold: NDArray[Any], decided: NDArray[Any], groups: Groups, part: Ratio = f1
) -> list[Replicates]:
    """How well each label is found. Differences label by label are exploratory: they are many, and of rare labels noisy.

    Args:
        seeds: the seeds.
        gold: whether the example bears the label, [N, L].
        decided: whether the trial of each seed gave it the label, [S, N, L].
        groups: of the test set.
        part: a ratio of `metrics.counts`.

    Returns:
        Replicates of each label, L of them.
    """
    given, asked = np.asarray(decided).astype(bool), known(gold)
    whole, left = _counts(np.asarray(gold) > 0, given if asked is None else given & asked, groups)
    scores, without = part(*whole), part(*left)
    return [Replicates(tuple(seeds), scores[:, label], without[:, :, label], groups.sizes) for label in range(scores.shape[-1])]


def _counts(
    true: NDArray[np.bool_], given: NDArray[np.bool_], groups: Groups
) -> tuple[tuple[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]:
    """Hits, predictions and positives of each label: of all examples, [S, L], and without each group, [S, G, L]."""
    hits, predicted, positives = (groups.sum_rows(flags) for flags in (true & given, given, true))
    positives = np.broadcast_to(positives, hits.shape)
    whole = hits.sum(axis=-2), predicted.sum(axis=-2), positives.sum(axis=-2)
    left = tuple(total[..., None, :] - part for total, part in zip(whole, (hits, predicted, positives), strict=True))
    return whole, (left[0], left[1], left[2])


def _share_replicates(seeds: Sequence[int], flags: NDArray[np.bool_], asked: NDArray[np.bool_], groups: Groups) -> Replicates:
    """The share of decisions with a flag, [S, N, L], where examples have different numbers of decisions, [N, L]."""
    above, below = groups.sum_rows(flags).sum(axis=-1), groups.sum_rows(asked).sum(axis=-1)
    whole = ratio(above.sum(axis=-1), np.full(len(above), below.sum()))
    left = ratio(above.sum(axis=-1, keepdims=True) - above, np.broadcast_to(below.sum() - below, above.shape))
    return Replicates(tuple(seeds), whole, left, groups.sizes)


def mean_replicates(seeds: Sequence[int], values: NDArray[Any], groups: Groups) -> Replicates:
    """A metric that is the mean of one value an example: accuracy, exact match, F1 of an answer.

    Args:
        seeds: the seeds.
        values: one a seed and example, [S, N].
        groups: of the test set.

    Returns:
        The replicates.
    """
    numbers = np.asarray(values, dtype=np.float64)
    sums = groups.sum_rows(numbers[..., None])[..., 0]
    total = sums.sum(axis=1)
    left = (total[:, None] - sums) / (groups.sizes.sum() - groups.sizes)
    return Replicates(tuple(seeds), total / numbers.shape[1], left, groups.sizes)


def function_replicates(
    seeds: Sequence[int], metric: Metric, gold: NDArray[Any], predicted: Sequence[NDArray[Any]], groups: Groups
) -> Replicates:
    """Any metric at all, evaluated G + 1 times a seed: ranking metrics, and those that a user brings.

    Args:
        seeds: the seeds.
        metric: (gold rows, predicted rows) -> score. It should hardly move when one example is left out: the jackknife
            misleads for a median or a maximum.
        gold: what is true, [N, ...].
        predicted: what each seed's trial says, S times [N, ...].
        groups: of the test set.

    Returns:
        The replicates.
    """
    kept = [groups.of_example != group for group in range(groups.count)]
    whole = np.array([evaluate(metric, gold, outputs) for outputs in predicted], dtype=np.float64)
    without = np.array([[evaluate(metric, gold[rows], outputs[rows]) for rows in kept] for outputs in predicted])
    return Replicates(tuple(seeds), whole, without.reshape(len(predicted), groups.count), groups.sizes)


def replicates(
    seeds: Sequence[int], metric: Metric, gold: NDArray[Any], predicted: Sequence[NDArray[Any]], groups: Groups
) -> Replicates:
    """Replicates of any metric, the fast way where there is one.

    Args:
        seeds: the seeds.
        metric: a function of `metrics.scores.SCORES` (`predicted` are then decisions), or any other.
        gold: what is true, [N, ...].
        predicted: what each seed's trial says, S times [N, ...].
        groups: of the test set.

    Returns:
        The replicates.
    """
    name = fast_name(metric, SCORES)
    if name is None:
        return function_replicates(seeds, metric, gold, predicted, groups)
    return decision_replicates(seeds, gold, np.stack(list(predicted)), groups, [name])[name]


def plain_replicates(seeds: Sequence[int], values: Sequence[float] | NDArray[Any]) -> Replicates:
    """One number a trial that no test set stands behind: seconds of a process, bytes.

    Args:
        seeds: the seeds, or the number of each launch.
        values: one each, [S].

    Returns:
        Replicates without groups: comparisons rest on the spread over seeds alone.
    """
    nothing = np.zeros((len(seeds), 0))
    return Replicates(tuple(seeds), np.asarray(values, dtype=np.float64), nothing, np.zeros(0, dtype=np.int64))
