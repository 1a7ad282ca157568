"""Scores of tasks with one label an example, against scikit-learn 1.9 and SciPy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.metrics as reference
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax

from bakeoff.metrics.scores import SCORES
from bakeoff.metrics.single import accuracy, choose, confusion, cross_entropy, f1, mcc, softmax

CASES = 300


def case(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:  # type: ignore[type-arg]
    """Gold and decisions as numbers and as one true entry a row; some labels are rare, absent, or all there is."""
    generator = np.random.default_rng(number)
    labels, rows = int(generator.integers(2, 6)), int(generator.integers(1, 40))
    shares = generator.dirichlet(np.full(labels, generator.choice([0.05, 1.0])))
    gold, decided = generator.choice(labels, rows, p=shares), generator.choice(labels, rows, p=shares)
    eye = np.eye(labels, dtype=bool)
    return gold, decided, eye[gold], eye[decided], labels


@pytest.mark.parametrize("number", range(CASES))
def test_scores_are_those_of_scikit_learn(number: int) -> None:
    gold, decided, true, predicted, labels = case(number)
    numbers = list(range(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of labels that are absent; here they are meant to be
        expected = {
            accuracy: reference.accuracy_score(gold, decided),
            mcc: reference.matthews_corrcoef(gold, decided),
            f1: reference.f1_score(gold == labels - 1, decided == labels - 1, zero_division=0),
            SCORES["f1_macro"]: reference.f1_score(gold, decided, labels=numbers, average="macro", zero_division=0),
            SCORES["f1_weighted"]: reference.f1_score(gold, decided, labels=numbers, average="weighted", zero_division=0),
        }
        assert np.array_equal(confusion(true, predicted), reference.confusion_matrix(gold, decided, labels=numbers))
    for function, value in expected.items():
        assert function(true, predicted) == pytest.approx(value, abs=1e-12)


def test_probabilities_and_loss() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 4)) * 300
    gold = np.eye(4, dtype=bool)[np.arange(50) % 4]
    assert softmax(logits) == pytest.approx(scipy_softmax(logits, axis=1), abs=1e-12)
    assert cross_entropy(gold, logits) == pytest.approx(-log_softmax(logits, axis=1)[gold].mean(), rel=1e-12)
    assert np.isnan(cross_entropy(gold, np.full((50, 4), np.inf)))


def test_decisions() -> None:
    assert choose(np.array([[1.0, 1.0, 0.0], [0.0, -1.0, 2.0]])).tolist() == [[True, False, False], [False, False, True]]
    assert choose(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="nan"):
        choose(np.array([[np.nan, 1.0]]))


def test_nothing_to_score() -> None:
    nothing = np.zeros((0, 2), dtype=bool)
    assert accuracy(nothing, nothing) == f1(nothing, nothing) == mcc(nothing, nothing) == 0.0
