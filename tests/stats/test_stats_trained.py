"""Tests of trained models."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from bakeoff.metrics.ranking import average_precision_macro
from bakeoff.metrics.scores import SCORES
from bakeoff.stats.trained import QUESTION, mcnemar, randomisation


def models(seed: int = 0, examples: int = 80, better: float = 0.0) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(seed)
    gold = generator.random((examples, 4)) < 0.3
    flips = [generator.random(gold.shape) < rate for rate in (0.2 - better, 0.2)]
    return gold, (gold ^ flips[0], gold ^ flips[1])


def test_the_worked_numbers() -> None:
    right = np.zeros(30, dtype=bool)
    a, b = right.copy(), right.copy()
    a[:8], b[8:10] = True, True
    found = mcnemar(a, b)
    assert found.p == pytest.approx(0.109, abs=5e-4)
    assert (found.statistic, found.examples) == (6, 10)
    assert mcnemar(a, a).p == 1.0
    gold, (first, _) = models()
    assert randomisation(SCORES["f1_macro"], gold, (first, first), draws=99).p == 1.0


def test_both_say_what_question_they_answer() -> None:
    gold, pair = models()
    right = [(one == gold).all(axis=1) for one in pair]
    assert mcnemar(*right).question == randomisation(SCORES["f1_macro"], gold, pair, draws=9).question == QUESTION
    assert "trained" in QUESTION


@pytest.mark.parametrize("name", list(SCORES))
def test_counts_after_a_swap_are_those_of_swapped_predictions(name: str) -> None:
    gold, pair = models(1)
    clusters = np.arange(80) // 5
    fast = randomisation(SCORES[name], gold, pair, clusters, draws=150)
    slow = randomisation(partial(SCORES[name]), gold, pair, clusters, draws=150)
    assert (fast.p, fast.examples) == (slow.p, 16)
    assert fast.statistic == pytest.approx(slow.statistic)


def test_a_large_difference_is_found_and_none_is_not() -> None:
    gold, pair = models(2, examples=400, better=0.15)
    assert randomisation(SCORES["f1_macro"], gold, pair, draws=499).p == 1 / 500
    p = [randomisation(SCORES["f1_micro"], *models(seed, 60), draws=99).p for seed in range(200)]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.10


def test_scores_can_be_swapped_too() -> None:
    gold, (first, second) = models(3)
    noise = np.random.default_rng(0).random(gold.shape) * 0.1
    assert randomisation(average_precision_macro, gold, (first + noise, second + noise), draws=49).p > 0.02


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"one shape \[N\]"):
        mcnemar(np.ones(3), np.ones(4))
