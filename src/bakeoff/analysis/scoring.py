"""Fit a trial's thresholds and temperature on validation, and score its outputs at every threshold rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.answering import PLAIN, describe_threshold, read_table, score_answers
from bakeoff.analysis.calibrating import calibrate
from bakeoff.analysis.trial_model import LabelScores, SplitScores, Tuning
from bakeoff.catalog import registry
from bakeoff.catalog.cards import MetricCard
from bakeoff.errors import CatalogError
from bakeoff.metrics.answer_scores import tune_threshold, worth_at
from bakeoff.metrics.calibration import fit_temperature
from bakeoff.metrics.counts import evaluate
from bakeoff.metrics.labels import score_labels
from bakeoff.metrics.multilabel import (
    output_spread,
    outputs_are_constant,
    outputs_are_finite,
    score_decisions,
    sigmoid,
    split_metric,
)
from bakeoff.metrics.ranking import label_average_precision
from bakeoff.metrics.scores import SCORES, labels_per_example
from bakeoff.metrics.shrinkage import Tuned, tune
from bakeoff.metrics.single import choose, only_known, softmax
from bakeoff.metrics.thresholds import FIXED_THRESHOLDS, decide
from bakeoff.records.results import Outputs

TUNED = "tuned"
PER_LABEL = "per-label"
NO_THRESHOLD = "none"
HIGHEST = "highest"
"""The rule of labels that exclude one another: the label with the highest output."""
SINGLE_LABEL = "single-label"
QUESTIONS = "qa"
TUNED_FOR = "f1_macro"
"""What thresholds are tuned for where the task's metric needs none."""

OURS = "bakeoff.metrics."
"""Where the code of the built-in metrics stands."""

Metric = Callable[[Any, Any], float]
Rules = dict[str, float | NDArray[np.float64]]


@dataclass(frozen=True)
class Yardstick:
    """How trials of a task are measured.

    Attributes:
        metric: the bare name of the task's metric.
        rule: the rule of the task's metric: `tuned`, a fixed threshold as text, `none`, or `highest`.
        higher_is_better: its direction.
        metrics: function by name of every metric that is scored on decisions.
        ranked: function by name of every metric that is scored on probabilities.
        fixed: the fixed thresholds, by rule.
        exclusive: whether labels exclude one another: then the highest output decides, and nothing is tuned.
        answers: whether answers are scored by their texts: then what they are worth takes the place of decisions.
    """

    metric: str
    rule: str
    higher_is_better: bool
    metrics: dict[str, Metric]
    ranked: dict[str, Metric]
    fixed: dict[str, float]
    exclusive: bool = False
    answers: bool = False

    def read(self, outputs: Outputs) -> NDArray[np.float64]:
        """What decisions follow from.

        Args:
            outputs: a trial's outputs on one split.

        Returns:
            Probability of each label, [N, L]; of answers the margin of "no answer" and what they are worth, [N, 5].
        """
        return read_table(outputs) if self.answers else self.probabilities(outputs.outputs, outputs.judged)

    def probabilities(self, logits: NDArray[Any], gold: NDArray[Any]) -> NDArray[np.float64]:
        """Probability of each label.

        Args:
            logits: [N, L].
            gold: what is true, [N, L]; -1 where nobody decided: labels that exclude one another are chosen among the others.

        Returns:
            [N, L].
        """
        return softmax(only_known(gold, logits)) if self.exclusive else sigmoid(logits)

    def decide(self, probabilities: NDArray[np.float64], threshold: float | NDArray[np.float64]) -> NDArray[Any]:
        """Which labels each example is given, or what its answer is worth.

        Args:
            probabilities: of `read`, [N, L] or [N, 5].
            threshold: for all labels or one a label; without meaning where labels exclude one another.

        Returns:
            Whether each label is given, [N, L]; of answers exact match and F1, [N, 2].
        """
        if self.answers:
            return worth_at(probabilities, float(threshold))
        return choose(probabilities) if self.exclusive else decide(probabilities, threshold)

    @property
    def tuned_for(self) -> str:
        """Name of the metric that thresholds are tuned for."""
        return self.metric if self.metric in self.metrics else TUNED_FOR

    @property
    def decided_rule(self) -> str:
        """The rule of decisions: that of the task's metric, or `tuned` where that needs none."""
        return TUNED if self.rule == NO_THRESHOLD else self.rule

    def gain(self, value: float, over: float) -> float:
        """By how much one value of what thresholds are tuned for is better than another.

        Args:
            value: the value.
            over: the other.

        Returns:
            Positive if it is better; nan if either is.
        """
        higher = self.higher_is_better or self.tuned_for != self.metric
        return value - over if higher else over - value


def metric_function(card: MetricCard) -> Metric:
    """The function of a metric; a fault in one that another package brings is told as such.

    Args:
        card: the metric's card.

    Returns:
        (gold, predicted) -> score.
    """
    if card.path.startswith(OURS):
        return card.load()
    brought = card.load()

    def measure(gold: Any, predicted: Any) -> float:
        try:
            return float(brought(gold, predicted))
        except Exception as error:
            remedy = "mend or uninstall the package that brings it; `bakeoff.testing.metrics.check_metric` tries it"
            problem = f"the metric {card.name} failed: {type(error).__name__}: {error}"
            raise CatalogError(problem, card.path, remedy) from error

    return measure


def yardstick(kind: str, metric: str) -> Yardstick:
    """How trials of a task are measured.

    Args:
        kind: the task kind.
        metric: the task's metric as the study declares it, such as `f1_macro` or `f1_macro@0.35`.

    Returns:
        The yardstick.
    """
    bare, asked = split_metric(metric)
    cards = [registry.metric(name) for name in dict.fromkeys([*registry.metrics_of(kind), bare])]
    functions = {card.name: metric_function(card) for card in cards}
    if kind == QUESTIONS:
        fixed = {PLAIN: 0.0} if asked is None else {PLAIN: 0.0, str(asked): asked}
        rule = TUNED if asked is None else str(asked)
        return Yardstick(bare, rule, registry.metric(bare).higher_is_better, functions, {}, fixed, answers=True)
    if kind == SINGLE_LABEL:
        return Yardstick(bare, HIGHEST, registry.metric(bare).higher_is_better, functions, {}, {}, exclusive=True)
    ranked = {card.name: functions[card.name] for card in cards if not card.thresholded}
    fixed = {str(threshold): threshold for threshold in FIXED_THRESHOLDS}
    if asked is not None:
        fixed[str(asked)] = asked
    rule = TUNED if asked is None else str(asked)
    return Yardstick(
        metric=bare,
        rule=NO_THRESHOLD if bare in ranked else rule,
        higher_is_better=registry.metric(bare).higher_is_better,
        metrics={name: function for name, function in functions.items() if name not in ranked},
        ranked=ranked,
        fixed=dict(sorted(fixed.items(), key=lambda item: item[1])),
    )


@dataclass(frozen=True)
class Fit:
    """What was fitted on a trial's validation outputs.

    Attributes:
        tuned: its thresholds; None where labels exclude one another.
        temperature: what its logits are divided by; nan if an output is not finite.
        rules: thresholds by rule: the fixed ones, `tuned` and `per-label`; the tuned ones are nan if an output is not
            finite. `highest` alone where labels exclude one another.
    """

    tuned: Tuned | None
    temperature: float
    rules: Rules


def fit(measure: Yardstick, validation: Outputs) -> Fit:
    """Fit everything that is fitted after training, on validation outputs alone.

    Args:
        measure: the task's yardstick.
        validation: the trial's outputs on validation.

    Returns:
        Thresholds and temperature.
    """
    if measure.answers:
        threshold = tune_threshold(read_table(validation), measure.metric)
        return Fit(None, math.nan, {**measure.fixed, TUNED: threshold})
    if measure.exclusive:
        finite = outputs_are_finite(validation.outputs)
        return Fit(None, math.nan, {HIGHEST: 0.0 if finite else math.nan})
    name = measure.tuned_for
    function = measure.metrics[name]
    higher = measure.higher_is_better or name != measure.metric
    signed = function if higher else lambda gold, predicted: -function(gold, predicted)
    finite = outputs_are_finite(validation.outputs)
    # an infinite logit has a probability that is finite: nan keeps it from being tuned on
    probabilities = sigmoid(validation.outputs) if finite else np.full(validation.outputs.shape, np.nan)
    tuned = tune(validation.judged, probabilities, name if SCORES.get(name) is function else signed)
    temperature = fit_temperature(validation.judged, validation.outputs) if finite else math.nan
    return Fit(tuned, temperature, {**measure.fixed, TUNED: tuned.threshold, PER_LABEL: tuned.labels})


def score_split(measure: Yardstick, outputs: Outputs, fitted: Fit) -> SplitScores:
    """Score outputs at every rule.

    Args:
        measure: the task's yardstick.
        outputs: a trial's outputs on one split.
        fitted: its thresholds and temperature.

    Returns:
        The scores; all nan if an output, on this split or on the one that thresholds were tuned on, is not finite.
    """
    if measure.answers:
        return score_answers(outputs, fitted.rules, measure.metrics)
    gold = outputs.judged
    finite = outputs_are_finite(outputs.outputs)
    usable = {rule: value for rule, value in fitted.rules.items() if finite and not np.isnan(value).any()}
    probabilities = measure.probabilities(outputs.outputs, gold)
    decided = {rule: measure.decide(probabilities, threshold) for rule, threshold in usable.items()}
    scores = {
        rule: score_decisions(gold, decided[rule], measure.metrics)
        if rule in decided
        else dict.fromkeys(measure.metrics, math.nan)
        for rule in fitted.rules
    }
    scores[NO_THRESHOLD] = {
        name: evaluate(function, gold, probabilities) if finite else math.nan for name, function in measure.ranked.items()
    }
    return SplitScores(
        examples=len(gold),
        labels_per_example=labels_per_example(gold),
        finite=finite,
        not_finite=int(np.count_nonzero(~np.isfinite(outputs.outputs))),
        constant=outputs_are_constant(outputs.outputs),
        spread=output_spread(outputs.outputs),
        predicted_per_example={
            rule: labels_per_example(decided[rule] & (gold >= 0)) if rule in decided else math.nan for rule in fitted.rules
        },
        scores=scores,
        labels=_labels(gold, probabilities, decided.get(measure.decided_rule), decided.get(PER_LABEL)),
        calibration=calibrate(gold, probabilities, _scaled(measure, outputs, fitted)) if finite and len(gold) else None,
    )


def _scaled(measure: Yardstick, outputs: Outputs, fitted: Fit) -> NDArray[np.float64] | None:
    """Probabilities after the temperature; None without one."""
    if math.isnan(fitted.temperature):
        return None
    return measure.probabilities(outputs.outputs.astype(np.float64) / fitted.temperature, outputs.judged)


def _labels(
    gold: NDArray[Any],
    probabilities: NDArray[np.float64],
    decided: NDArray[np.bool_] | None,
    own: NDArray[np.bool_] | None,
) -> LabelScores:
    nothing = [math.nan] * gold.shape[1]
    at_rule = None if decided is None else score_labels(gold, decided)
    return LabelScores(
        f1=nothing if at_rule is None else at_rule.f1.tolist(),
        precision=nothing if at_rule is None else at_rule.precision.tolist(),
        recall=nothing if at_rule is None else at_rule.recall.tolist(),
        own_f1=nothing if own is None else score_labels(gold, own).f1.tolist(),
        average_precision=nothing if decided is None else label_average_precision(gold, probabilities).tolist(),
    )


def describe_fit(measure: Yardstick, fitted: Fit, validation: SplitScores, opened: SplitScores | None) -> Tuning | None:
    """What was fitted, and by how much scores on validation flatter.

    Args:
        measure: the task's yardstick.
        fitted: what was fitted.
        validation: scores on validation.
        opened: scores on the split that nothing was fitted on; None while it stays closed.

    Returns:
        The facts; None where nothing is tuned.
    """
    tuned, name = fitted.tuned, measure.tuned_for
    if measure.answers:
        scores = [split.scores[TUNED][name] for split in (validation, opened) if split is not None]
        return describe_threshold(name, TUNED, float(fitted.rules[TUNED]), measure.gain(*scores) if len(scores) > 1 else None)
    if tuned is None:
        return None
    gap = {}
    if opened is not None:
        gap = {rule: measure.gain(validation.scores[rule][name], opened.scores[rule][name]) for rule in (TUNED, PER_LABEL)}
    return Tuning(
        metric=name,
        threshold=tuned.threshold,
        label_thresholds=tuned.labels.tolist(),
        unshrunk=tuned.unshrunk.tolist(),
        kappa=tuned.kappa,
        folds=tuned.folds,
        optimism=dict(zip((TUNED, PER_LABEL), tuned.optimism, strict=True)),
        gap=gap,
        temperature=fitted.temperature,
    )
