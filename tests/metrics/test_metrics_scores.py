"""Scores against scikit-learn, over random decisions and probabilities with rare, empty and full labels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    jaccard_score,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
)

from bakeoff.catalog.metrics import METRICS
from bakeoff.metrics.counts import count, tally
from bakeoff.metrics.labels import RARE_POSITIVES, imbalance_ratio, is_rare, score_labels
from bakeoff.metrics.ranking import RANKED, label_average_precision
from bakeoff.metrics.scores import LOWER_IS_BETTER, SCORES, label_f1, labels_per_example, score_tally

REFERENCE = {
    f"{name}_{average}": lambda g, p, function=function, average=average: function(g, p, average=average, zero_division=0)
    for name, function in (
        ("f1", f1_score),
        ("precision", precision_score),
        ("recall", recall_score),
        ("jaccard", jaccard_score),
    )
    for average in ("macro", "micro", "weighted", "samples")
}
REFERENCE |= {"subset_accuracy": accuracy_score, "hamming_loss": hamming_loss}
CASES = 1000


def average_precision(gold, scores, average):
    with warnings.catch_warnings():
        # scikit-learn warns of a label without positives, and counts it as 0
        warnings.filterwarnings("ignore", message="No positive class found")
        return average_precision_score(gold, scores, average=average)


def cases():
    """1,000 random cases: labels absent, rare, frequent and on every example, in gold and predictions alike."""
    random = np.random.default_rng(20)
    for _ in range(CASES):
        labels, examples = int(random.integers(2, 29)), int(random.integers(1, 60))
        shares = random.choice([0.0, 0.02, 0.2, 0.7, 1.0], size=labels)
        gold = random.random((examples, labels)) < shares
        predicted = random.random((examples, labels)) < random.permutation(shares)
        # probabilities with many ties
        probabilities = np.round(random.random((examples, labels)) * 0.7 + 0.3 * gold, int(random.integers(1, 4)))
        yield gold, predicted, probabilities


MULTILABEL = [card for card in METRICS if "multilabel" in card.tasks]


@pytest.mark.parametrize("card", MULTILABEL, ids=lambda card: card.name)
def test_every_card_loads_its_function_and_says_what_it_is(card) -> None:
    assert card.load() is {**SCORES, **RANKED}[card.name]
    assert card.thresholded == (card.name in SCORES)
    assert card.higher_is_better == (card.name not in LOWER_IS_BETTER)


@pytest.mark.parametrize("card", [card for card in METRICS if card not in MULTILABEL], ids=lambda card: card.name)
def test_the_other_kinds_cards_load_functions_of_gold_and_predicted(card) -> None:
    assert callable(card.load())
    assert card.tasks and card.higher_is_better


def test_every_score_has_a_card_and_a_reference() -> None:
    assert {card.name for card in MULTILABEL} == SCORES.keys() | RANKED.keys()
    assert SCORES.keys() <= REFERENCE.keys()


def test_equal_to_scikit_learn_on_a_thousand_cases_with_rare_empty_and_full_labels() -> None:
    for gold, predicted, probabilities in cases():
        found = score_tally(tally(gold, predicted), SCORES)
        for name in SCORES:
            assert found[name] == pytest.approx(REFERENCE[name](gold, predicted), abs=1e-12), name
        for average in ("macro", "micro"):
            expected = average_precision(gold, probabilities, average)
            assert RANKED[f"average_precision_{average}"](gold, probabilities) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_each_function_says_what_the_shared_count_says(name: str) -> None:
    for gold, predicted, _ in list(cases())[:5]:
        assert SCORES[name](gold, predicted) == score_tally(tally(gold, predicted), [name])[name]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_equal_to_scikit_learn_on_small_matrices(data) -> None:
    shape = (data.draw(st.integers(1, 7)), data.draw(st.integers(2, 4)))
    gold, predicted = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
    for name, function in SCORES.items():
        assert function(gold, predicted) == pytest.approx(REFERENCE[name](gold, predicted), abs=1e-12)


def test_each_label_is_scikit_learns() -> None:
    for gold, predicted, probabilities in list(cases())[:100]:
        found = score_labels(gold, predicted)
        precision, recall, f1, support = precision_recall_fscore_support(gold, predicted, zero_division=0)
        np.testing.assert_allclose(found.precision, precision, atol=1e-12)
        np.testing.assert_allclose(found.recall, recall, atol=1e-12)
        np.testing.assert_allclose(found.f1, f1, atol=1e-12)
        assert count(gold, predicted).positives.tolist() == support.tolist()
        expected = average_precision(gold, probabilities, None)
        np.testing.assert_allclose(label_average_precision(gold, probabilities), expected, atol=1e-12)


def test_average_precision_does_not_depend_on_the_order_of_equal_scores() -> None:
    gold = np.array([[True], [False], [False], [True]])
    assert label_average_precision(gold, np.full((4, 1), 0.3)).tolist() == [0.5]
    assert label_average_precision(gold[::-1], np.full((4, 1), 0.3)).tolist() == [0.5]
    with pytest.raises(ValueError, match="nan"):
        label_average_precision(gold, np.full((4, 1), np.nan))
    with pytest.raises(ValueError, match="one shape"):
        label_average_precision(gold, np.zeros((4, 2)))


def test_how_uneven_and_how_rare() -> None:
    assert imbalance_ratio(np.array([300, 0, 3])) == 100.0
    assert np.isnan(imbalance_ratio(np.zeros(3)))
    assert is_rare(np.array([0, RARE_POSITIVES - 1, RARE_POSITIVES])).tolist() == [True, True, False]
    assert labels_per_example(np.array([[True, True], [False, True]])) == 1.5
    assert np.isnan(labels_per_example(np.zeros((0, 2), bool)))


def test_targets_may_be_integers() -> None:
    gold = np.array([[1, 0], [1, 1]], dtype=np.uint8)
    assert label_f1(gold, gold == 1).tolist() == [1.0, 1.0]
    assert count(gold, gold).positives.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("name", sorted(SCORES | RANKED))
def test_no_examples_score_zero(name: str) -> None:
    assert (SCORES | RANKED)[name](np.zeros((0, 3), bool), np.zeros((0, 3), bool)) == 0.0


@pytest.mark.parametrize("name", sorted(SCORES))
def test_shapes_must_agree(name: str) -> None:
    with pytest.raises(ValueError, match="one shape"):
        SCORES[name](np.zeros((2, 3), bool), np.zeros((3, 3), bool))
