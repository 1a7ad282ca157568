"""Means over the seeds of a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bakeoff.analysis.recipe_model import Summary
from bakeoff.analysis.trial_model import LabelScores, SplitScores


def summarise(scores: Sequence[float], *, spread: bool = True) -> Summary:
    """Mean and standard deviation over seeds.

    Args:
        scores: a score for each seed, [S].
        spread: whether the seeds could differ; without, a deviation of zero would pass for a measured one, and there is none.

    Returns:
        The summary; a score that is nan makes both nan.
    """
    mean = float(np.mean(scores)) if scores else math.nan
    sd = float(np.std(scores, ddof=1)) if spread and len(scores) > 1 else math.nan
    return Summary(mean=mean, sd=sd, n=len(scores))


def score_table(splits: Sequence[SplitScores], *, spread: bool = True) -> dict[str, dict[str, Summary]]:
    """Scores over seeds.

    Args:
        splits: scores of each seed on one split.
        spread: whether the seeds could differ.

    Returns:
        Summary by threshold rule and metric; empty without a seed.
    """
    if not splits:
        return {}
    return {
        rule: {metric: summarise([split.scores[rule][metric] for split in splits], spread=spread) for metric in scores}
        for rule, scores in splits[0].scores.items()
    }


def predicted_table(splits: Sequence[SplitScores], *, spread: bool = True) -> dict[str, Summary]:
    """Labels that an example is given, over seeds.

    Args:
        splits: scores of each seed on one split.
        spread: whether the seeds could differ.

    Returns:
        Summary by threshold rule; empty without a seed.
    """
    rules = splits[0].predicted_per_example if splits else {}
    return {rule: summarise([split.predicted_per_example[rule] for split in splits], spread=spread) for rule in rules}


def mean_labels(labels: Sequence[LabelScores]) -> LabelScores | None:
    """Scores of each label over seeds.

    Args:
        labels: of each seed.

    Returns:
        The means; None without a seed, or without labels.
    """
    if not labels or not labels[0].f1:
        return None
    return LabelScores(
        **{name: np.mean([getattr(seed, name) for seed in labels], axis=0).tolist() for name in LabelScores.model_fields}
    )


def mean_thresholds(thresholds: Sequence[Sequence[float]]) -> list[float]:
    """Each label's own threshold over seeds, the mean on the logit scale.

    Args:
        thresholds: of each seed, [S, L].

    Returns:
        The means, [L]; empty without a seed, nan where one is.
    """
    if not thresholds:
        return []
    inside = np.clip(np.asarray(thresholds, dtype=np.float64), 1e-300, 1 - 2**-53)
    logits = np.mean(np.log(inside) - np.log1p(-inside), axis=0)
    return [float(value) for value in 1 / (1 + np.exp(-logits))]
