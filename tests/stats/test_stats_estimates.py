"""Contrasts and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff.stats.estimates import Interval, Part, contrast, ratio_interval
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import Replicates, mean_replicates, plain_replicates


def recipe(seed: int, level: float = 0.5, seeds: int = 5, examples: int = 120, first: int = 1) -> Replicates:
    generator = np.random.default_rng(seed)
    values = generator.normal(level, 0.3, (seeds, examples)) + generator.normal(0, 0.01, (seeds, 1))
    return mean_replicates(list(range(first, first + seeds)), values, draw_groups(examples, count=20))


def test_the_worked_number() -> None:
    estimate = contrast(plain_replicates(range(5), [0.52, 0.50, 0.51, 0.53, 0.49]))
    interval = estimate.interval()
    assert (interval.low, interval.high) == (pytest.approx(0.4904, abs=5e-5), pytest.approx(0.5296, abs=5e-5))
    assert estimate.form == "one-sample"


@given(first=st.integers(0, 500), second=st.integers(0, 500), weight=st.floats(-2, 2), level=st.floats(0.5, 0.99))
def test_p_values_are_the_level_at_which_the_interval_reaches_0(first: int, second: int, weight: float, level: float) -> None:
    estimate = contrast(recipe(first), recipe(second, 0.52), (1.0, weight))
    interval = estimate.interval(level)
    assert interval.low <= estimate.value <= interval.high
    excluded = interval.low > 0 or interval.high < 0
    if abs(estimate.p_two_sided() - (1 - level)) > 1e-9:
        assert excluded == (estimate.p_two_sided() < 1 - level)
    assert estimate.p_above() + estimate.p_below() == pytest.approx(1.0)


@given(first=st.integers(0, 100), second=st.integers(0, 100))
def test_swapping_recipes_swaps_the_answer(first: int, second: int) -> None:
    there, back = contrast(recipe(first), recipe(second)), contrast(recipe(second), recipe(first))
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    assert there.p_above() == pytest.approx(back.p_below(), rel=1e-9)
    assert there.flipped().interval().low == pytest.approx(-there.interval().high)


def test_an_interval_holds_all_of_each_noise() -> None:
    estimate = contrast(recipe(1), recipe(2))
    spread, tested = estimate.parts
    half = estimate.interval().high - estimate.value
    assert half >= stats.t.isf(0.025, spread.df) * math.sqrt(spread.variance) * (1 - 1e-12)
    assert half >= stats.t.isf(0.025, tested.df) * math.sqrt(tested.variance) * (1 - 1e-12)
    models = estimate.given_models()
    assert models.high - estimate.value == pytest.approx(stats.t.isf(0.025, 19) * math.sqrt(tested.variance))


def test_seeds_pair_recipes_in_whatever_order() -> None:
    a, b = recipe(1), recipe(2)
    order = [3, 0, 4, 1, 2]
    shuffled = Replicates(tuple(b.seeds[index] for index in order), b.whole[order], b.without[order], b.sizes)
    straight, crossed = contrast(a, b), contrast(a, shuffled)
    assert crossed.value == pytest.approx(straight.value)
    assert crossed.parts[0].variance == pytest.approx(straight.parts[0].variance)
    assert crossed.pairing == pytest.approx(np.corrcoef(a.whole, b.whole)[0, 1])
    assert straight.form == "paired"


def test_other_seeds_make_it_welch() -> None:
    assert contrast(recipe(1), recipe(2, first=50)).form == "welch"
    assert contrast(recipe(1), recipe(2, seeds=3)).form == "welch"
    assert contrast(recipe(1), recipe(2), shared=False).form == "welch"
    with pytest.raises(ValueError, match="cannot be paired"):
        contrast(recipe(1), recipe(2, first=50), shared=True)


def test_one_seed_decides_nothing() -> None:
    for estimate in (
        contrast(recipe(1, seeds=1), recipe(2, 5.0, seeds=1)),
        contrast(recipe(1, seeds=1), recipe(2, 5.0)),
        contrast(recipe(1), recipe(2, 5.0, seeds=1)),
        contrast(recipe(1, 5.0, seeds=1)),
        contrast(plain_replicates([1], [4.0])),
    ):
        assert estimate.form == "one-seed"
        assert not estimate.decidable
        assert estimate.interval() == Interval(-math.inf, math.inf)
        assert (estimate.p_above(), estimate.p_below(), estimate.p_two_sided()) == (1.0, 1.0, 1.0)
    trained = contrast(recipe(1, seeds=1), recipe(2, 5.0, seeds=1)).given_models()
    assert -5 < trained.low < trained.high < -4


def test_a_trial_without_a_score_leaves_everything_open() -> None:
    whole = recipe(1)
    broken = Replicates(whole.seeds, np.array([0.5, math.nan, 0.5, 0.5, 0.5]), whole.without, whole.sizes)
    estimate = contrast(broken, recipe(2, 9.0))
    assert math.isnan(estimate.value)
    assert estimate.p_two_sided() == 1.0
    assert estimate.interval() == estimate.given_models() == Interval(-math.inf, math.inf)


def test_identical_recipes_do_not_differ() -> None:
    estimate = contrast(recipe(3), recipe(3))
    assert estimate.value == 0
    assert estimate.p_two_sided() == 1.0
    assert estimate.interval() == Interval(0.0, 0.0)


def test_groups_must_be_the_same() -> None:
    with pytest.raises(ValueError, match="same groups"):
        contrast(recipe(1), recipe(2, examples=100))


def test_one_more_part_widens() -> None:
    estimate = contrast(recipe(1), recipe(2))
    wider = estimate.with_part(Part("validation", estimate.parts[1].variance, 9.0))
    assert wider.interval().high > estimate.interval().high
    assert wider.part("validation") is not None
    assert estimate.part("validation") is None


@given(first=st.integers(0, 200), second=st.integers(0, 200))
def test_a_ratio_lies_in_its_interval_exactly_if_the_contrast_does_not_deny_it(first: int, second: int) -> None:
    a, b = recipe(first, 0.6), recipe(second)
    interval = ratio_interval(a, b)
    assert interval.low < a.mean / b.mean < interval.high
    for factor in (1.0, 1.1, 1.2, 1.3):
        held = contrast(a, b, (1.0, -factor)).interval()
        assert (held.low > 0) == (interval.low > factor)
        assert (held.high < 0) == (interval.high < factor)


def test_a_ratio_to_nothing_has_no_end() -> None:
    noise = plain_replicates(range(5), [0.1, -0.1, 0.2, -0.05, 0.01])
    assert ratio_interval(plain_replicates(range(5), [1.0, 1.1, 0.9, 1.2, 1.0]), noise).high == math.inf
    alone = plain_replicates([1], [1.0])
    assert ratio_interval(alone, alone) == Interval(-math.inf, math.inf)
