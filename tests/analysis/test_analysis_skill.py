"""Recipes that learned nothing, or show no spread, are no evidence, however small the p-values that come of them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.verdict_model import Conclusions
from bakeoff.records.specs import Component, RecipeSpec
from bakeoff.study.methods import is_deterministic
from fabricate import Fabrication, fabricate

FIVE = (1, 2, 3, 4, 5)
BOTH = {"full": 1.5, "lora": 1.5, "tfidf": 0.8}


def concluded(root: Path, claims: list[str], **wanted: Any) -> Conclusions:
    """The conclusions of a fabricated run."""
    chosen = {"recipes": BOTH, "seeds": FIVE, "ends": {}, "examples": 300, "width": 4, "baseline": "full", **wanted}
    run = fabricate(root, Fabrication(claims=(), **chosen))
    run.study.write_text(yaml.safe_dump({"bakeoff": 1, "name": "x", "claims": claims}))
    found = analyse(run).conclusions
    assert found is not None
    return found


def answers(found: Conclusions) -> dict[str, str]:
    """Answers by claim."""
    return {claim.text: claim.answer for claim in found.claims}


def test_two_recipes_that_give_one_constant_answer_are_neither_equal_nor_anything_else(tmp_path: Path) -> None:
    claims = [
        "lora is within 3% of full",
        "lora is within 90 points of full",
        "lora is no worse than full by more than 3%",
        "lora beats full",
        "lora is best",
        "all of [lora, full] reach 0.01",
        "any of [lora, full] beats tfidf",
    ]
    found = concluded(tmp_path, claims, constant=tuple(product(("full", "lora"), FIVE)))
    assert set(answers(found).values()) == {"undecided"}
    assert found.verdict.colour != "green"
    main = found.claims[0]
    assert main.p == 1
    assert "lora has learned nothing" in main.reason
    assert "all 5 seeds of full give one and the same result" in main.reason
    assert "settings at which the named recipes learn" in main.next
    assert "no evidence" in found.verdict.paragraph
    assert all(part.doubt for part in main.parts)
    (task,) = found.tasks
    (pair,) = [one for one in task.pairs if {one.recipe, one.rival} == {"lora", "full"}]
    assert (pair.direction, pair.relevance, pair.corrected) == ("undecided", "undecided", 1)
    assert any("full has learned nothing" in warning for warning in task.warnings)


def test_nothing_is_won_against_a_recipe_that_learned_nothing(tmp_path: Path) -> None:
    claims = ["lora beats full", "full beats lora", "lora is best", "lora beats tfidf", "tfidf beats full"]
    found = concluded(tmp_path, claims, constant=tuple(("full", seed) for seed in FIVE))
    assert list(answers(found).values()) == ["undecided", "undecided", "undecided", "supported", "undecided"]


def test_a_recipe_without_skill_may_miss_a_number_and_reach_none(tmp_path: Path) -> None:
    claims = ["idle reaches 0.9", "idle reaches 0.001", "idle is within 99% of worse", "full beats idle"]
    found = concluded(tmp_path, claims, recipes={"full": 1.5, "idle": -2.0, "worse": -2.1})
    assert list(answers(found).values()) == ["refuted", "undecided", "undecided", "undecided"]
    pairs = {(one.recipe, one.rival): one for one in found.tasks[0].pairs}
    assert pairs["idle", "full"].direction == "worse"  # as declared; no claim hangs on it
    assert next(one for names, one in pairs.items() if set(names) == {"idle", "worse"}).relevance == "undecided"


def test_seeds_that_give_one_result_are_one_seed_where_chance_has_a_part(tmp_path: Path) -> None:
    claims = ["lora beats full", "lora reaches 0.01", "full beats tfidf", "full reaches 0.01"]
    found = concluded(tmp_path, claims, recipes={"full": 2.0, "lora": 2.6, "tfidf": 0.8}, same=("lora",))
    assert list(answers(found).values()) == ["undecided", "undecided", "supported", "supported"]
    assert "all 5 seeds of lora give one and the same result" in found.claims[0].reason
    assert "learned nothing" not in found.claims[0].reason
    forms = {(one.recipe, one.rival): one.form for one in found.tasks[0].pairs}
    assert forms["lora", "full"] == "one-seed"
    assert forms["tfidf", "full"] == "paired"


def test_sameness_below_a_simple_recipe_is_not_shown_and_difference_is(tmp_path: Path) -> None:
    claims = [
        "lora is within 60% of full",
        "lora is no worse than full by more than 60%",
        "lora is within 1% of tfidf",
        "tfidf beats lora",
    ]
    found = concluded(tmp_path, claims, recipes={"full": 1.5, "lora": 1.5, "tfidf": 4.0})
    assert list(answers(found).values()) == ["undecided", "undecided", "refuted", "supported"]
    assert "lora is below tfidf, which fine-tunes no model" in found.claims[0].reason
    above = concluded(tmp_path / "above", claims[:2])
    assert list(answers(above).values()) == ["supported", "supported"]


def test_seeds_at_which_a_recipe_learned_nothing_are_named_and_kept(tmp_path: Path) -> None:
    found = concluded(tmp_path, ["lora beats full"], recipes={"full": 1.5, "lora": 2.6, "tfidf": 0.8}, constant=(("full", 2),))
    (claim,) = found.claims
    assert "full learned nothing at seed 2" in claim.reason
    assert claim.parts[0].seeds == [5, 5]
    assert not claim.parts[0].doubt


METHODS = {
    "tfidf": True,
    "majority": True,
    "zero-shot": True,
    "lexical": True,
    "random": False,
    "linear-probe": False,
    "lora": False,
    "external": False,
    "a method of nobody": False,
}


@pytest.mark.parametrize(("method", "expected"), METHODS.items(), ids=list(METHODS))
def test_in_which_methods_chance_has_no_part(method: str, expected: bool) -> None:
    assert is_deterministic(RecipeSpec(name="x", method=Component(name=method, version=1))) is expected


def test_predictions_from_elsewhere_say_for_themselves_whether_chance_has_a_part() -> None:
    rules = Component(name="external", version=1, settings={"file": "rules.csv", "deterministic": True})
    assert is_deterministic(RecipeSpec(name="rules", method=rules))
