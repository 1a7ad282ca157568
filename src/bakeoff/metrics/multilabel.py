"""From the outputs of a multi-label model to its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import evaluate, known, tally
from bakeoff.metrics.ranking import RANKED
from bakeoff.metrics.scores import SCORES, score_tally
from bakeoff.metrics.thresholds import FIXED_THRESHOLDS, decide, tune_threshold

Threshold = float | NDArray[np.float64]
Score = Callable[[NDArray[Any], NDArray[Any]], float]

COLLAPSED_SPREAD = 1e-3


def sigmoid(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probability of each logit, 1 / (1 + e^-x), in float64 and without overflow.

    Args:
        logits: any shape.

    Returns:
        Probabilities of the same shape; nan where the logit is.
    """
    values = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1 / (1 + small), small / (1 + small)), dtype=np.float64)


def outputs_are_finite(logits: NDArray[Any]) -> bool:
    """Whether a model's outputs can be scored at all.

    Args:
        logits: [N, L].

    Returns:
        False if any is nan or infinite.
    """
    return bool(np.isfinite(logits).all())


def output_spread(logits: NDArray[Any]) -> float:
    """How far the probabilities of any one label lie apart over examples: 0 if a model says the same of each.

    Args:
        logits: [N, L].

    Returns:
        The widest range of a label's probability, 0 to 1; nan for fewer than two examples or if an output is not finite.
    """
    if len(logits) < 2 or not outputs_are_finite(logits):
        return float("nan")
    return float(np.ptp(sigmoid(logits), axis=0).max(initial=0.0))


def outputs_are_constant(logits: NDArray[Any]) -> bool:
    """Whether a model says the same of every example: it has collapsed.

    Args:
        logits: [N, L].

    Returns:
        True if no label's probability varies by 0.001 over two or more examples; False if outputs are not finite.
    """
    return output_spread(logits) < COLLAPSED_SPREAD


def log_loss(gold: NDArray[Any], logits: NDArray[Any]) -> float:
    """Binary cross-entropy, the mean over decisions that somebody made, in the stable log-sigmoid form.

    Args:
        gold: whether the example bears the label, [N, L].
        logits: [N, L].

    Returns:
        The loss in nats; nan if an output is not finite or there is none.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not values.size or not outputs_are_finite(values):
        return float("nan")
    losses = np.maximum(values, 0) - values * (np.asarray(gold) > 0) + np.log1p(np.exp(-np.abs(values)))
    asked = known(gold)
    return float(np.mean(losses if asked is None else losses[asked]))


def multilabel_scores(
    gold: NDArray[Any],
    logits: NDArray[Any],
    thresholds: Mapping[str, Threshold],
    metrics: Sequence[str] | Mapping[str, Score] = tuple(SCORES),
) -> dict[str, float]:
    """Score outputs at several thresholds.

    Args:
        gold: whether the example bears the label, [N, L].
        logits: [N, L].
        thresholds: a threshold for all labels or one a label ([L]), by the suffix that its scores bear:
            `{"": 0.31, "@0.5": 0.5}` gives `f1_macro` and `f1_macro@0.5`.
        metrics: names of `scores.SCORES`, or functions by name.

    Returns:
        The score by `<metric><suffix>`, thresholds in their order; every score is nan if an output is not finite.
    """
    functions = metrics if isinstance(metrics, Mapping) else {name: SCORES[name] for name in metrics}
    if not outputs_are_finite(logits):
        return dict.fromkeys([f"{metric}{suffix}" for suffix in thresholds for metric in functions], float("nan"))
    probabilities = sigmoid(logits)
    scores = {}
    for suffix, threshold in thresholds.items():
        found = score_decisions(gold, decide(probabilities, threshold), functions)
        scores.update({f"{name}{suffix}": value for name, value in found.items()})
    return scores


def score_decisions(gold: NDArray[Any], decided: NDArray[np.bool_], metrics: Mapping[str, Score]) -> dict[str, float]:
    """Score decisions with several metrics; what the metrics of `scores.py` share is counted once.

    Args:
        gold: whether the example bears the label, [N, L].
        decided: whether it was given the label, [N, L].
        metrics: functions by name.

    Returns:
        Score by name, in the order of the metrics.
    """
    own = [name for name, function in metrics.items() if SCORES.get(name) is function]
    counted = score_tally(tally(gold, decided), own) if own else {}
    return {name: counted[name] if name in counted else evaluate(metrics[name], gold, decided) for name in metrics}


def split_metric(name: str) -> tuple[str, float | None]:
    """Take a study's word for a metric apart.

    Args:
        name: `f1_macro` (at the tuned threshold), or `f1_macro@0.2` (at that fixed one).

    Returns:
        The bare metric, and the fixed threshold or None.

    Raises:
        ValueError: if what follows the `@` is not a number.
    """
    metric, _, threshold = name.partition("@")
    return metric, float(threshold) if threshold else None


@dataclass(frozen=True)
class OwnMetric:
    """A metric that is none of ours.

    Attributes:
        function: (gold [N, L], predicted [N, L]) -> score.
        higher_is_better: its direction.
        thresholded: whether it takes decisions; else probabilities.
    """

    function: Score
    higher_is_better: bool = True
    thresholded: bool = True

    def gain(self, gold: NDArray[Any], predicted: NDArray[Any]) -> float:
        """The score, turned so that more is better.

        Args:
            gold: [N, L].
            predicted: [N, L].

        Returns:
            The score or its opposite.
        """
        return evaluate(self.function, gold, predicted) * (1 if self.higher_is_better else -1)


def validation_scores(
    gold: NDArray[Any], logits: NDArray[Any], metric: str = "f1_macro", own: OwnMetric | None = None
) -> dict[str, float]:
    """What a trial says of itself on validation: one metric at the tuned threshold and at the nine fixed ones.

    Args:
        gold: whether the example bears the label, [N, L].
        logits: raw outputs, not probabilities, [N, L].
        metric: a name of `scores.SCORES`; with `@0.35` behind it, that threshold is scored too; or one of
            `ranking.RANKED`, which need no threshold: macro-F1 is then told at the thresholds.
        own: the metric's code, if it is none of ours.

    Returns:
        `<metric>` at the tuned threshold, `<metric>@0.1` to `<metric>@0.9` (and the one asked for), `threshold` (the
        tuned one) and `loss` (binary cross-entropy); all nan if an output is not finite.
    """
    finite = outputs_are_finite(logits)
    bare, asked = split_metric(metric)
    ranked = RANKED.get(bare) if own is None else None if own.thresholded else own.function
    if ranked is not None:
        value = evaluate(ranked, gold, sigmoid(logits)) if finite else float("nan")
        return {metric: value, **validation_scores(gold, logits)}
    function = SCORES[bare] if own is None else own.function
    tried = bare if own is None else own.gain
    tuned, best = tune_threshold(gold, sigmoid(logits), tried) if finite else (float("nan"), float("nan"))
    if own is not None and not own.higher_is_better:
        best = -best
    suffixes: dict[str, Threshold] = {f"@{threshold}": threshold for threshold in FIXED_THRESHOLDS}
    if asked is not None:
        suffixes["@" + metric.partition("@")[2]] = asked
    at_fixed = multilabel_scores(gold, logits, suffixes, {bare: function})
    return {bare: best, **at_fixed, "threshold": tuned, "loss": log_loss(gold, logits)}
