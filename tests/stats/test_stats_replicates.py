"""Metrics with each group left out, against scoring what is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.metrics.ranking import average_precision_macro
from bakeoff.metrics.scores import SCORES, f1_macro, label_f1
from bakeoff.stats.counting import weighted_scores
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import (
    Replicates,
    decision_replicates,
    function_replicates,
    label_replicates,
    mean_replicates,
    plain_replicates,
    replicates,
)


def drawn(seed: int, examples: int = 60, labels: int = 5, seeds: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    rates = np.linspace(0.0, 0.6, labels)
    return generator.random((examples, labels)) < rates, generator.random((seeds, examples, labels)) < rates[::-1]


@given(seed=st.integers(0, 1000), examples=st.integers(2, 80), count=st.integers(2, 20))
def test_every_metric_equals_scoring_what_is_left(seed: int, examples: int, count: int) -> None:
    gold, decided = drawn(seed, examples)
    groups = draw_groups(examples, count=count)
    found = decision_replicates([1, 2, 3], gold, decided, groups, list(SCORES))
    for name, metric in SCORES.items():
        for row in range(3):
            assert found[name].whole[row] == pytest.approx(metric(gold, decided[row]), abs=1e-12)
            for group in range(groups.count):
                kept = groups.of_example != group
                assert found[name].without[row, group] == pytest.approx(metric(gold[kept], decided[row][kept]), abs=1e-12)


def test_labels_one_by_one() -> None:
    gold, decided = drawn(3)
    groups = draw_groups(60, count=6)
    found = label_replicates([1, 2, 3], gold, decided, groups)
    kept = groups.of_example != 2
    np.testing.assert_allclose([label.whole[1] for label in found], label_f1(gold, decided[1]))
    np.testing.assert_allclose([label.without[1, 2] for label in found], label_f1(gold[kept], decided[1][kept]))
    assert len(found) == 5


@given(seed=st.integers(0, 1000))
def test_whole_weights_equal_repeated_examples(seed: int) -> None:
    gold, decided = drawn(seed, 30)
    weights = np.random.default_rng(seed).multinomial(30, np.full(30, 1 / 30), size=4)
    for name, metric in SCORES.items():
        expected = [metric(np.repeat(gold, row, axis=0), np.repeat(decided[0], row, axis=0)) for row in weights]
        np.testing.assert_allclose(weighted_scores(name, gold, decided[0], weights), expected, atol=1e-12)


def test_the_fast_way_is_taken_for_our_functions_alone() -> None:
    gold, decided = drawn(4)
    groups = draw_groups(60, count=6)
    calls = []

    def f1_macro_of_mine(true: np.ndarray, given_labels: np.ndarray) -> float:
        calls.append(len(true))
        return f1_macro(true, given_labels)

    fast = replicates([1, 2, 3], f1_macro, gold, decided, groups)
    slow = replicates([1, 2, 3], f1_macro_of_mine, gold, decided, groups)
    np.testing.assert_allclose(fast.without, slow.without, atol=1e-12)
    np.testing.assert_allclose(fast.whole, slow.whole, atol=1e-12)
    assert len(calls) == 3 * 7


def test_ranking_metrics_go_the_general_way() -> None:
    generator = np.random.default_rng(1)
    gold, scores = generator.random((40, 3)) < 0.4, generator.random((2, 40, 3))
    groups = draw_groups(40, count=5)
    found = function_replicates([7, 8], average_precision_macro, gold, scores, groups)
    kept = groups.of_example != 3
    assert found.without[1, 3] == average_precision_macro(gold[kept], scores[1][kept])


def test_a_mean_over_examples() -> None:
    values = np.random.default_rng(2).random((2, 31))
    groups = draw_groups(31, count=4)
    found = mean_replicates([1, 2], values, groups)
    np.testing.assert_allclose(found.whole, values.mean(axis=1))
    np.testing.assert_allclose(found.without[:, 2], values[:, groups.of_example != 2].mean(axis=1))


def test_the_jackknife_of_a_mean_is_its_textbook_variance() -> None:
    # one example a group: the jackknife variance of a mean is s² / n exactly
    values = np.random.default_rng(3).random((1, 90))
    found = mean_replicates([1], values, draw_groups(90, count=90))
    assert np.sum(found.deviations() ** 2) == pytest.approx(np.var(values, ddof=1) / 90, rel=1e-10)


def test_unequal_groups_weigh_by_their_size() -> None:
    # 20,000 means of clustered numbers: the average jackknife variance is the variance of the mean
    generator = np.random.default_rng(4)
    sizes = np.array([2, 4, 6, 8, 10, 12, 14, 16, 18, 20])
    names = np.repeat(np.arange(10), sizes)
    groups = draw_groups(len(names), names)
    trials = generator.normal(size=(4000, len(names)))
    found = mean_replicates(list(range(4000)), trials, groups)
    assert np.mean(np.sum(found.deviations() ** 2, axis=1)) == pytest.approx(1 / len(names), rel=0.05)


def test_equal_groups_give_the_usual_formula() -> None:
    gold, decided = drawn(9, 60)
    found = decision_replicates([1, 2, 3], gold, decided, draw_groups(60, count=12), ["f1_macro"])["f1_macro"]
    apart = found.without - found.without.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(np.sum(found.deviations() ** 2, axis=1), 11 / 12 * np.sum(apart**2, axis=1))


def test_numbers_without_a_test_set_have_no_groups() -> None:
    found = plain_replicates([1, 2], [3.0, 4.0])
    assert found.mean == 3.5
    assert found.deviations().shape == (2, 0)


def test_shapes_that_do_not_fit_are_refused() -> None:
    gold, decided = drawn(1)
    with pytest.raises(ValueError, match="not 2 seeds"):
        decision_replicates([1, 2], gold, decided, draw_groups(60), ["f1_macro"])
    with pytest.raises(ValueError, match="should be"):
        Replicates((1, 2), np.zeros(3), np.zeros((2, 4)), np.ones(4, dtype=np.int64))
