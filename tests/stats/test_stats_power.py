"""Power and what would decide."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.stats.estimates import contrast
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.power import (
    Design,
    Noise,
    needed_examples,
    needed_seeds,
    noise_of,
    power,
    smallest_visible,
    what_decides,
)
from bakeoff.stats.replicates import mean_replicates, plain_replicates

NOISE = Noise(seed=1e-4, example=0.2, both=0.3)
DESIGN = Design(seeds=5, examples=5000)


def test_the_worked_number() -> None:
    assert power(Noise(1.0, 0.0, 0.0), Design(5, 1000), 1.682) == pytest.approx(0.80, abs=5e-3)


@given(
    seed=st.floats(1e-6, 1e-3),
    example=st.floats(0, 1),
    both=st.floats(0, 1),
    seeds=st.integers(2, 20),
    size=st.floats(1e-3, 0.2),
)
def test_more_of_anything_shows_more(seed: float, example: float, both: float, seeds: int, size: float) -> None:
    noise, design = Noise(seed, example, both), Design(seeds, 1000)
    found = power(noise, design, size)
    assert 0 <= found <= 1
    for better in (replace(design, seeds=seeds + 1), replace(design, examples=2000)):
        # where little can be shown, the sum of two parts can favour the lopsided design by a hair
        assert power(noise, better, size) >= found - 0.01
    assert power(noise, design, size * 1.5) >= found
    assert power(noise, replace(design, comparisons=4), size) <= found


def test_what_is_visible_is_found_at_the_power_wanted() -> None:
    size = smallest_visible(NOISE, DESIGN, 0.9)
    assert power(NOISE, DESIGN, size) == pytest.approx(0.9)
    assert smallest_visible(NOISE, replace(DESIGN, seeds=1)) == math.inf
    assert power(NOISE, replace(DESIGN, seeds=1), 100.0) == 0.0
    assert smallest_visible(Noise(0, 0, 0), DESIGN) == 0.0


def test_needed_numbers_are_the_smallest() -> None:
    seeds = needed_seeds(NOISE, DESIGN, 0.022)
    assert seeds is not None
    assert power(NOISE, replace(DESIGN, seeds=seeds), 0.022) >= 0.8 > power(NOISE, replace(DESIGN, seeds=seeds - 1), 0.022)
    examples = needed_examples(NOISE, DESIGN, 0.025)
    assert examples is not None
    assert power(NOISE, replace(DESIGN, examples=examples), 0.025) >= 0.8
    assert power(NOISE, replace(DESIGN, examples=examples - 1), 0.025) < 0.8


def test_seeds_cannot_mend_a_small_test_set_nor_examples_few_seeds() -> None:
    assert needed_seeds(NOISE, replace(DESIGN, examples=50), 0.01) is None
    assert needed_examples(NOISE, replace(DESIGN, seeds=2), 0.01) is None
    found = what_decides(NOISE, DESIGN, -0.025)
    assert found.seeds == needed_seeds(NOISE, DESIGN, 0.025)
    assert found.examples == needed_examples(NOISE, DESIGN, 0.025)
    assert needed_seeds(NOISE, DESIGN, 10.0) == 2
    assert what_decides(NOISE, DESIGN, 0.0).seeds is None


def test_noise_is_taken_apart_as_it_was_put_together() -> None:
    generator = np.random.default_rng(0)
    groups, found = draw_groups(400, count=50), []
    for _ in range(300):
        values = generator.normal(0, 0.05, (6, 1)) + generator.normal(0, 0.6, 400) + generator.normal(0, 0.9, (6, 400))
        found.append(noise_of(contrast(mean_replicates(range(6), values, groups)), 400))
    assert np.mean([one.seed for one in found]) == pytest.approx(0.05**2, rel=0.12)
    assert np.mean([one.example for one in found]) == pytest.approx(0.36, rel=0.12)
    assert np.mean([one.both for one in found]) == pytest.approx(0.81, rel=0.05)


def test_noise_needs_two_seeds() -> None:
    with pytest.raises(ValueError, match="from two seeds on"):
        noise_of(contrast(plain_replicates([1], [0.5])), 100)
    assert noise_of(contrast(plain_replicates([1, 2], [0.5, 0.7])), 100) == Noise(pytest.approx(0.02), 0.0, 0.0)
