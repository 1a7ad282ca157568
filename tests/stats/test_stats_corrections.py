"""Corrections, looks and pairs. Agreement with other software stands in tests/reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.stats.corrections import benjamini_hochberg, bonferroni, bonferroni_level, holm
from bakeoff.stats.estimates import contrast
from bakeoff.stats.looks import Looks
from bakeoff.stats.pairs import Pair, all_pairs, not_shown_worse
from bakeoff.stats.replicates import Replicates, plain_replicates


def test_the_worked_numbers() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(bonferroni([0.01, 0.04]), [0.02, 0.08])
    np.testing.assert_allclose(benjamini_hochberg([0.01, 0.04, 0.03]), [0.03, 0.04, 0.04])
    assert bonferroni_level(0.95, 4) == pytest.approx(0.9875)
    assert bonferroni_level(0.95, 0) == pytest.approx(0.95)


@given(p=st.lists(st.floats(0, 1), max_size=12))
def test_corrected_ones_are_larger_and_keep_the_order(p: list[float]) -> None:
    for correct in (holm, bonferroni, benjamini_hochberg):
        found = correct(p)
        assert (found >= np.array(p)).all()
        assert (found <= 1).all()
        order = np.argsort(p, kind="stable")
        assert (np.diff(found[order]) >= 0).all()
    assert (holm(p) <= bonferroni(p)).all()
    assert (benjamini_hochberg(p) <= holm(p) * (1 + 1e-12)).all()


@pytest.mark.parametrize("wrong", [[-0.1], [1.1], [float("nan")], [[0.1]]])
def test_what_is_no_probability_is_refused(wrong: list[float]) -> None:
    for correct in (holm, bonferroni, benjamini_hochberg):
        with pytest.raises(ValueError, match="from 0 to 1"):
            correct(wrong)


def test_looks_are_declared() -> None:
    assert Looks().alpha_at(6) == 0.015
    with pytest.raises(ValueError, match="no look was declared at 5"):
        Looks().alpha_at(5)
    for seeds, alphas in (
        ((4, 4), (0.01, 0.01)),
        ((1, 4), (0.01, 0.01)),
        ((4,), (0.06,)),
        ((4, 6), (0.05,)),
        ((4,), (0.0,)),
        ((), ()),
    ):
        with pytest.raises(ValueError, match=r"looks|rise|alphas"):
            Looks(seeds, alphas)


def recipes(*levels: float, spread: float = 0.002) -> dict[str, Replicates]:
    generator = np.random.default_rng(1)
    return {f"r{index}": plain_replicates(range(6), generator.normal(level, spread, 6)) for index, level in enumerate(levels)}


def test_pairs_name_the_better_one() -> None:
    found = all_pairs(recipes(0.4, 0.5, 0.45))
    assert [(pair.better, pair.worse) for pair in found] == [("r1", "r0"), ("r2", "r0"), ("r1", "r2")]
    assert all(pair.estimate.value > 0 for pair in found)
    np.testing.assert_allclose([pair.corrected for pair in found], holm([pair.p for pair in found]))
    assert [(pair.better, pair.worse) for pair in all_pairs(recipes(4.0, 5.0), lower=True)] == [("r0", "r1")]


def test_the_leaders_are_those_that_are_not_shown_worse() -> None:
    names = ["r0", "r1", "r2", "r3"]
    found = all_pairs(recipes(0.500, 0.4995, 0.40, 0.501))
    assert not_shown_worse(found, names, "r3") == ["r3", "r0", "r1"]
    one_seed = {name: plain_replicates([1], [level]) for name, level in zip(names, (0.1, 0.9, 0.5, 0.2), strict=True)}
    assert not_shown_worse(all_pairs(one_seed), names, "r1") == ["r1", "r0", "r2", "r3"]


def test_a_leader_is_alone_only_after_correction() -> None:
    estimate = contrast(plain_replicates(range(3), [0.1, 0.2, 0.3]))
    pairs = [Pair("lead", name, estimate, p=0.03, corrected=corrected) for name, corrected in (("near", 0.06), ("far", 0.05))]
    assert not_shown_worse(pairs, ["near", "lead", "far"], "lead") == ["lead", "near"]
