"""Smoke runs of a study, with real workers: what they find, and what they teach of costs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from preflight_setups import Setup
from safetensors.numpy import load_file, save_file

from bakeoff.preflight.costs import read_costs
from bakeoff.preflight.findings import Severity
from bakeoff.preflight.smoke import representatives, smoke
from bakeoff.records.specs import Plan
from bakeoff.study.loading import load_study


def test_sound_recipes_pass_a_broken_one_is_named_and_costs_are_kept(setup: Setup) -> None:
    setup.change("training: {", "training: {learning_rate: 5e-3, head_learning_rate: 5e-2, ")
    setup.change(
        "recipes: {bce: {loss: bce}, focal: {loss: focal}",
        "recipes: {bce: {loss: bce}, torn: {model: ./torn}, two: {devices: 2}",
    )
    broken = setup.folder / "torn"
    broken.mkdir()
    for path in setup.model.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    tensors = load_file(broken / "model.safetensors")
    save_file({name: np.full_like(tensor, np.nan) for name, tensor in tensors.items()}, broken / "model.safetensors")
    readiness = setup.look()
    assert readiness.ready
    told: list[str] = []
    found = smoke(readiness, ["measure", "steps", "sanity"], told.append)
    assert [finding.where for finding in found.of(Severity.ERROR)] == ["recipes.torn"]
    assert "recipe torn on demo cannot be run" in found.of(Severity.ERROR)[0].what
    assert found.exit_code == 3
    assert "trying bce on demo: measure, steps, sanity" in told
    assert "trying two on demo: steps" in told
    (cost,) = read_costs(setup.home).entries.values()
    assert (cost.source, cost.key.family, cost.key.batch_size) == ("smoke", "bert", 16)
    assert list(setup.home.jobs.iterdir()) == []
    assert not (setup.folder / "runs").exists()


def test_nothing_is_tried_where_a_check_found_an_error(setup: Setup) -> None:
    (setup.model / "config.json").unlink()
    found = smoke(setup.look(), ["steps"], lambda text: (_ for _ in ()).throw(AssertionError(text)))
    assert found.checked[-1].passed_over == "something else stands against a run"


def test_recipes_are_alike_whatever_their_seeds_and_rates(setup: Setup) -> None:
    setup.change("focal: {loss: focal}", "focal: {loss: focal}, slow: {loss: bce, training: {learning_rate: 1e-5, epochs: 9}}")
    plan = setup.subject().plan
    assert isinstance(plan, Plan)
    assert [trial.recipe.name for trial in representatives(plan)] == ["bce", "focal", "tfidf"]


def test_a_study_that_has_to_be_sane_does_not_begin_otherwise(setup: Setup) -> None:
    tensors = load_file(setup.model / "model.safetensors")
    save_file({name: np.full_like(tensor, np.nan) for name, tensor in tensors.items()}, setup.model / "model.safetensors")
    text = setup.text.replace("focal: {loss: focal}, ", "") + "sanity: on\nprofiles: {quick: {sanity: off}}\n"
    (setup.folder / "study.yaml").write_text(text, encoding="utf8")
    command = [sys.executable, "-m", "bakeoff", "run", "study.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=setup.folder)
    assert done.returncode == 3, done.stderr
    assert "recipe bce on demo cannot be run: " in done.stderr
    assert not (setup.folder / "runs").exists()


@pytest.mark.parametrize(
    ("said", "profile", "wanted"),
    [
        ("", "", False),
        ("", "full", True),
        ("sanity: off\n", "full", False),
        ("sanity: on\n", "", True),
        ("sanity: on\n", "quick", True),
    ],
)
def test_the_profile_full_asks_for_sanity_unless_the_study_says_otherwise(
    said: str, profile: str, wanted: bool, setup: Setup
) -> None:
    path = setup.folder / "study.yaml"
    path.write_text(f"{setup.text}{said}profiles: {{full: {{seeds: [1]}}, quick: {{seeds: [2]}}}}\n", encoding="utf8")
    study = load_study(path, profile)
    assert study.has_to_be_sane is wanted
    path.write_text(study.resolved_yaml(), encoding="utf8")
    assert load_study(path).sanity == study.sanity
