"""The metrics of multi-label decisions, one function a metric, each equal to scikit-learn's with `zero_division=0`.

Every function takes what is true and what was decided, both [N, L], and gives a share between 0 and 1. Where a ratio has
no denominator (a label without positives, or never predicted) it is 0, as the study declares. What nobody decided on
(`counts.UNKNOWN`) counts in nothing; a label that nobody decided on anywhere is not averaged over. Checked in the tests
against scikit-learn 1.9. Metrics of probabilities, which need no decision, stand in `ranking.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from bakeoff.metrics.counts import Bools, Floats, Ratio, Tally, f1, jaccard, mean, precision, ratio, recall, tally

LOWER_IS_BETTER = frozenset({"hamming_loss"})
"""Names of the metrics here of which less is better."""


def label_f1(gold: Bools, predicted: Bools) -> Floats:
    """F1 of each label: 2 · hits / (predicted + positives).

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The scores, [L]; 0 for a label with neither positives nor predictions.
    """
    return by_label(f1, tally(gold, predicted))


def by_label(part: Ratio, counted: Tally) -> Floats:
    """A ratio of each label.

    Args:
        part: `precision`, `recall`, `f1` or `jaccard` of `counts.py`.
        counted: what was counted.

    Returns:
        The ratios, [L].
    """
    found = counted.labels
    return part(found.hits, found.predicted, found.positives)


def _macro(part: Ratio) -> Callable[[Tally], float]:
    def over_labels(counted: Tally) -> float:
        values = by_label(part, counted)
        return mean(values if counted.decisions is None else values[counted.decisions > 0])

    return over_labels


def _micro(part: Ratio) -> Callable[[Tally], float]:
    def pooled(counted: Tally) -> float:
        found = counted.labels
        return float(part(found.hits.sum(), found.predicted.sum(), found.positives.sum()))

    return pooled


def _weighted(part: Ratio) -> Callable[[Tally], float]:
    def by_support(counted: Tally) -> float:
        positives = counted.labels.positives
        return float(ratio(np.sum(by_label(part, counted) * positives), positives.sum()))

    return by_support


def _jaccard_samples(counted: Tally) -> float:
    found = counted.examples
    return mean(jaccard(found.hits, found.predicted, found.positives))


def _hamming_loss(counted: Tally) -> float:
    found = counted.examples
    wrong = np.sum(found.predicted + found.positives - 2 * found.hits)
    made = len(found.hits) * len(counted.labels.hits) if counted.decisions is None else counted.decisions.sum()
    return float(ratio(wrong, made))


def _subset_accuracy(counted: Tally) -> float:
    found = counted.examples
    return mean(((found.hits == found.predicted) & (found.hits == found.positives)).astype(np.float64))


_FROM_TALLY: dict[str, Callable[[Tally], float]] = {
    "f1_macro": _macro(f1),
    "f1_micro": _micro(f1),
    "f1_weighted": _weighted(f1),
    "precision_macro": _macro(precision),
    "precision_micro": _micro(precision),
    "precision_weighted": _weighted(precision),
    "recall_macro": _macro(recall),
    "recall_micro": _micro(recall),
    "recall_weighted": _weighted(recall),
    "jaccard_samples": _jaccard_samples,
    "jaccard_macro": _macro(jaccard),
    "hamming_loss": _hamming_loss,
    "subset_accuracy": _subset_accuracy,
}


def score_tally(counted: Tally, names: Iterable[str]) -> dict[str, float]:
    """Several metrics from one count: counting is what costs.

    Args:
        counted: what was counted.
        names: names of `SCORES`.

    Returns:
        Score by name.
    """
    return {name: _FROM_TALLY[name](counted) for name in names}


def labels_per_example(flags: Bools) -> float:
    """Labels that an example bears, or is given: the mean.

    Args:
        flags: what is true, or what was decided, [N, L].

    Returns:
        The mean number; nan without examples.
    """
    return float(np.count_nonzero(np.asarray(flags) > 0) / len(flags)) if len(flags) else float("nan")


def f1_macro(gold: Bools, predicted: Bools) -> float:
    """F1 averaged over labels; a label with neither positives nor predictions counts as 0.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["f1_macro"](tally(gold, predicted))


def f1_micro(gold: Bools, predicted: Bools) -> float:
    """F1 over all N · L decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["f1_micro"](tally(gold, predicted))


def f1_weighted(gold: Bools, predicted: Bools) -> float:
    """F1 averaged over labels, weighted by the labels' positives.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; 0 if no example bears any label.
    """
    return _FROM_TALLY["f1_weighted"](tally(gold, predicted))


def precision_macro(gold: Bools, predicted: Bools) -> float:
    """Precision averaged over labels; a label never predicted counts as 0.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["precision_macro"](tally(gold, predicted))


def precision_micro(gold: Bools, predicted: Bools) -> float:
    """Precision over all decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["precision_micro"](tally(gold, predicted))


def precision_weighted(gold: Bools, predicted: Bools) -> float:
    """Precision averaged over labels, weighted by the labels' positives.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; 0 if no example bears any label.
    """
    return _FROM_TALLY["precision_weighted"](tally(gold, predicted))


def recall_macro(gold: Bools, predicted: Bools) -> float:
    """Recall averaged over labels; a label without positives counts as 0.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["recall_macro"](tally(gold, predicted))


def recall_micro(gold: Bools, predicted: Bools) -> float:
    """Recall over all decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["recall_micro"](tally(gold, predicted))


def recall_weighted(gold: Bools, predicted: Bools) -> float:
    """Recall averaged over labels, weighted by the labels' positives: the same as over all decisions.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; 0 if no example bears any label.
    """
    return _FROM_TALLY["recall_weighted"](tally(gold, predicted))


def jaccard_samples(gold: Bools, predicted: Bools) -> float:
    """Intersection over union of the label sets, averaged over examples (SemEval 2018 E-c's accuracy).

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; an example that bears no label and is given none counts as 0, as in scikit-learn.
    """
    return _FROM_TALLY["jaccard_samples"](tally(gold, predicted))


def jaccard_macro(gold: Bools, predicted: Bools) -> float:
    """Intersection over union of the example sets, averaged over labels.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score.
    """
    return _FROM_TALLY["jaccard_macro"](tally(gold, predicted))


def hamming_loss(gold: Bools, predicted: Bools) -> float:
    """Share of the N · L decisions that are wrong: less is better.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The loss; 0 without decisions.
    """
    return _FROM_TALLY["hamming_loss"](tally(gold, predicted))


def subset_accuracy(gold: Bools, predicted: Bools) -> float:
    """Share of examples with every label right.

    Args:
        gold: what is true, [N, L].
        predicted: what was decided, [N, L].

    Returns:
        The score; 0 without examples.
    """
    return _FROM_TALLY["subset_accuracy"](tally(gold, predicted))


SCORES: dict[str, Callable[[Bools, Bools], float]] = {
    function.__name__: function
    for function in (
        f1_macro,
        f1_micro,
        f1_weighted,
        precision_macro,
        precision_micro,
        precision_weighted,
        recall_macro,
        recall_micro,
        recall_weighted,
        jaccard_samples,
        jaccard_macro,
        hamming_loss,
        subset_accuracy,
    )
}
