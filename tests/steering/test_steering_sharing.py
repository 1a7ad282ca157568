"""A study on several machines: dealt out evenly, joined to what one machine makes, and nothing taken that does not belong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from driving import STUB, Drive, MakeDrive
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.analysis.analyse import current_analysis
from bakeoff.analysis.folder import read_plans
from bakeoff.errors import RunError
from bakeoff.records.files import sha256_file
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State
from bakeoff.records.specs import Component, RecipeSpec, TaskSpec, TrialSpec
from bakeoff.running.merging import merge
from bakeoff.running.runner import run_study
from bakeoff.steering.sharding import deal, imbalance

STUDY = """\
name: plain
tasks: {demo: {dataset: demo}, go: {dataset: goemotions}}
defaults: {training: {epochs: 1, threads: 1}}
recipes: {a: {loss: bce}, b: {loss: focal}}
seeds: [1, 2, 3]
limits: {disk_reserve: 0B}
"""


def trials(recipes: int, seeds: int, tasks: int = 1) -> list[TrialSpec]:
    return [
        TrialSpec(
            task=TaskSpec(
                name=f"t{task}", dataset="d", fingerprint=f"{task}", kind="multilabel", metric="f1_macro", max_length=8
            ),
            recipe=RecipeSpec(name=f"r{recipe}", method=Component(name="tfidf", version=1, settings={"c": recipe})),
            seed=seed,
        )
        for seed in range(seeds)
        for recipe in range(recipes)
        for task in range(tasks)
    ]


def test_seeds_stay_whole_where_that_is_balanced() -> None:
    made = trials(4, 6)
    shards = deal(made, {trial.id: 1.0 + int(trial.recipe.name[1:]) for trial in made}, 3)
    assert imbalance(shards) == 0.0
    for one in shards:
        seeds = {trial.seed for trial in one.trials}
        assert len(one.trials) == 4 * len(seeds)
    uneven = deal(made, {trial.id: 1.0 for trial in made}, 4)
    assert imbalance(uneven) == 0.0


@given(st.lists(st.floats(1.0, 30.0), min_size=24, max_size=24), st.integers(2, 4))
def test_every_trial_is_dealt_once_and_no_machine_gets_much_more(costs: list[float], of: int) -> None:
    made = trials(4, 6)
    shards = deal(made, {trial.id: cost for trial, cost in zip(made, costs, strict=True)}, of)
    assert sorted(trial.id for one in shards for trial in one.trials) == sorted(trial.id for trial in made)
    assert max(one.seconds for one in shards) <= sum(costs) / of + max(costs)


def test_tasks_or_recipes_stay_together_where_that_is_asked_for() -> None:
    made = trials(3, 2, tasks=2)
    cost = {trial.id: 1.0 for trial in made}
    assert all(len({trial.task.name for trial in one.trials}) == 1 for one in deal(made, cost, 2, "task"))
    assert all(len({trial.recipe.name for trial in one.trials}) == 1 for one in deal(made, cost, 3, "recipe"))
    with pytest.raises(RunError, match="only 2 tasks"):
        deal(made, cost, 3, "task")


def test_what_is_made_of_others_stays_with_them() -> None:
    plain = trials(3, 4, tasks=2)
    made = [
        TrialSpec(
            task=one.task,
            recipe=RecipeSpec(name="both", method=Component(name="ensemble", version=1)),
            seed=one.seed,
            made_of=parts,
        )
        for one in plain
        if one.recipe.name == "r0"
        for parts in [
            {other.id: other.definition_hash for other in plain if (other.task, other.seed) == (one.task, one.seed)},
        ]
    ]
    every = [*plain, *made]
    cost = {trial.id: 1.0 for trial in every}
    for by, of in (("cost", 3), ("cost", 8), ("task", 2)):
        shards = deal(every, cost, of, by)  # type: ignore[arg-type]
        assert sorted(trial.id for shard in shards for trial in shard.trials) == sorted(cost)
        for shard in shards:
            places = [every.index(trial) for trial in shard.trials]
            assert places == sorted(places)  # what one is made of stands before it
            here = {trial.id for trial in shard.trials}
            assert all(set(trial.made_of) <= here for trial in shard.trials)
    with pytest.raises(RunError, match="only 8 groups of trials that are made of one another"):
        deal(every, cost, 9)
    with pytest.raises(RunError, match="only 1 groups of recipes that are made of one another"):
        deal(every, cost, 2, "recipe")


def results(run: RunFolder) -> dict[str, str]:
    return {path.parent.name: sha256_file(path) for path in sorted(run.trials.glob("*/result.json"))}


def go(drive: Drive, name: str, only: tuple[str, ...] = ()) -> RunFolder:
    order = replace(drive.course.order, run=RunFolder(drive.run.parent / name), only=only)
    run_study(order)
    return order.run


def test_three_shards_joined_are_the_run_of_one_machine(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=STUB)
    whole = go(drive, "whole")
    plan = drive.course.order.plan
    shards = deal(plan.trials, {trial.id: 1.0 for trial in plan.trials}, 3)
    runs = [
        go(drive, f"part-{number}", (",".join(f"id={trial.id[-10:]}" for trial in one.trials),))
        for number, one in enumerate(shards)
    ]
    assert [len(results(run)) for run in runs] == [4, 4, 4]
    assert not any(run.looks.exists() for run in runs)
    target = RunFolder(drive.run.parent / "joined")
    merged = merge(runs, target)
    assert results(target) == results(whole)
    assert [len(one.trials) for one in merged.sources] == [4, 4, 4]
    assert not merged.missing
    one, other = (current_analysis(run) for run in (target, whole))
    assert one.tasks == other.tasks
    # the joined run is one like any other
    assert run_study(replace(drive.course.order, run=target)).counts == {State.COMPLETE: 12}


def test_what_does_not_belong_is_refused(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=STUB)
    one = go(drive, "one", ("seed=1",))
    changed = go(drive_with(drive, signal=3.0), "changed", ("seed=1",))
    other = go(make_drive(STUDY.replace("epochs: 1", "epochs: 2"), stub=STUB), "other", ("seed=2",))
    foreign = go(make_drive(STUDY.replace("name: plain", "name: foreign"), stub=STUB), "foreign", ("seed=2",))
    target = RunFolder(drive.run.parent / "joined")
    for wrong, words in ((other, "its plan is not that of one"), (foreign, "a run of another study, foreign")):
        with pytest.raises(RunError, match=words):
            merge([one, wrong], target)
    with pytest.raises(RunError, match="two runs or more"):
        merge([one, one], target)
    with pytest.raises(RunError, match="not empty"):
        merge([one, other], one)
    with pytest.raises(RunError, match="different results of one trial"):
        merge([one, changed], target)
    assert not target.root.exists()


def drive_with(drive: Drive, **what: float) -> Drive:
    return replace(drive, stub={"": {**STUB[""], **what}})


def test_two_more_seeds_run_only_what_is_new_and_count_as_a_look(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY + "claims: [a beats b in f1_macro on demo]\n", stub=STUB)
    run = go(drive, "run")
    first = current_analysis(run)
    before = {trial.id: trial.attempts for trial in first.trials}
    more = replace(drive, overrides=("seeds=[1, 2, 3, 4, 5]",))
    run_study(replace(more.course.order, run=run))
    after = current_analysis(run)
    assert (first.looks, after.looks) == (1, 2)
    assert {trial.id: trial.attempts for trial in after.trials if trial.id in before} == before
    assert sum(trial.id not in before for trial in after.trials) == 8
    assert after.conclusions is not None
    assert "Test was opened for 2 different sets of trials" in after.conclusions.verdict.paragraph
    assert len(run.looks.read_text().splitlines()) == 2
    assert [len(json.loads(line)["trials"]) for line in run.looks.read_text().splitlines()] == [12, 20]
    assert len(read_plans(run)["final"].trials) == 20


def test_files_of_shards_stay_as_they_are(make_drive: MakeDrive, tmp_path: Path) -> None:
    drive = make_drive(STUDY, stub=STUB)
    runs = [go(drive, f"part-{seed}", (f"seed={seed}",)) for seed in (1, 2)]
    before = {path: sha256_file(path) for run in runs for path in run.root.rglob("*") if path.is_file() and path.name != "lock"}
    merged = merge(runs, RunFolder(tmp_path / "joined"))
    assert len(merged.missing) == 4
    assert {path: sha256_file(path) for path in before} == before
