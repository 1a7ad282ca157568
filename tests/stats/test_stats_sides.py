"""Combined statements, and answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.stats.estimates import contrast
from bakeoff.stats.margins import within
from bakeoff.stats.replicates import plain_replicates
from bakeoff.stats.sides import Sided, all_of, answer, any_of, sided

SIDE = st.floats(0, 1).map(lambda p: Sided(p, 1 - p))


def test_the_worked_numbers() -> None:
    assert all_of([Sided(0.01, 0.99), Sided(0.03, 0.97)]) == Sided(0.03, 1.0)
    assert any_of([Sided(0.01, 0.99), Sided(0.30, 0.70)]) == Sided(0.02, 0.99)
    assert Sided(0.02, 0.98).two_sided == 0.04


@given(statements=st.lists(SIDE, min_size=1, max_size=6))
def test_all_is_harder_than_any(statements: list[Sided]) -> None:
    assert all_of(statements).support >= max(one.support for one in statements)
    assert any_of(statements).refute >= max(one.refute for one in statements)
    assert all_of(statements).support >= any_of(statements).support / len(statements) - 1e-12
    if len(statements) == 1:
        assert all_of(statements) == any_of(statements) == statements[0]


@given(p=st.floats(0, 1), corrected=st.floats(0, 1))
def test_answers_go_to_the_smaller_side_and_must_be_earned(p: float, corrected: float) -> None:
    statement = Sided(p, 1 - p)
    found = answer(statement, corrected)
    if corrected > 0.05 or p == 0.5:
        assert found == "undecided"
    else:
        assert found == ("supported" if p < 0.5 else "refuted")
    assert answer(statement) == answer(statement, statement.two_sided)


def test_one_seed_is_undecided_in_every_form() -> None:
    alone = contrast(plain_replicates([1], [0.9]), plain_replicates([1], [0.1]))
    assert sided(alone) == Sided(1.0, 1.0)
    pair = [sided(one) for one in within(plain_replicates([1], [0.9]), 0.9, 0.5)]
    for statement in (sided(alone), all_of([sided(alone)] * 3), any_of([sided(alone)] * 3), all_of(pair), any_of(pair)):
        assert answer(statement) == "undecided"


def test_not_a_number_decides_nothing() -> None:
    assert answer(Sided(0.0, 1.0), corrected=float("nan")) == "undecided"


def test_equivalence_is_supported_only_by_a_narrow_interval() -> None:
    near = plain_replicates(range(6), 0.400 + 0.001 * np.linspace(-1, 1, 6))
    wide = plain_replicates(range(6), 0.400 + 0.1 * np.linspace(-1, 1, 6))
    other = plain_replicates(range(6), 0.401 + 0.001 * np.linspace(-1, 1, 6) ** 2)
    assert answer(all_of([sided(one) for one in within(near, other, 0.01)])) == "supported"
    assert answer(all_of([sided(one) for one in within(wide, other, 0.01)])) == "undecided"
    assert answer(all_of([sided(one) for one in within(near, 0.5, 0.01)])) == "refuted"


def test_wrong_answers_at_the_boundary_stay_within_alpha() -> None:
    # 1,500 studies in which A is exactly as good as the statement says: an answer either way is false
    generator = np.random.default_rng(0)
    answers = [answer(sided(contrast(plain_replicates(range(4), generator.normal(0.0, 1.0, 4))))) for _ in range(1500)]
    false = np.mean([found != "undecided" for found in answers])
    assert false == pytest.approx(0.05, abs=0.02)
    assert np.mean([found == "supported" for found in answers]) == pytest.approx(0.025, abs=0.014)
