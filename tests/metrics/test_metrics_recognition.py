"""The best constant answer, and how far logits are off."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from bakeoff.metrics.recognition import best_constant, logit_shift
from bakeoff.metrics.scores import LOWER_IS_BETTER, SCORES


@pytest.mark.parametrize("name", sorted(SCORES))
def test_no_constant_answer_is_better(name: str) -> None:
    random = np.random.default_rng(3)
    gold = random.random((200, 4)) < np.array([0.7, 0.4, 0.1, 0.02])
    higher = name not in LOWER_IS_BETTER
    answers = [np.broadcast_to(np.array(answer), gold.shape) for answer in product([False, True], repeat=4)]
    scores = [SCORES[name](gold, answer) for answer in answers]
    found = SCORES[name](gold, np.broadcast_to(best_constant(gold, SCORES[name], higher), gold.shape))
    assert found == pytest.approx(max(scores) if higher else min(scores))


@pytest.mark.parametrize("shift", [-6.0, -1.5, 0.0, 4.0])
def test_the_shift_of_logits_is_found(shift: float) -> None:
    random = np.random.default_rng(1)
    right = random.normal(-2.0, 1.5, size=(20_000, 3))
    gold = random.random(right.shape) < 1 / (1 + np.exp(-right))
    assert logit_shift(gold, right + shift) == pytest.approx(-shift, abs=0.1)


def test_a_shift_needs_positives_and_negatives() -> None:
    logits = np.zeros((4, 2))
    assert np.isnan(logit_shift(np.zeros((4, 2)), logits))
    assert logit_shift(np.array([[1, 0], [0, 0], [1, 0], [0, 0]]), logits) == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(logit_shift(np.zeros((0, 2)), logits[:0]))
