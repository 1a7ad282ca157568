"""Tuned thresholds against trying every candidate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.metrics.scores import LOWER_IS_BETTER, SCORES, f1_macro, label_f1
from bakeoff.metrics.thresholds import FIXED_THRESHOLDS, decide, tune_label_thresholds, tune_threshold


def made(seed: int, examples: int = 40, labels: int = 5, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Gold with an empty, a full and a rare label, and rounded probabilities, so that many tie."""
    random = np.random.default_rng(seed)
    gold = random.random((examples, labels)) < np.array([0.0, 1.0, 0.03, 0.3, 0.5])[:labels]
    signal = random.random((examples, labels)) * 0.7 + 0.3 * gold
    return gold, np.round(signal, digits)


def best_by_trying(gold: np.ndarray, probabilities: np.ndarray, metric: str) -> float:
    candidates = [*np.unique(probabilities), 2.0]
    best = min if metric in LOWER_IS_BETTER else max
    return best(SCORES[metric](gold, probabilities >= candidate) for candidate in candidates)


@pytest.mark.parametrize("metric", sorted(SCORES))
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), labels=st.integers(1, 5), digits=st.sampled_from([1, 2, 12]))
def test_tuned_threshold_is_the_best_of_all(metric: str, seed: int, labels: int, digits: int) -> None:
    gold, probabilities = made(seed, labels=labels, digits=digits)
    threshold, score = tune_threshold(gold, probabilities, metric)
    assert score == pytest.approx(best_by_trying(gold, probabilities, metric), abs=2e-9)
    assert score == SCORES[metric](gold, decide(probabilities, threshold))


def test_order_of_examples_does_not_matter() -> None:
    gold, probabilities = made(3, examples=200)
    shuffled = np.random.default_rng(0).permutation(200)
    assert tune_threshold(gold, probabilities) == tune_threshold(gold[shuffled], probabilities[shuffled])


def test_ties_go_to_the_threshold_nearest_one_half() -> None:
    gold = np.array([[True], [False], [False]])
    # 0.9 separates; a negative at 0.2 leaves nothing between, so every other candidate is worse
    assert tune_threshold(gold, np.array([[0.9], [0.2], [0.1]])) == (0.9, 1.0)
    # without positives every candidate scores 0: of 0.4 and 0.6 (equally near) the higher
    assert tune_threshold(np.zeros((2, 1), bool), np.array([[0.25], [0.75]])) == (0.75, 0.0)


def test_label_thresholds_maximise_the_f1_of_each_label() -> None:
    gold, probabilities = made(11, examples=120)
    thresholds = tune_label_thresholds(gold, probabilities, fallback=0.42)
    assert thresholds[0] == 0.42  # no positives: nothing to learn from
    reached = label_f1(gold, decide(probabilities, thresholds))
    for label in range(1, gold.shape[1]):
        best = best_by_trying(gold[:, [label]], probabilities[:, [label]], "f1_macro")
        assert reached[label] == pytest.approx(best, abs=1e-9)
    assert f1_macro(gold, decide(probabilities, thresholds)) >= tune_threshold(gold, probabilities)[1]


def test_a_function_can_be_tuned_too() -> None:
    gold, probabilities = made(5)
    exact = tune_threshold(gold, probabilities, "f1_macro")
    assert tune_threshold(gold, probabilities, f1_macro) == exact


def test_what_is_not_finite_has_no_threshold() -> None:
    gold, probabilities = made(2)
    probabilities[0, 0] = np.nan
    assert np.isnan(tune_threshold(gold, probabilities)).all()
    assert np.isnan(tune_label_thresholds(gold, probabilities)).all()
    with pytest.raises(ValueError, match="nan"):
        decide(probabilities, 0.5)
    with pytest.raises(ValueError, match="nan"):
        decide(np.full((1, 1), 0.5), float("nan"))


def test_no_examples_tune_nothing() -> None:
    assert tune_threshold(np.zeros((0, 3), bool), np.zeros((0, 3))) == (0.5, 0.0)
    assert tune_label_thresholds(np.zeros((0, 3), bool), np.zeros((0, 3)), 0.3).tolist() == [0.3, 0.3, 0.3]


def test_faults_are_named() -> None:
    gold, probabilities = made(1)
    with pytest.raises(ValueError, match="f2_macro"):
        tune_threshold(gold, probabilities, "f2_macro")
    with pytest.raises(ValueError, match="one shape"):
        tune_threshold(gold[:3], probabilities)


def test_fixed_thresholds_are_the_nine() -> None:
    assert FIXED_THRESHOLDS == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert decide(np.array([[0.3, 0.29]]), 0.3).tolist() == [[True, False]]  # reaching it is enough
