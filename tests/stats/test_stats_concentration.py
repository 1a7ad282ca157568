"""Differences that hang on one label."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.stats.concentration import concentration
from bakeoff.stats.replicates import Replicates, plain_replicates


def labels(*means: float) -> list[Replicates]:
    return [plain_replicates([1, 2], [mean - 0.1, mean + 0.1]) for mean in means]


def test_the_worked_number() -> None:
    found = concentration(labels(0.46, 0.39, 0.41), labels(0.40, 0.40, 0.40), np.array([4, 100, 100]))
    assert (found.label, found.share, found.positives) == (0, pytest.approx(0.75), 4)
    assert found.is_doubtful


@pytest.mark.parametrize(("gap", "positives"), [(0.06, 10), (0.015, 4)])
def test_many_positives_or_a_shared_difference_are_no_reason_for_doubt(gap: float, positives: int) -> None:
    found = concentration(labels(0.40 + gap, 0.39, 0.41), labels(0.40, 0.40, 0.40), np.array([positives, 100, 100]))
    assert not found.is_doubtful


def test_no_difference_lies_nowhere() -> None:
    found = concentration(labels(0.4, 0.4), labels(0.4, 0.4), np.array([1, 1]))
    assert found.share == 0.0
    assert not found.is_doubtful
