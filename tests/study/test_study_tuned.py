"""How much a recipe was tuned is declared for the report, and changes no trial."""

from __future__ import annotations

from pathlib import Path

import yaml
from study_files import TASKS, FaultsOf, Load

from bakeoff.analysis.recipes import read_proposals
from bakeoff.study.loading import load_study

RECIPES = "recipes: {tfidf: {method: tfidf}, other: {method: {name: tfidf, ngrams: 1}}}\n"
TUNED = "tuned: {tfidf: {proposals: 3, source: 'studies/rates.yaml, on validation'}}\n"


def test_what_is_declared_reaches_the_analysis(load: Load, tmp_path: Path) -> None:
    study = load(TASKS + RECIPES + TUNED)
    assert study.tuned["tfidf"].proposals == 3
    resolved = yaml.safe_load(study.resolved_yaml())
    assert read_proposals(resolved) == {"tfidf": (3, "studies/rates.yaml, on validation")}
    again = tmp_path / "again.yaml"
    again.write_text(study.resolved_yaml())
    assert load_study(again).tuned == study.tuned


def test_it_is_no_part_of_a_recipe(load: Load) -> None:
    assert load(TASKS + RECIPES + TUNED).recipes == load(TASKS + RECIPES).recipes


def test_its_faults_are_named(faults_of: FaultsOf) -> None:
    faults = faults_of(TASKS + RECIPES + "tuned: {tfidff: {proposals: 3}, other: {proposals: 0}, tfidf: {tried: 2}}\n")
    told = "\n".join(str(fault) for fault in faults)
    assert len(faults) == 4  # the name, the bound, the unknown key and the missing one
    assert "tfidff" in told
    assert "tried" in told
    assert {fault.line for fault in faults} == {3}
