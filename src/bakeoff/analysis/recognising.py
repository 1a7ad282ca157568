"""Recognise trials that failed in silence: they completed, but their outputs are worth nothing, or not what they seem."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.answering import no_answer_worth
from bakeoff.analysis.recipe_model import Flag
from bakeoff.analysis.scoring import PER_LABEL, TUNED, Fit, Yardstick
from bakeoff.analysis.trial_model import Finding, SplitScores, TrialAnalysis
from bakeoff.metrics.counts import evaluate
from bakeoff.metrics.multilabel import COLLAPSED_SPREAD
from bakeoff.metrics.recognition import (
    LOW_AT_HALF,
    LUCK,
    MUCH_HIGHER,
    NEARLY_CONSTANT,
    OFF_SHIFT,
    best_constant,
    best_label,
    logit_shift,
)
from bakeoff.records.results import Outputs

HALF = "0.5"
F1 = "f1_macro"


def no_skill_scores(measure: Yardstick, golds: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """What the best constant answer scores: the level at or below which a model has learned nothing.

    The answer is chosen on validation, as a model's thresholds are: the labels that every example is given, or, for a
    metric of probabilities, each label's share of positives. Of questions it is that none has an answer.

    Args:
        measure: the task's yardstick.
        golds: gold by split, [N, L] each, -1 where nobody decided, `validation` among them.

    Returns:
        The score in the task's metric by split.
    """
    validation = golds["validation"]
    if not len(validation):
        return dict.fromkeys(golds, math.nan)
    if measure.answers:
        function = measure.metrics[measure.metric]
        return {split: float(function(gold, no_answer_worth(gold))) for split, gold in golds.items()}
    if measure.metric in measure.ranked:
        known = np.maximum((validation >= 0).sum(axis=0), 1)
        function, answer = measure.ranked[measure.metric], (validation > 0).sum(axis=0) / known
    else:
        function = measure.metrics[measure.metric]
        find = best_label if measure.exclusive else best_constant
        answer = find(validation, function, measure.higher_is_better)
    return {split: evaluate(function, gold, np.broadcast_to(answer, gold.shape)) for split, gold in golds.items()}


def recognise(measure: Yardstick, outputs: Outputs, scores: SplitScores, fitted: Fit, no_skill: float) -> list[Finding]:
    """What a trial's outputs on one split are, if they are not what they should be.

    Args:
        measure: the task's yardstick.
        outputs: the trial's outputs.
        scores: its scores there.
        fitted: what was fitted on its validation outputs.
        no_skill: what the best constant answer scores there.

    Returns:
        Findings; none for a trial that is as it should be.
    """
    if not scores.finite or any(np.isnan(threshold).any() for threshold in fitted.rules.values()):
        return [_not_finite(scores, outputs)]
    score = scores.scores[measure.rule][measure.metric]
    better = score - no_skill if measure.higher_is_better else no_skill - score
    constant = "that no question has an answer" if measure.answers else "the same labels for every example"
    evidence = f"{measure.metric} {score:.4f}; the best constant answer, {constant}, has {no_skill:.4f}"
    # a model whose logits are far too low has a tiny spread too, but still orders the examples: it is not collapsed
    if (scores.spread < COLLAPSED_SPREAD and better <= LUCK) or (scores.spread < NEARLY_CONSTANT and better <= 0):
        by = f"by more than {scores.spread:.2g}" if scores.spread else "at all"
        what = "the probability that there is none" if measure.answers else "no label's probability"
        widest = f"{what} {'does not vary' if measure.answers else 'varies'} {by} over {scores.examples:,} examples"
        return [
            Finding(
                kind="collapsed", text="outputs are the same for every example (collapsed)", evidence=f"{widest}; {evidence}"
            )
        ]
    if better <= 0:
        return [Finding(kind="no-skill", text="at or below a constant answer: no skill", evidence=evidence)]
    return _low_at_half(outputs, scores)


def _not_finite(scores: SplitScores, outputs: Outputs) -> Finding:
    told = f"{scores.not_finite:,} of {outputs.outputs.size:,} outputs are nan or infinite"
    if scores.finite:
        told = "outputs on validation, on which thresholds are tuned, are nan or infinite"
    return Finding(kind="not-finite", text="outputs are not finite, so there is no score", evidence=told)


def _low_at_half(outputs: Outputs, scores: SplitScores) -> list[Finding]:
    """Near nothing at 0.5, though much better at tuned thresholds: either probabilities are off, or never high."""
    if F1 not in scores.scores.get(HALF, {}) or scores.calibration is None:
        return []
    half = scores.scores[HALF][F1]
    rule = max((TUNED, PER_LABEL), key=lambda rule: scores.scores[rule][F1])
    tuned = scores.scores[rule][F1]
    if half >= LOW_AT_HALF or tuned < half + MUCH_HIGHER:
        return []
    words = "the tuned threshold" if rule == TUNED else "thresholds a label"
    said, true = scores.calibration.mean_probability, scores.calibration.prevalence
    shift = logit_shift(outputs.judged, outputs.outputs)
    evidence = (
        f"macro-F1 {half:.4f} at threshold 0.5, {tuned:.4f} at {words}; mean probability {said:.2g} where a share of "
        f"{true:.2g} is true"
    )
    if abs(shift) >= OFF_SHIFT:
        side = "low" if shift > 0 else "high"
        text = "probabilities are off: decisions at 0.5 are worthless, at tuned thresholds they are not"
        return [
            Finding(
                kind="probabilities-off", text=text, evidence=f"{evidence}; logits are too {side} by about {abs(shift):.1f}"
            )
        ]
    text = "never sure: probabilities are about right on average but hardly reach 0.5, so that 0.5 is no threshold for it"
    return [Finding(kind="unsure", text=text, evidence=evidence)]


def flag_findings(trials: list[TrialAnalysis]) -> list[Flag]:
    """The findings of a recipe's trials as flags, a flag a kind.

    Args:
        trials: trials of one recipe.

    Returns:
        Flags that name the seeds, with the evidence of the first.
    """
    flags: dict[str, tuple[Finding, list[int]]] = {}
    for trial in trials:
        for finding in trial.findings:
            flags.setdefault(finding.kind, (finding, []))[1].append(trial.seed)
    texts: list[Flag] = []
    for finding, seeds in flags.values():
        first = f"seed {seeds[0]}: " if len(seeds) > 1 else ""
        named = f"seed {', '.join(str(seed) for seed in seeds)}"
        flag = Flag(kind=finding.kind, text=f"{finding.text}: {named}", evidence=f"{first}{finding.evidence}")
        texts.append(flag)
    return texts
