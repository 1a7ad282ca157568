"""The interval's arithmetic and its inversion."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff.stats.two_part import half_width, tail_probability

VARIANCE = st.floats(1e-8, 1e3)


def test_the_worked_number() -> None:
    assert half_width([(4.0, 4), (1.0, 99)], None, 0.025) == pytest.approx(5.897, abs=5e-4)


def test_what_is_counted_twice_is_taken_off_once() -> None:
    # 2.776² · 4 + 1.984² · 1 - 1.966² · 0.5
    assert half_width([(4.0, 4), (1.0, 99)], (0.5, 396), 0.025) == pytest.approx(5.7305, abs=5e-5)
    # never more than the smallest part
    capped = half_width([(4.0, 4), (1.0, 99)], (3.0, 396), 0.025)
    assert capped == half_width([(4.0, 4), (1.0, 99)], (1.0, 396), 0.025)


def test_one_part_is_student() -> None:
    for distance in (0.0, 0.3, 2.0, 8.0):
        assert tail_probability(distance, [(1.0, 4)], None) == pytest.approx(stats.t.sf(distance, 4), rel=1e-9)
        assert tail_probability(-distance, [(1.0, 4)], None) == pytest.approx(stats.t.cdf(distance, 4), rel=1e-9)


def test_tiny_p_values_stay_accurate() -> None:
    assert tail_probability(12.0, [(1.0, 99)], None) == pytest.approx(stats.t.sf(12.0, 99), rel=1e-6)
    assert tail_probability(1.0, [(0.0, 4), (0.0, 9)], (0.0, 36)) == pytest.approx(1e-100, rel=1e-6)


@given(spread=VARIANCE, tested=VARIANCE, both=VARIANCE, df=st.integers(1, 12), distance=st.floats(1e-4, 50))
def test_the_p_value_is_where_the_interval_ends(spread: float, tested: float, both: float, df: int, distance: float) -> None:
    parts, twice = [(spread, df), (tested, 99.0)], (both, df * 99.0)
    tail = float(tail_probability(distance, parts, twice))
    assert 1e-100 <= tail <= 0.5
    if tail > 1e-90:
        assert half_width(parts, twice, tail) == pytest.approx(distance, rel=1e-6)


@given(spread=VARIANCE, tested=VARIANCE, both=VARIANCE, df=st.integers(1, 12), groups=st.integers(2, 200))
def test_half_widths_grow_as_the_tail_shrinks(spread: float, tested: float, both: float, df: int, groups: int) -> None:
    parts, twice = [(spread, df), (tested, groups - 1.0)], (both, df * (groups - 1.0))
    widths = [float(half_width(parts, twice, tail)) for tail in (0.4, 0.2, 0.1, 0.025, 0.005, 1e-4, 1e-8)]
    assert all(wider >= narrower * (1 - 1e-9) for narrower, wider in itertools.pairwise(widths))
    single = max(float(half_width([part], None, 0.025)) for part in parts)
    whole = float(half_width(parts, None, 0.025))
    assert single * (1 - 1e-9) <= widths[3] <= whole * (1 + 1e-9)


def test_arrays_are_as_good_as_numbers() -> None:
    spreads, tested = np.array([1.0, 2.0, 0.5]), np.array([0.3, 0.1, 4.0])
    widths = half_width([(spreads, 4), (tested, 99)], (spreads * 0.1, 396), 0.025)
    for index in range(3):
        alone = half_width([(spreads[index], 4), (tested[index], 99)], (spreads[index] * 0.1, 396), 0.025)
        assert widths[index] == alone
    tails = tail_probability(np.array([1.0, -2.0, 0.0]), [(spreads, 4), (tested, 99)], None)
    assert tails[0] < 0.5 < tails[1]
    assert tails[2] == 0.5
