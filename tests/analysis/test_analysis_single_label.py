"""Tasks whose labels exclude one another: the highest output decides, nothing is tuned, and constants are recognised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bakeoff.analysis.recognising import no_skill_scores, recognise
from bakeoff.analysis.scoring import HIGHEST, describe_fit, fit, score_split, yardstick
from bakeoff.metrics.recognition import best_label
from bakeoff.metrics.single import accuracy, f1
from bakeoff.records.results import Outputs

ROWS = 200


def outputs(logits: np.ndarray, gold: np.ndarray) -> Outputs:  # type: ignore[type-arg]
    return Outputs([str(row) for row in range(len(gold))], logits.astype(np.float32), np.eye(2, dtype=np.uint8)[gold])


@pytest.fixture
def gold() -> np.ndarray:  # type: ignore[type-arg]
    return (np.random.default_rng(0).random(ROWS) < 0.68).astype(int)


def test_the_highest_output_decides(gold: np.ndarray) -> None:  # type: ignore[type-arg]
    measure = yardstick("single-label", "f1")
    noise = np.random.default_rng(1).normal(size=(ROWS, 2))
    given = outputs(np.eye(2)[gold] + noise, gold)
    scores = score_split(measure, given, fit(measure, given))
    decided = np.eye(2, dtype=bool)[given.outputs.argmax(axis=1)]
    assert list(scores.scores) == [HIGHEST, "none"]
    assert scores.scores[HIGHEST]["f1"] == f1(given.gold, decided)
    assert scores.scores[HIGHEST]["accuracy"] == accuracy(given.gold, decided)
    assert scores.calibration is not None
    assert scores.calibration.mean_probability == pytest.approx(0.5)  # they add up to 1 over two labels
    assert describe_fit(measure, fit(measure, given), scores, None) is None


def test_a_constant_answer_has_no_skill(gold: np.ndarray) -> None:  # type: ignore[type-arg]
    measure = yardstick("single-label", "accuracy")
    given = outputs(np.tile([0.0, 1.0], (ROWS, 1)), gold)
    level = no_skill_scores(measure, {"validation": given.gold})["validation"]
    assert level == pytest.approx(gold.mean())
    fitted = fit(measure, given)
    findings = recognise(measure, given, score_split(measure, given, fitted), fitted, level)
    assert [finding.kind for finding in findings] == ["collapsed"]


def test_outputs_that_are_not_finite(gold: np.ndarray) -> None:  # type: ignore[type-arg]
    measure = yardstick("single-label", "mcc")
    given = outputs(np.full((ROWS, 2), np.nan), gold)
    fitted = fit(measure, given)
    scores = score_split(measure, given, fitted)
    assert math.isnan(scores.scores[HIGHEST]["mcc"])
    assert [finding.kind for finding in recognise(measure, given, scores, fitted, 0.0)] == ["not-finite"]


def test_the_best_constant_label_may_be_the_rarer_one() -> None:
    gold = np.eye(2, dtype=bool)[np.array([0, 0, 1])]
    assert best_label(gold, accuracy, higher=True).tolist() == [True, False]
    assert best_label(gold, f1, higher=True).tolist() == [False, True]
