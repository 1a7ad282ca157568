"""Score one trial's outputs at every threshold rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.model import SplitScores
from bakeoff.catalog import registry
from bakeoff.metrics.multilabel import multilabel_scores, outputs_are_constant, outputs_are_finite, sigmoid, split_metric
from bakeoff.metrics.scores import SCORES, label_f1
from bakeoff.metrics.thresholds import FIXED_THRESHOLDS, decide, tune_label_thresholds, tune_threshold
from bakeoff.records.results import Outputs

TUNED = "tuned"
PER_LABEL = "per-label"

Rules = dict[str, float | NDArray[np.float64]]


@dataclass(frozen=True)
class Yardstick:
    """How trials of a task are measured.

    Attributes:
        metric: the bare name of the task's metric.
        rule: the rule of the task's metric: `tuned`, or a fixed threshold as text.
        higher_is_better: its direction.
        metrics: function by name of every metric that is scored.
        fixed: the fixed thresholds, by rule.
    """

    metric: str
    rule: str
    higher_is_better: bool
    metrics: dict[str, Callable[[Any, Any], float]]
    fixed: dict[str, float]


def yardstick(kind: str, metric: str) -> Yardstick:
    """How trials of a task are measured.

    Args:
        kind: the task kind.
        metric: the task's metric as the study declares it, such as `f1_macro` or `f1_macro@0.35`.

    Returns:
        The yardstick.
    """
    bare, asked = split_metric(metric)
    card = registry.metric(bare)
    names = dict.fromkeys([*registry.task(kind).metrics, bare])
    fixed = {str(threshold): threshold for threshold in FIXED_THRESHOLDS}
    if asked is not None:
        fixed[str(asked)] = asked
    return Yardstick(
        metric=bare,
        rule=TUNED if asked is None else str(asked),
        higher_is_better=card.higher_is_better,
        metrics={name: SCORES[name] if name in SCORES else registry.metric(name).load() for name in names},
        fixed=dict(sorted(fixed.items(), key=lambda item: item[1])),
    )


def tuned_rules(measure: Yardstick, validation: Outputs) -> Rules:
    """Every threshold rule of a trial, the tuned ones fitted on its validation outputs alone.

    Args:
        measure: the task's yardstick.
        validation: the trial's outputs on validation.

    Returns:
        Thresholds by rule: the fixed ones, `tuned` and `per-label`; the tuned ones are nan if an output is not finite.
    """
    if not outputs_are_finite(validation.outputs):
        return {**measure.fixed, TUNED: float("nan"), PER_LABEL: np.full(validation.gold.shape[1], np.nan)}
    probabilities = sigmoid(validation.outputs)
    known = measure.metric in SCORES
    function = measure.metrics[measure.metric]
    signed = function if measure.higher_is_better else lambda gold, predicted: -function(gold, predicted)
    tuned, _ = tune_threshold(validation.gold, probabilities, measure.metric if known else signed)
    return {**measure.fixed, TUNED: tuned, PER_LABEL: tune_label_thresholds(validation.gold, probabilities, tuned)}


def score_split(measure: Yardstick, outputs: Outputs, rules: Rules) -> SplitScores:
    """Score outputs at every rule.

    Args:
        measure: the task's yardstick.
        outputs: a trial's outputs on one split.
        rules: its thresholds by rule.

    Returns:
        The scores; all nan if an output, on this split or on the one that thresholds were tuned on, is not finite.
    """
    gold = outputs.gold.astype(bool)
    usable = {rule: threshold for rule, threshold in rules.items() if not np.isnan(threshold).any()}
    finite = outputs_are_finite(outputs.outputs)
    flat = multilabel_scores(gold, outputs.outputs, {f"@{rule}": usable[rule] for rule in usable}, measure.metrics)
    nothing = float("nan")
    scores = {rule: {name: flat.get(f"{name}@{rule}", nothing) for name in measure.metrics} for rule in rules}
    probabilities = sigmoid(outputs.outputs)
    decided = {rule: decide(probabilities, usable[rule]) for rule in usable} if finite else {}
    ranked = decided.get(measure.rule)
    return SplitScores(
        examples=len(gold),
        labels_per_example=float(gold.sum(axis=1).mean()) if len(gold) else nothing,
        finite=finite,
        constant=outputs_are_constant(outputs.outputs),
        predicted_per_example={rule: _per_example(decided.get(rule)) for rule in rules},
        scores=scores,
        label_f1=[nothing] * gold.shape[1] if ranked is None else label_f1(gold, ranked).tolist(),
    )


def _per_example(decided: NDArray[np.bool_] | None) -> float:
    return float(decided.sum(axis=1).mean()) if decided is not None and len(decided) else float("nan")
