"""Treatments in a study file: layers, faults, ids."""

from __future__ import annotations

import pytest
from study_files import TASKS, FaultsOf, Load

from bakeoff.records.specs import Component, MixSpec

OVER = Component(name="oversample", version=1, settings={"below": 100, "by": 0.5})


def test_a_treatment_is_resolved_over_the_defaults(load: Load) -> None:
    study = load(
        TASKS
        + "defaults: {treatment: {sampling: {name: oversample, below: 100}}}\n"
        + "recipes:\n  plain: {treatment: {sampling: null}}\n  over: {}\n  none: {treatment: null}\n"
        + "  more: {treatment: {sampling: {by: 1.5}, augmentation: token-noise}}\n"
        + "  other: {treatment: {sampling: undersample}}\n  tfidf: {method: tfidf}\n"
    )
    found = {name: recipe.treatment for name, recipe in study.recipes.items()}
    assert found["plain"] is found["none"] is found["tfidf"] is None
    assert found["over"] is not None
    assert found["over"].sampling == OVER
    assert found["over"].augmentation is None
    assert found["more"] is not None
    assert found["more"].sampling is not None
    assert found["more"].sampling.settings == {"below": 100, "by": 1.5}
    assert found["more"].augmentation is not None
    assert found["more"].augmentation.settings["delete"] == 0.1
    assert found["other"] is not None
    assert found["other"].sampling == Component(name="undersample", version=1, settings={"above": None})


def test_the_resolved_study_means_the_same(load: Load) -> None:
    text = TASKS + "recipes: {a: {treatment: {sampling: repeat-factor, augmentation: {name: token-noise, swap: 0.0}}}, b: {}}\n"
    study = load(text)
    again = load(study.resolved_yaml())
    assert again.recipes == study.recipes


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ("{treatment: {sampling: oversampel}}", "no sampling has this name"),
        ("{treatment: {sampling: token-noise}}", "no sampling has this name"),
        ("{treatment: {sampling: {name: oversample, by: 0}}}", "out of range"),
        ("{treatment: {samplings: oversample}}", "unknown key"),
        ("{treatment: {augmentation: {name: token-noise, delete: 0.0, swap: 0.0}}}", "neither deletes nor swaps"),
        ("{treatment: {augmentation: {name: token-noise, examples: repeats}}}", "no sampling draws an example once more"),
        ("{method: linear-probe, treatment: {augmentation: token-noise}}", "reads what a model made of the texts as they are"),
        ("{method: tfidf, treatment: {sampling: oversample}}", "takes no treatment"),
        ("{method: majority, treatment: {sampling: null}}", "takes no treatment"),
    ],
)
def test_what_cannot_be_is_a_fault(faults_of: FaultsOf, recipe: str, problem: str) -> None:
    faults = faults_of(TASKS + f"recipes: {{a: {recipe}}}\n")
    assert len(faults) == 1
    assert problem in faults[0].problem


def test_a_kind_of_task_that_is_not_sampled_is_a_fault(faults_of: FaultsOf) -> None:
    faults = faults_of(
        "tasks: {q: {dataset: squad_v2, kind: qa}}\nrecipes: {a: {loss: cross-entropy, treatment: {sampling: oversample}}}\n"
    )
    assert [fault.problem for fault in faults] == ["the sampling oversample is not for qa tasks"]


def test_tf_idf_heeds_a_mix_of_sources_and_nothing_else(load: Load) -> None:
    study = load(
        "tasks: {t: {kind: multilabel, sources: {a: {dataset: demo}, b: {dataset: demo}}}, u: {dataset: demo}}\n"
        "defaults: {treatment: {sampling: null, mix: {temperature: 2.0}}}\n"
        "recipes:\n  all: {method: tfidf, tasks: [t]}\n  one: {method: tfidf, tasks: [t], treatment: {mix: {sources: [b]}}}\n"
        "  single: {method: tfidf, tasks: [u]}\n  constant: {method: majority, tasks: [t]}\n"
    )
    found = {name: recipe.treatment for name, recipe in study.recipes.items()}
    assert found["single"] is found["constant"] is None
    assert found["all"] is not None and found["one"] is not None
    assert found["all"].mix == MixSpec(temperature=2.0)
    assert found["one"].mix == MixSpec(temperature=2.0, sources=["b"])
