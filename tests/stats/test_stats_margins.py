"""Statements as contrasts above 0."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.stats.estimates import Interval
from bakeoff.stats.margins import beats, inside, no_worse, reaches, within
from bakeoff.stats.replicates import Replicates, plain_replicates


def at(level: float, spread: float = 0.001, seeds: int = 6) -> Replicates:
    return plain_replicates(range(seeds), level + spread * np.linspace(-1, 1, seeds))


def test_by_a_share_and_by_points() -> None:
    assert beats(at(0.46), at(0.40), 0.10, relative=True).value == pytest.approx(0.02)
    assert beats(at(0.46), at(0.40), 0.05).value == pytest.approx(0.01)
    assert beats(at(0.46), at(0.40)).value == pytest.approx(0.06)
    assert beats(at(0.46), 0.40, 0.10, relative=True).value == pytest.approx(0.02)


def test_less_can_be_better() -> None:
    assert beats(at(8.0), at(10.0), 0.10, relative=True, lower=True).value == pytest.approx(1.0)
    assert beats(at(8.0), at(10.0), 1.5, lower=True).value == pytest.approx(0.5)
    assert no_worse(at(10.2), at(10.0), 0.03, relative=True, lower=True).value == pytest.approx(0.1)
    assert reaches(at(8.0), 10.0, lower=True).value == pytest.approx(2.0)


def test_no_worse_and_within() -> None:
    assert no_worse(at(0.39), at(0.40), 0.03, relative=True).value == pytest.approx(0.002)
    assert no_worse(at(0.39), at(0.40), 0.02).value == pytest.approx(0.01)
    below, above = within(at(0.39), at(0.40), 0.03, relative=True)
    assert (below.value, above.value) == (pytest.approx(0.002), pytest.approx(0.022))
    below, above = within(at(0.39), 0.40, 0.02)
    assert (below.value, above.value) == (pytest.approx(0.01), pytest.approx(0.03))


def test_a_reference_number_is_a_sample_of_one_kind() -> None:
    assert beats(at(0.46), 0.40).form == "one-sample"
    assert beats(at(0.46), at(0.40)).form == "paired"


def test_relevance_is_another_question_than_direction() -> None:
    estimate = beats(at(0.462, spread=0.0001), at(0.460, spread=0.0002))
    assert estimate.p_two_sided() < 0.001
    assert inside(estimate.interval())
    assert not inside(Interval(-0.001, 0.006))
    assert not inside(Interval(-0.006, 0.001))
    assert not inside(Interval(-np.inf, np.inf))
