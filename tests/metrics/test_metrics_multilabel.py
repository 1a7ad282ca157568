"""From outputs to scores: the stable sigmoid, loss, and what is not finite."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss as reference_loss

from bakeoff.metrics.multilabel import (
    log_loss,
    multilabel_scores,
    outputs_are_constant,
    outputs_are_finite,
    sigmoid,
    split_metric,
    validation_scores,
)
from bakeoff.metrics.scores import f1_macro
from bakeoff.metrics.thresholds import tune_threshold


def made() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    gold = (random.random((300, 6)) < 0.2).astype(np.uint8)
    return gold, (random.normal(size=(300, 6)) + 2.0 * gold - 1).astype(np.float32)


def test_sigmoid_is_scipys_and_does_not_overflow() -> None:
    logits = np.array([-1e4, -800.0, -30.0, -1e-9, 0.0, 1e-9, 30.0, 800.0, 1e4])
    np.testing.assert_allclose(sigmoid(logits), expit(logits), rtol=1e-14, atol=0)
    assert np.isnan(sigmoid(np.array([np.nan]))).all()
    assert sigmoid(np.zeros(1, np.float32)).dtype == np.float64


def test_log_loss_is_scikit_learns() -> None:
    gold, logits = made()
    assert log_loss(gold, logits) == pytest.approx(reference_loss(gold.ravel(), expit(logits.ravel().astype(float))), abs=1e-12)
    assert log_loss(np.array([[1, 0]]), np.array([[-1e4, 1e4]])) == 1e4
    assert np.isnan(log_loss(gold[:0], logits[:0]))


def test_suffixes_name_the_thresholds() -> None:
    gold, logits = made()
    scores = multilabel_scores(gold, logits, {"": 0.4, "@0.5": 0.5, "@label": np.full(6, 0.5)}, ["f1_macro", "recall_micro"])
    assert list(scores) == [
        "f1_macro",
        "recall_micro",
        "f1_macro@0.5",
        "recall_micro@0.5",
        "f1_macro@label",
        "recall_micro@label",
    ]
    assert scores["f1_macro@0.5"] == scores["f1_macro@label"] == f1_macro(gold, expit(logits) >= 0.5)
    assert scores["f1_macro"] != scores["f1_macro@0.5"]


def test_validation_scores_hold_the_tuned_and_the_nine_fixed() -> None:
    gold, logits = made()
    scores = validation_scores(gold, logits)
    assert (scores["threshold"], scores["f1_macro"]) == tune_threshold(gold, sigmoid(logits))
    assert scores["f1_macro"] >= max(scores[f"f1_macro@0.{digit}"] for digit in range(1, 10))
    assert scores["loss"] == log_loss(gold, logits)


def test_a_metric_at_a_fixed_threshold_is_scored_there_too() -> None:
    gold, logits = made()
    assert split_metric("f1_macro") == ("f1_macro", None)
    assert split_metric("f1_macro@0.35") == ("f1_macro", 0.35)
    scores = validation_scores(gold, logits, "f1_macro@0.35")
    assert scores["f1_macro@0.35"] == f1_macro(gold, expit(logits) >= 0.35)
    assert scores["f1_macro"] >= scores["f1_macro@0.35"]


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_score_nan_by_name(poison: float) -> None:
    gold, logits = made()
    logits[3, 2] = poison
    assert not outputs_are_finite(logits)
    assert not outputs_are_constant(logits)
    for scores in (multilabel_scores(gold, logits, {"": 0.5}), validation_scores(gold, logits)):
        assert len(scores) >= 8
        assert all(np.isnan(value) for value in scores.values())


def test_a_collapsed_model_says_the_same_of_every_example() -> None:
    _, logits = made()
    constant = np.tile(np.array([[-3.0, 0.5]]), (50, 1))
    assert outputs_are_constant(constant)
    assert outputs_are_constant(constant + 1e-4 * np.random.default_rng(1).random((50, 2)))
    assert not outputs_are_constant(logits)
    assert not outputs_are_constant(constant[:1])  # one example cannot tell
    half = constant.copy()
    half[0, 1] = 2.0
    assert not outputs_are_constant(half)
