"""What of an analysis goes into use: thresholds and temperature of one trial, fitted on its validation outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bakeoff.analysis.scoring import NO_THRESHOLD, PER_LABEL, TUNED, fit, yardstick
from bakeoff.errors import RunError
from bakeoff.metrics.multilabel import outputs_are_finite
from bakeoff.records.results import Outputs
from bakeoff.records.serving import Decision
from bakeoff.records.specs import TaskSpec


def fitted_decision(task: TaskSpec, labels: Sequence[str], validation: Outputs, rule: str = "") -> Decision:
    """How a trial's outputs become answers.

    Args:
        task: what it solves.
        labels: label names, L of them.
        validation: the trial's outputs on validation.
        rule: for tasks with any number of labels: `tuned`, `per-label`, or a threshold such as `0.3`; empty takes the rule of
            the task's metric, by which the recipes were compared.

    Returns:
        The decision.

    Raises:
        RunError: if outputs are not finite, or there is no such rule.
    """
    if not outputs_are_finite(validation.outputs):
        raise RunError("the trial's outputs on validation are not finite", task.name, "use another trial")
    measure = yardstick(task.kind, task.metric)
    fitted = fit(measure, validation)
    if measure.exclusive or measure.answers:
        if rule:
            raise RunError(f"tasks of the kind {task.kind} have no rule to choose", f"--rule {rule}", "leave it out")
        thresholds = [float(fitted.rules[measure.rule])] if measure.answers else []
        return Decision(labels=list(labels), rule=measure.rule, thresholds=thresholds)
    chosen = rule or (TUNED if measure.rule == NO_THRESHOLD else measure.rule)
    threshold = fitted.rules.get(chosen)
    if threshold is None:
        threshold = _as_number(chosen)
    temperature = fitted.temperature if math.isfinite(fitted.temperature) else 1.0
    spread = np.broadcast_to(threshold, len(labels)).tolist()
    return Decision(labels=list(labels), rule=chosen, thresholds=spread, temperature=temperature)


def with_rule(decision: Decision, task: TaskSpec, rule: str) -> Decision:
    """The decision of an export at another threshold.

    Args:
        decision: as exported.
        task: what it solves.
        rule: a threshold as text; empty, or the rule that it has, leaves it as it is.

    Returns:
        The decision.

    Raises:
        RunError: if the rule is none that an export can change to: what was fitted on validation is fixed in it.
    """
    if rule in ("", decision.rule):
        return decision
    if task.kind != "multilabel":
        raise RunError(f"tasks of the kind {task.kind} have no rule to choose", f"--rule {rule}", "leave it out")
    threshold = _as_number(rule, exported=True)
    return decision.model_copy(update={"rule": rule, "thresholds": [threshold] * len(decision.labels)})


def _as_number(rule: str, exported: bool = False) -> float:
    try:
        value = float(rule)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        fitted = "" if exported else f"{TUNED}, {PER_LABEL}, or "
        raise RunError(f"there is no rule {rule!r}", "--rule", f"{fitted}a threshold between 0 and 1")
    return value
