"""Scores against scikit-learn, over random decisions with rare, empty and full labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from bakeoff.catalog.metrics import METRICS
from bakeoff.metrics.scores import SCORES, count, label_f1

REFERENCE = {
    "f1_macro": lambda g, p: f1_score(g, p, average="macro", zero_division=0),
    "f1_micro": lambda g, p: f1_score(g, p, average="micro", zero_division=0),
    "f1_weighted": lambda g, p: f1_score(g, p, average="weighted", zero_division=0),
    "precision_macro": lambda g, p: precision_score(g, p, average="macro", zero_division=0),
    "recall_macro": lambda g, p: recall_score(g, p, average="macro", zero_division=0),
    "precision_micro": lambda g, p: precision_score(g, p, average="micro", zero_division=0),
    "recall_micro": lambda g, p: recall_score(g, p, average="micro", zero_division=0),
    "subset_accuracy": accuracy_score,
}


@pytest.mark.parametrize("card", METRICS, ids=lambda card: card.name)
def test_every_card_loads_its_function_and_has_a_reference(card) -> None:
    assert card.load() is SCORES[card.name]
    assert card.name in REFERENCE


@pytest.mark.parametrize("name", sorted(SCORES))
@pytest.mark.parametrize("labels", [2, 5, 28])
def test_equal_to_scikit_learn_with_rare_empty_and_full_labels(name: str, labels: int) -> None:
    random = np.random.default_rng(labels)
    for _ in range(25):
        shares = random.choice([0.0, 0.01, 0.2, 0.7, 1.0], size=labels)
        gold = random.random((60, labels)) < shares
        predicted = random.random((60, labels)) < random.permutation(shares)
        assert SCORES[name](gold, predicted) == pytest.approx(REFERENCE[name](gold, predicted), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_equal_to_scikit_learn_on_small_matrices(data) -> None:
    shape = (data.draw(st.integers(1, 7)), data.draw(st.integers(2, 4)))
    gold, predicted = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
    for name, reference in REFERENCE.items():
        assert SCORES[name](gold, predicted) == pytest.approx(reference(gold, predicted), abs=1e-12)


def test_targets_may_be_integers() -> None:
    gold = np.array([[1, 0], [1, 1]], dtype=np.uint8)
    assert label_f1(gold, gold == 1).tolist() == [1.0, 1.0]
    assert count(gold, gold).positives.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("name", sorted(SCORES))
def test_no_examples_score_zero(name: str) -> None:
    assert SCORES[name](np.zeros((0, 3), bool), np.zeros((0, 3), bool)) == 0.0


@pytest.mark.parametrize("name", sorted(SCORES))
def test_shapes_must_agree(name: str) -> None:
    with pytest.raises(ValueError, match="one shape"):
        SCORES[name](np.zeros((2, 3), bool), np.zeros((3, 3), bool))
