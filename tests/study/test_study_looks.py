"""Declared looks in a study file: what fits together is kept, what does not is a fault with its line."""

from __future__ import annotations

import pytest
import yaml
from study_files import FaultsOf, Load

STUDY = "tasks: {demo: {dataset: demo}}\nrecipes: {a: {method: tfidf}, b: {method: majority}}\n"


def test_looks_are_read_and_written(load: Load) -> None:
    study = load(STUDY + "looks: {seeds: [4, 6, 10], alphas: [0.015, 0.015, 0.02]}\n")
    assert study.looks is not None
    assert (study.looks.seeds, study.looks.alphas) == ([4, 6, 10], [0.015, 0.015, 0.02])
    assert yaml.safe_load(study.resolved_yaml())["looks"] == {"seeds": [4, 6, 10], "alphas": [0.015, 0.015, 0.02]}
    assert load(STUDY).looks is None


@pytest.mark.parametrize(
    ("looks", "problem"),
    [
        ("{seeds: [4, 6], alphas: [0.05]}", "2 looks need as many alphas, found 1"),
        ("{seeds: [6, 4], alphas: [0.02, 0.03]}", "must rise"),
        ("{seeds: [4, 6], alphas: [0.03, 0.03]}", "spend 0.06 together"),
        ("{seeds: [1, 6], alphas: [0.02, 0.03]}", "at least 2"),
        ("{seeds: [4], alphas: [0]}", "0"),
        ("{seeds: [4]}", "missing"),
        ("{seeds: [], alphas: []}", "too short"),
    ],
)
def test_looks_that_do_not_fit_together_are_faults(faults_of: FaultsOf, looks: str, problem: str) -> None:
    found = faults_of(STUDY + f"looks: {looks}\n")
    assert any(fault.key.startswith("looks") and fault.line == 3 for fault in found)
    assert any(problem in fault.problem or problem in fault.allowed for fault in found), found
