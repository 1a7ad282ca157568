"""Whether an export says what the model said that it was made of: outputs, answers, and the task's metric, on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.scoring import NO_THRESHOLD, Yardstick, yardstick
from bakeoff.errors import RunError
from bakeoff.metrics.answer_scores import MARGIN
from bakeoff.metrics.counts import evaluate
from bakeoff.records.results import Outputs
from bakeoff.records.serving import Decision, Verification
from bakeoff.records.specs import TaskSpec
from bakeoff.stats.estimates import contrast
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import Replicates, replicates

LEVEL = 0.95
ONE = (0,)
"""Both sides are one trained model: no seeds."""


@dataclass(frozen=True)
class Allowed:
    """What an export may be off by.

    Attributes:
        difference: of an output, over the largest output; None means that only the metric counts.
        loss: by how much the task's metric may be worse.
    """

    difference: float | None
    loss: float


def verify_export(task: TaskSpec, decision: Decision, sides: tuple[Outputs, Outputs], allowed: Allowed) -> Verification:
    """Compare an export with the model that it was made of.

    Args:
        task: what they solve.
        decision: how their outputs become answers.
        sides: outputs of the original and of the export on the same validation examples.
        allowed: what the export may be off by.

    Returns:
        The comparison; whether it holds, `check_export` says.

    Raises:
        RunError: if they were not asked the same examples.
    """
    original, exported = sides
    if original.ids != exported.ids or not len(original.ids):
        raise RunError("the export was not asked the examples that the original was", task.name, "export again")
    measure = yardstick(task.kind, task.metric)
    found = [_replicates(measure, decision, outputs) for outputs in (exported, original)]
    difference = contrast(found[0], found[1]).given_models(LEVEL)
    return Verification(
        examples=len(original.ids),
        metric=task.metric,
        largest_difference=_largest(exported.outputs.astype(np.float64) - original.outputs),
        largest_output=_largest(original.outputs),
        tolerance=allowed.difference,
        changed=_changed(measure, decision, original, exported),
        score=float(found[0].whole[0]),
        original=float(found[1].whole[0]),
        low=difference.low,
        high=difference.high,
        allowed_loss=allowed.loss,
    )


def check_export(form: str, found: Verification, higher_is_better: bool) -> None:
    """Refuse an export that is off by more than is allowed.

    Args:
        form: what it is called.
        found: the comparison.
        higher_is_better: direction of the metric.

    Raises:
        RunError: if an output or the metric differs by more.
    """
    if found.tolerance is not None and not found.largest_difference <= found.tolerance * max(found.largest_output, 1e-6):
        relative = found.largest_difference / max(found.largest_output, 1e-6)
        problem = f"an output of the {form} export is off by {relative:.1e} of the largest, and {found.tolerance:g} is allowed"
        raise RunError(problem, form, "--tolerance allows more; another form may be exact")
    loss = found.original - found.score if higher_is_better else found.score - found.original
    if not loss <= found.allowed_loss:
        problem = (
            f"the {form} export has {found.metric} {found.score:.4f} on validation, the original {found.original:.4f}: "
            f"{found.changed:,} of {found.examples:,} answers changed, and a loss of {found.allowed_loss:g} is allowed"
        )
        raise RunError(problem, form, "--allowed-loss allows more; another form may be exact")


def _largest(values: NDArray[Any]) -> float:
    return float(np.abs(values).max(initial=0.0))


def _table(measure: Yardstick, decision: Decision, outputs: Outputs) -> NDArray[Any]:
    """What the metric is computed of: decisions, worth of answers, or probabilities."""
    read = measure.read(outputs)
    if measure.rule == NO_THRESHOLD:
        return read
    return measure.decide(read, _threshold(measure, decision))


def _threshold(measure: Yardstick, decision: Decision) -> Any:
    if measure.exclusive:
        return 0.0
    return decision.thresholds[0] if measure.answers else np.asarray(decision.thresholds, dtype=np.float64)


def _replicates(measure: Yardstick, decision: Decision, outputs: Outputs) -> Replicates:
    functions = measure.ranked if measure.rule == NO_THRESHOLD else measure.metrics
    clusters = outputs.clusters if outputs.answers is None else outputs.answers.contexts
    table = _table(measure, decision, outputs)
    if len(outputs.ids) < 2:
        value = evaluate(functions[measure.metric], outputs.judged, table)
        return Replicates(ONE, np.array([value]), np.zeros((1, 0)), np.zeros(0, dtype=np.int64))
    distinct = clusters is not None and len(np.unique(clusters)) > 1
    groups = draw_groups(len(outputs.ids), clusters if distinct else None)
    return replicates(ONE, functions[measure.metric], outputs.judged, [table], groups)


def _changed(measure: Yardstick, decision: Decision, original: Outputs, exported: Outputs) -> int:
    """Examples whose answer is another one."""
    if measure.answers:
        given = [_answers(measure, decision, outputs) for outputs in (original, exported)]
        return sum(one != other for one, other in zip(*given, strict=True))
    threshold = _threshold(measure, decision)
    decided = [measure.decide(measure.read(outputs), threshold) for outputs in (original, exported)]
    return int((decided[0] != decided[1]).any(axis=1).sum())


def _answers(measure: Yardstick, decision: Decision, outputs: Outputs) -> list[str]:
    assert outputs.answers is not None
    margins = measure.read(outputs)[:, MARGIN]
    best = outputs.answers.best
    return ["" if margin > decision.thresholds[0] else text for margin, text in zip(margins.tolist(), best, strict=True)]
