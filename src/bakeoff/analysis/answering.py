"""Score answers to questions: a threshold for "no answer", tuned on validation, and what the answers are then worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.trial_model import LabelScores, SplitScores, Tuning
from bakeoff.errors import RunError
from bakeoff.metrics.answer_scores import HAS_ANSWER, MARGIN, Given, worth_at, worth_table
from bakeoff.metrics.multilabel import COLLAPSED_SPREAD, output_spread
from bakeoff.metrics.scores import labels_per_example
from bakeoff.records.results import Outputs

PLAIN = "0.0"
"""The rule of a model's own word: no answer where its score is higher than that of the best answer."""
Metrics = Mapping[str, Callable[[Any, Any], float]]


def read_table(outputs: Outputs) -> NDArray[np.float64]:
    """All that scores at any threshold follow from.

    Args:
        outputs: a trial's outputs on one split.

    Returns:
        Margin of "no answer", and what the best answer and "no answer" are worth, [N, 5].

    Raises:
        RunError: if the outputs hold no answers.
    """
    if outputs.answers is None:
        raise RunError("outputs of a task of questions hold no answers", "outputs", "run the trial again")
    return worth_table(Given(outputs.outputs, outputs.answers.best, outputs.answers.accepted))


def no_answer_worth(gold: NDArray[Any]) -> NDArray[np.float64]:
    """What it is worth to say of every question that it has no answer.

    Args:
        gold: [N, 2]; the last column says whether there is an answer.

    Returns:
        Exact match and F1 of each question, [N, 2].
    """
    return np.repeat(1.0 - gold[:, [HAS_ANSWER]].astype(np.float64), 2, axis=1)


def score_answers(outputs: Outputs, rules: Mapping[str, Any], metrics: Metrics) -> SplitScores:
    """Score a trial's answers at every rule.

    Args:
        outputs: its outputs on one split.
        rules: threshold by rule; nan where nothing could be tuned.
        metrics: function by name.

    Returns:
        The scores; all nan if an output is not finite. There are no labels and no probabilities to speak of.
    """
    table, gold = read_table(outputs), outputs.gold.astype(bool)
    margins = table[:, [MARGIN]]
    finite = bool(np.isfinite(margins).all())
    scores, answered = {}, {}
    for rule, threshold in rules.items():
        usable = finite and not math.isnan(threshold)
        worth = worth_at(table, threshold)
        scores[rule] = {name: float(function(gold, worth)) if usable else math.nan for name, function in metrics.items()}
        answered[rule] = float((margins <= threshold).mean()) if usable and len(margins) else math.nan
    spread = output_spread(margins) if finite and len(margins) else math.nan
    return SplitScores(
        examples=len(gold),
        labels_per_example=labels_per_example(gold[:, [HAS_ANSWER]]),
        finite=finite,
        not_finite=int(np.count_nonzero(~np.isfinite(outputs.outputs))),
        constant=bool(spread < COLLAPSED_SPREAD),
        spread=spread,
        predicted_per_example=answered,
        scores=scores,
        labels=LabelScores(f1=[], precision=[], recall=[], own_f1=[], average_precision=[]),
        calibration=None,
    )


def describe_threshold(metric: str, rule: str, threshold: float, gap: float | None) -> Tuning:
    """What was tuned.

    Args:
        metric: the metric that it was tuned for.
        rule: name of the tuned rule.
        threshold: the threshold of the margin of "no answer".
        gap: by how much the score on validation is better than on test; None while that stays closed.

    Returns:
        The facts; there are no thresholds a label, and no temperature.
    """
    return Tuning(
        metric=metric,
        threshold=threshold,
        label_thresholds=[],
        unshrunk=[],
        kappa=math.nan,
        folds=0,
        optimism={},
        gap={} if gap is None else {rule: gap},
        temperature=math.nan,
    )
