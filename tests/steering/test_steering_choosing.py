"""Who goes on: by validation scores, for reasons that stand beside each recipe."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bakeoff.records.decisions import Candidate
from bakeoff.steering.choosing import Field, Judged, choose, rule_in_words
from bakeoff.study.rounds import Choice

NAN = math.nan


def field(scores: dict[str, tuple[float, ...]], **more: object) -> Field:
    judged = [Judged(name, seeds, ("seed 1 failed",) if NAN in seeds else ()) for name, seeds in scores.items()]
    return Field(task="t", metric="f1", judged=judged, **{"lower": False, **more})  # type: ignore[arg-type]


def going(found: list[Candidate]) -> list[str]:
    return [one.recipe for one in found if one.goes_on]


def test_the_best_go_on_and_equals_stand_in_the_order_of_the_plan() -> None:
    scores = {"a": (0.4, 0.6), "b": (0.5, 0.5), "c": (0.9, 0.9), "d": (0.1, 0.1)}
    assert going(choose(Choice(top=2), field(scores))) == ["c", "a"]
    assert going(choose(Choice(top=2), field(scores, lower=True))) == ["d", "a"]
    assert len(going(choose(None, field(scores)))) == 4


def test_the_baseline_goes_on_and_is_not_counted() -> None:
    found = choose(Choice(top=1), field({"a": (0.9,), "words": (0.1,), "b": (0.8,)}, baseline="words"))
    assert going(found) == ["a", "words"]
    leading = choose(Choice(top=1), field({"a": (0.7,), "words": (0.9,), "b": (0.8,)}, baseline="words"))
    assert going(leading) == ["words", "b"]
    assert leading[0].reason.startswith("the baseline always goes on")


def test_a_recipe_of_which_a_trial_failed_falls_and_says_so() -> None:
    found = {one.recipe: one for one in choose(Choice(top=2), field({"a": (0.9, NAN), "b": (0.2, 0.2)}))}
    assert not found["a"].goes_on
    assert found["b"].goes_on
    assert "1 of 2 trials did not complete (seed 1 failed)" in found["a"].reason
    assert math.isnan(found["a"].score)


def test_only_what_is_shown_to_be_worse_falls() -> None:
    scores = {"a": (0.9,), "b": (0.8,), "c": (0.7,)}
    some = field(scores, not_shown_worse=("a", "c"), error_rate=0.025)
    found = {one.recipe: one for one in choose(Choice(not_worse=True), some)}
    assert [name for name, one in found.items() if one.goes_on] == ["a", "c"]
    assert "shown to be worse than a (error rate 0.025)" in found["b"].reason
    assert "not shown to be worse than a" in found["c"].reason
    assert going(choose(Choice(not_worse=True, top=1), some)) == ["a"]


def test_rules_in_words() -> None:
    assert rule_in_words(None, {}) == ""
    assert rule_in_words(Choice(top=2), {"t": "f1@0.2"}) == "the best 2 by f1@0.2 on validation"
    assert rule_in_words(Choice(not_worse=True, top=3), {"t": "f1"}).endswith("at most 3, by f1 on validation")


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.floats(0, 1)), min_size=1), st.integers(1, 6))
def test_so_many_go_on_as_asked_for_and_none_that_falls_is_better(scores: dict[str, tuple[float]], top: int) -> None:
    found = choose(Choice(top=top), field(scores))
    assert len(going(found)) == min(top, len(scores))
    worst = min(one.score for one in found if one.goes_on)
    assert all(one.score <= worst for one in found if not one.goes_on)
    assert {one.recipe for one in found} == set(scores)
