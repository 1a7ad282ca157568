"""Effect sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff.stats.effects import hedges_g, probability_of_improvement

LOW, HIGH = [1.0, 2, 3, 4, 5], [3.0, 4, 5, 6, 7]
SCORES = st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=5, max_size=9)


def test_the_worked_numbers() -> None:
    g = hedges_g(HIGH, LOW)
    assert g is not None
    assert g.value == pytest.approx(1.142, abs=5e-4)
    sure = probability_of_improvement([6, 7, 8, 9, 10], LOW)
    assert sure is not None
    assert (sure.value, sure.high) == (1.0, 1.0)
    assert sure.low == pytest.approx(0.643, abs=5e-4)


def test_none_below_five_seeds_or_without_scores() -> None:
    for effect in (hedges_g, probability_of_improvement):
        assert effect(HIGH[:4], LOW) is None
        assert effect(HIGH, LOW[:4]) is None
        assert effect([*HIGH[:4], math.nan], LOW) is None
    assert hedges_g([1.0] * 5, [1.0] * 5) is None


@given(a=SCORES, b=SCORES)
def test_swapping_turns_them_round(a: list[float], b: list[float]) -> None:
    there, back = probability_of_improvement(a, b), probability_of_improvement(b, a)
    assert there is not None
    assert back is not None
    assert there.value == pytest.approx(1 - back.value)
    assert there.low == pytest.approx(1 - back.high, abs=1e-6)
    assert 0 <= there.low <= there.value <= there.high <= 1
    g, other = hedges_g(a, b), hedges_g(b, a)
    if g is not None:
        assert other is not None
        assert g.low <= g.value <= g.high
        assert g.value == pytest.approx(-other.value, abs=1e-9)
        assert g.low == pytest.approx(-other.high, rel=1e-4, abs=1e-6)


def test_the_interval_of_g_inverts_the_noncentral_t() -> None:
    g = hedges_g(HIGH, LOW)
    assert g is not None
    correction = math.gamma(4) / math.gamma(3.5) / 2
    t, scale = g.value / correction / math.sqrt(0.4), math.sqrt(0.4)
    assert stats.nct.sf(t, 8, g.low / correction / scale) == pytest.approx(0.025, rel=1e-6)
    assert stats.nct.cdf(t, 8, g.high / correction / scale) == pytest.approx(0.025, rel=1e-6)


def test_intervals_cover() -> None:
    generator = np.random.default_rng(1)
    held = np.zeros(2)
    for _ in range(400):
        a, b = generator.normal(1, 1, 6), generator.normal(0, 1, 6)
        effects = hedges_g(a, b), probability_of_improvement(a, b)
        truths = 1.0, float(stats.norm.cdf(1 / math.sqrt(2)))
        held += [
            effect is not None and effect.low <= truth <= effect.high for effect, truth in zip(effects, truths, strict=True)
        ]
    assert (held / 400 > 0.92).all()
