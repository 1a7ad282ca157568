"""An export is compared with its original: outputs, answers, metric; and refused where it is off by more than is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.analysis.deciding import with_rule
from bakeoff.analysis.verifying import Allowed, check_export, verify_export
from bakeoff.errors import RunError
from bakeoff.metrics.multilabel import sigmoid
from bakeoff.metrics.scores import SCORES
from bakeoff.records.answers import Answers
from bakeoff.records.results import Outputs
from bakeoff.records.serving import Decision, Verification
from bakeoff.records.specs import TaskSpec

LABELS = ["a", "b", "c"]


def task(kind: str = "multilabel", metric: str = "f1_macro") -> TaskSpec:
    body = {"name": "t", "dataset": "d", "fingerprint": "0" * 64, "kind": kind, "metric": metric, "max_length": 16}
    return TaskSpec.model_validate(body)


def outputs(shift: float = 0.0, kind: str = "multilabel", rows: int = 60) -> Outputs:
    chance = np.random.default_rng(3)
    logits = chance.normal(size=(rows, 3)).astype(np.float32)
    gold = (logits + chance.normal(size=logits.shape) > 0.2).astype(np.uint8)
    if kind == "single-label":
        gold = np.eye(3, dtype=np.uint8)[gold.argmax(axis=1)]
    return Outputs(
        [f"id{n}" for n in range(rows)], logits + np.float32(shift) * chance.normal(size=logits.shape).astype(np.float32), gold
    )


def decision(rule: str = "tuned") -> Decision:
    return Decision(labels=LABELS, rule=rule, thresholds=[0.5, 0.4, 0.6] if rule != "highest" else [])


def test_the_same_outputs_differ_in_nothing() -> None:
    found = verify_export(task(), decision(), (outputs(), outputs()), Allowed(1e-4, 0.0))
    assert (found.largest_difference, found.changed, found.low, found.high) == (0.0, 0, 0.0, 0.0)
    expected = SCORES["f1_macro"](outputs().gold.astype(bool), sigmoid(outputs().outputs) >= np.array([0.5, 0.4, 0.6]))
    assert found.score == found.original == pytest.approx(expected, abs=1e-12)
    check_export("merged", found, True)


@pytest.mark.parametrize(
    ("kind", "metric", "rule"), [("multilabel", "f1_macro", "tuned"), ("single-label", "accuracy", "highest")]
)
def test_what_changed_is_counted(kind: str, metric: str, rule: str) -> None:
    original, other = outputs(kind=kind), outputs(0.5, kind)
    found = verify_export(task(kind, metric), decision(rule), (original, other), Allowed(None, 0.5))
    assert found.largest_difference == pytest.approx(np.abs(original.outputs - other.outputs).max())
    if rule == "highest":
        expected = int((original.outputs.argmax(axis=1) != other.outputs.argmax(axis=1)).sum())
    else:
        by = [sigmoid(one.outputs) >= np.array([0.5, 0.4, 0.6]) for one in (original, other)]
        expected = int((by[0] != by[1]).any(axis=1).sum())
    assert found.changed == expected > 0
    assert found.low < found.score - found.original < found.high


def test_a_ranking_metric_needs_no_threshold() -> None:
    found = verify_export(task(metric="average_precision_macro"), decision(), (outputs(), outputs(0.5)), Allowed(None, 1.0))
    assert found.score != found.original
    assert found.changed > 0


def test_answers() -> None:
    texts, scores = [("Ada",), ("a day",), ("x",)], np.array([[0.0, 2.0], [5.0, 1.0], [1.0, 1.5]], dtype=np.float32)
    rates = [(2.0,), (1.0,), (1.5,)]
    accepted: list[tuple[str, ...]] = [("Ada",), (), ("y",)]
    gold = np.array([[0, 1], [1, 0], [0, 1]], dtype=np.uint8)
    contexts = np.arange(3, dtype=np.int32)
    original = Outputs(["0", "1", "2"], scores, gold, Answers(texts, rates, accepted, contexts))
    moved = scores.copy()
    moved[2, 0] = 9.0
    other = Outputs(["0", "1", "2"], moved, gold, Answers(texts, rates, accepted, contexts))
    asked = Decision(labels=["no answer", "answer"], rule="tuned", thresholds=[0.0])
    found = verify_export(task("qa", "exact_match"), asked, (original, other), Allowed(None, 0.1))
    assert (found.changed, found.score, found.original) == (1, pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_other_examples_are_refused() -> None:
    with pytest.raises(RunError, match="not asked the examples"):
        verify_export(task(), decision(), (outputs(), outputs(rows=59)), Allowed(None, 1.0))


def verification(**changes: float | None) -> Verification:
    body = {"examples": 9, "metric": "f1", "largest_difference": 1e-3, "largest_output": 2.0, "tolerance": 1e-3, "changed": 0}
    scores = {"score": 0.5, "original": 0.505, "low": -0.1, "high": 0.1, "allowed_loss": 0.01}
    return Verification.model_validate({**body, **scores, **changes})


def test_what_is_off_by_more_than_is_allowed_is_refused() -> None:
    check_export("onnx", verification(), True)
    with pytest.raises(RunError, match=r"off by 5\.0e-03 of the largest, and 0\.001 is allowed") as caught:
        check_export("onnx", verification(largest_difference=1e-2), True)
    assert "--tolerance" in caught.value.remedy
    check_export("onnx-int8", verification(largest_difference=1e-2, tolerance=None), True)
    with pytest.raises(RunError, match=r"f1 0\.4900 on validation, the original 0\.5050"):
        check_export("onnx", verification(score=0.49), True)
    with pytest.raises(RunError):
        check_export("onnx", verification(score=float("nan")), True)
    with pytest.raises(RunError):
        check_export("onnx", verification(largest_difference=float("nan")), True)
    check_export("onnx", verification(score=0.49), higher_is_better=False)
    with pytest.raises(RunError):
        check_export("onnx", verification(score=0.52), higher_is_better=False)


def test_an_export_can_change_to_a_plain_threshold_alone() -> None:
    assert with_rule(decision(), task(), "").thresholds == [0.5, 0.4, 0.6]
    assert with_rule(decision(), task(), "tuned").thresholds == [0.5, 0.4, 0.6]
    assert with_rule(decision(), task(), "0.25").thresholds == [0.25] * 3
    with pytest.raises(RunError, match="no rule 'per-label'"):
        with_rule(decision(), task(), "per-label")
    with pytest.raises(RunError, match="no rule to choose"):
        with_rule(decision("highest"), task("single-label", "accuracy"), "0.5")
