"""Recipes that are made of others: their trials come last, know what they are made of, and have its content in their ids."""

from __future__ import annotations

import pytest
from study_files import FaultsOf, Load

from bakeoff.catalog.registry import cards
from bakeoff.records.specs import ModelSpec, Plan
from bakeoff.study.loading import load_study
from bakeoff.study.model import Study
from bakeoff.study.planning import DatasetFacts, MachineFacts, make_plan

MODELS = {"minilm-l6": ModelSpec(name="minilm-l6", fingerprint="m1", family="bert")}
STUDY = """\
name: made
tasks: {{demo: {{dataset: demo}}}}
recipes:
  {student}: {{method: {{name: distill, teacher: {teacher}, layers: 3}}}}
  ensemble: {{method: {{name: ensemble, of: [{teacher}]}}}}
  both: {{method: {{name: ensemble, of: [{teacher}, {student}]}}}}
  soup: {{method: {{name: weight-average, of: [{teacher}]}}}}
  {teacher}: {{training: {{learning_rate: {rate}}}}}
seeds: [3, 1]
"""


def text(student: str = "small", teacher: str = "large", rate: str = "1e-4") -> str:
    return STUDY.format(student=student, teacher=teacher, rate=rate)


def planned(study: Study) -> Plan:
    datasets = {name: DatasetFacts(name, f"{name}-print", ("joy", "fear")) for name in cards("dataset")}
    return make_plan(study, datasets, MODELS, MachineFacts(cores=2, bf16=False))


def test_what_is_made_of_others_comes_after_them(load: Load) -> None:
    plan = planned(load(text()))
    assert [(trial.recipe.name, trial.seed) for trial in plan.trials] == [
        ("large", 3),
        ("large", 1),
        ("small", 3),
        ("small", 1),
        ("ensemble", 3),
        ("soup", 3),
        ("both", 3),
        ("both", 1),
    ]
    ids = {(trial.recipe.name, trial.seed): trial.id for trial in plan.trials}
    made_of = {(trial.recipe.name, trial.seed): list(trial.made_of) for trial in plan.trials}
    assert made_of["large", 3] == []
    assert made_of["small", 1] == [ids["large", 1]], "a student has the teacher of its own seed"
    assert made_of["ensemble", 3] == made_of["soup", 3] == [ids["large", 3], ids["large", 1]]
    assert made_of["both", 1] == [ids["large", 1], ids["small", 1]]
    hashes = {trial.id: trial.definition_hash for trial in plan.trials}
    assert all(hashes[source] == digest for trial in plan.trials for source, digest in trial.made_of.items())


def test_an_id_says_what_a_trial_is_made_of_and_not_what_that_is_called(load: Load) -> None:
    def hashes(**changes: str) -> list[str]:
        return [trial.definition_hash for trial in planned(load(text(**changes))).trials]

    assert hashes() == hashes(student="tiny", teacher="huge")
    # every trial of the study depends on the teacher's rate, most of them by way of the teacher alone
    assert not set(hashes()) & set(hashes(rate="2e-4"))


def test_a_plan_is_read_as_it_was_written_and_the_resolved_study_means_the_same(load: Load) -> None:
    study = load(text())
    plan = planned(study)
    path = study.path.with_name("plan.json")
    plan.write(path)
    assert Plan.read(path) == plan
    resolved = study.path.with_name("resolved.yaml")
    resolved.write_text(study.resolved_yaml(), encoding="utf8")
    assert [trial.id for trial in planned(load_study(resolved)).trials] == [trial.id for trial in plan.trials]


@pytest.mark.parametrize(
    ("recipes", "problem"),
    [
        ("a: {method: {name: ensemble, of: [b]}}", "names a recipe that the study does not have: b"),
        ("a: {method: {name: ensemble, of: [a]}}", "a is made of itself"),
        ("a: {}\n  b: {method: {name: ensemble, of: [a, a]}}", "a recipe stands twice"),
        (
            "a: {}\n  b: {method: {name: ensemble, of: [a]}}\n  c: {method: {name: ensemble, of: [a, b]}}",
            "b is made of seeds, and has none",
        ),
        (
            "a: {method: tfidf}\n  b: {method: {name: distill, teacher: a}}",
            "the model of a (tfidf) cannot be used here",
        ),
        (
            "a: {method: lora}\n  b: {method: {name: weight-average, of: [a]}}",
            "the model of a (lora) cannot be used here",
        ),
        (
            "a: {pooling: first}\n  b: {method: {name: distill, teacher: a}}",
            "b and a do not begin with the same model and pooling",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(faults_of: FaultsOf, recipes: str, problem: str) -> None:
    found = faults_of(f"tasks: {{demo: {{dataset: demo}}}}\nrecipes:\n  {recipes}\nseeds: [1, 2]\n")
    assert problem in " / ".join(fault.problem for fault in found)


def test_one_seed_is_no_ensemble_and_phases_are_refused(faults_of: FaultsOf) -> None:
    study = "tasks: {demo: {dataset: demo}}\nrecipes:\n  a: {}\n  b: {method: {name: ensemble, of: [a]}}\n"
    (fault,) = faults_of(f"{study}seeds: [1]\n")
    assert fault.problem == "one seed of a is no ensemble"
    found = faults_of(f"{study}seeds: [1, 2]\nphases: [{{name: screen, seeds: [5, 6], choose: {{top: 1}}}}, {{name: final}}]\n")
    assert "phases may leave these out" in " / ".join(fault.problem for fault in found)
