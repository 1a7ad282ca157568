"""Spaces, samplers and pruning: pure functions, so that nothing of a sweep can be lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.steering.pruning import Reached, brackets_of, why_stop
from bakeoff.steering.sampling import Known, Question, Told, suggest
from bakeoff.steering.spaces import contains, draw, grid, value_at
from bakeoff.study.rounds import Distribution, Pruning, Sampler

SPACE = {
    "training.learning_rate": Distribution(log_uniform=[1e-5, 1e-2]),
    "training.warmup": Distribution(uniform=[0.0, 0.5]),
    "method.rank": Distribution(integers=[1, 8]),
    "loss": Distribution(choices=["bce", "focal"]),
    "loss.gamma": Distribution(uniform=[0.0, 4.0], when={"loss": ["focal"]}),
}
COUNTED = {"a": Distribution(choices=["x", "y"]), "b": Distribution(integers=[1, 3], when={"a": ["y"]})}


def question(sampler: str, number: int, history: list[Known] | None = None, **more: object) -> Question:
    return Question(SPACE, Sampler(name=sampler), "lora/mrpc", number, history or [], **more)  # type: ignore[arg-type]


def told(number: int, how: Told = Told.SCORED) -> Known:
    found = suggest(question("random", number))
    assert found is not None
    score = -abs(math.log10(float(found["training.learning_rate"])) + 3)
    return Known(found, how, score if how is Told.SCORED else None)


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe"])
@given(number=st.integers(1, 60), made=st.integers(0, 9))
@settings(max_examples=15)
def test_a_proposal_lies_in_the_space_and_is_a_pure_function(sampler: str, number: int, made: int) -> None:
    history = [told(place, list(Told)[place % 4] if place > 2 else Told.SCORED) for place in range(1, made + 1)]
    found = suggest(question(sampler, number, history))
    assert found is not None
    assert found == suggest(question(sampler, number, history))
    assert all(contains(SPACE[name], value) for name, value in found.items())
    assert ("loss.gamma" in found) is (found["loss"] == "focal")


def test_a_grid_gives_each_point_once_and_then_ends() -> None:
    assert grid(COUNTED) == [{"a": "x"}, {"a": "y", "b": 1}, {"a": "y", "b": 2}, {"a": "y", "b": 3}]
    asked = [suggest(Question(COUNTED, Sampler(name="grid"), "s", number)) for number in range(1, 6)]
    assert asked[4] is None
    assert sorted(map(repr, asked[:4])) == sorted(map(repr, grid(COUNTED)))


def test_a_sobol_sequence_covers_more_evenly_than_chance() -> None:
    for sampler, most in (("qmc", 3), ("random", 16)):
        counts = [0] * 8
        for number in range(1, 17):
            found = suggest(question(sampler, number))
            assert found is not None
            counts[min(int(float(found["training.warmup"]) / 0.0625), 7)] += 1
        assert max(counts) <= most


def test_tpe_looks_where_scores_are_good() -> None:
    history = [told(number) for number in range(1, 25)]
    found = [suggest(question("tpe", number, history)) for number in range(10, 30)]
    near = [abs(math.log10(float(one["training.learning_rate"])) + 3) for one in found if one]
    drawn = [abs(math.log10(float(one.settings["training.learning_rate"])) + 3) for one in history]
    assert sum(near) / len(near) < 0.6 * sum(drawn) / len(drawn)


def test_tpe_keeps_away_from_what_is_to_blame_and_learns_nothing_from_failures() -> None:
    good = [told(number) for number in range(1, 13)]
    wide = [{**told(number).settings, "training.learning_rate": 9e-3} for number in range(13, 25)]
    bad = [Known(one, Told.BAD) for one in wide]
    assert suggest(question("tpe", 30, [*good, *(Known(one, Told.FAILED) for one in wide)])) == suggest(
        question("tpe", 30, good)
    )
    found = [suggest(question("tpe", number, [*good, *bad])) for number in range(30, 50)]
    assert sum(float(one["training.learning_rate"]) > 5e-3 for one in found if one) <= 4


@given(st.floats(0, 1, exclude_max=True))
def test_numbers_have_few_digits_and_stay_in_bounds(share: float) -> None:
    for one in SPACE.values():
        assert contains(one, value_at(one, share))
    rate = float(value_at(SPACE["training.learning_rate"], share))
    assert rate == float(f"{rate:.4g}")
    assert draw(SPACE, lambda _, one: value_at(one, share))


def reached(score: float, rung: int = 1, others: tuple[float, ...] = (0.5, 0.6, 0.7), bracket: int = 0) -> Reached:
    return Reached(score, rung, 9, bracket, [(bracket, other) for other in others])


def test_the_median_of_the_others_decides() -> None:
    rule = Pruning(name="median", startup=3)
    assert "the median of 3 others" in why_stop(rule, reached(0.55))
    assert why_stop(rule, reached(0.6)) == ""
    assert why_stop(rule, reached(0.65), lower=True)
    assert why_stop(rule, reached(math.nan))
    assert why_stop(rule, reached(0.1, others=(0.5, 0.6))) == ""
    assert why_stop(rule.model_copy(update={"warmup": 1}), reached(0.1)) == ""
    assert why_stop(Pruning(), reached(0.0)) == ""


def test_one_in_three_goes_on_in_a_bracket() -> None:
    rule = Pruning(name="hyperband", reduction=3)
    assert brackets_of(9, 3) == 2
    assert brackets_of(1, 3) == 1
    assert why_stop(rule, reached(0.8)) == ""
    assert "place 2 of 4, and 1 go on (bracket 1)" in why_stop(rule, reached(0.65))
    assert why_stop(rule, reached(0.1, rung=2)) == ""
    assert why_stop(rule, reached(0.1, bracket=1)) == ""
    assert why_stop(rule, reached(0.1, rung=3, bracket=1))
    assert why_stop(rule, reached(0.1, rung=9)) == ""
    # rivals of another bracket do not count
    assert why_stop(rule, Reached(0.1, 1, 9, 0, [(1, 0.9), (1, 0.8), (1, 0.7)])) == ""
