"""An ensemble of seeds is one replicate: ranked, shown, and called neither better nor worse, however far ahead it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.model import Analysis
from bakeoff.records.paths import RunFolder
from bakeoff.records.specs import Component, Plan, RecipeSpec
from fabricate import Fabrication, complete_trial, fabricate, make_outputs

WANTED = Fabrication(
    recipes={"bce": 1.8, "other": 3.0},
    seeds=(1, 2, 3, 4, 5),
    ends={},
    claims=("ensemble beats bce in f1_macro on goemotions", "other beats bce in f1_macro on goemotions"),
)


def with_ensemble(run: RunFolder) -> None:
    """Add an ensemble of all seeds of `bce`, far better than they are."""
    plan = Plan.read(run.plan("final"))
    members = [trial for trial in plan.trials if trial.recipe.name == "bce"]
    recipe = RecipeSpec(name="ensemble", method=Component(name="ensemble", version=1, settings={"of": ["bce"]}))
    made_of = {trial.id: trial.definition_hash for trial in members}
    child = members[0].model_copy(update={"recipe": recipe, "made_of": made_of})
    plan.model_copy(update={"trials": [*plan.trials, child]}).write(run.plan("final"))
    complete_trial(
        run.trial(child.id), child, WANTED, {split: make_outputs(WANTED, split, 6.0, 9) for split in ("validation", "test")}
    )


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    run = fabricate(Path(tmp_path_factory.mktemp("run")) / "run", WANTED)
    with_ensemble(run)
    return analyse(run)


def test_it_leads_and_is_called_no_better(analysed: Analysis) -> None:
    (task,) = analysed.tasks
    standings = {one.recipe: one for one in task.standings}
    assert standings["ensemble"].rank == 1 and standings["ensemble"].score.n == 1
    assert analysed.conclusions is not None
    answers = {one.text.split()[0]: one for one in analysed.conclusions.claims if one.source == "claims"}
    assert answers["ensemble"].answer == "undecided"
    assert "ensemble is made of all of them and stays one replicate" in answers["ensemble"].next
    assert answers["other"].answer == "supported", "what has seeds is judged by them as ever"


def test_the_reader_is_told_and_the_others_are_not_warned_of_one_seed(analysed: Analysis) -> None:
    assert analysed.conclusions is not None
    (compared,) = analysed.conclusions.tasks
    said = " / ".join(compared.warnings)
    assert "ensemble is made of all seeds of another recipe, and so is one replicate" in said
    assert "one seed: what another training run would give" not in said
