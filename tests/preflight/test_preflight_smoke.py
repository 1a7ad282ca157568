"""Smoke runs of a study, with real workers: what they find, and what they teach of costs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from preflight_setups import Setup
from safetensors.numpy import load_file, save_file

from bakeoff.cli.main import main
from bakeoff.preflight.costs import read_costs
from bakeoff.preflight.findings import Severity
from bakeoff.preflight.smoke import representatives, smoke
from bakeoff.records.specs import Plan
from bakeoff.running import warm
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


BROKEN_RECIPES = """
bakeoff: 1
name: broken
tasks: {demo: {dataset: demo, max_length: 60, train_limit: 64}}
defaults:
  model: ./model
  training: {threads: 1, precision: fp32, epochs: 1, batch_size: 16, learning_rate: 5e-3, head_learning_rate: 5e-2}
recipes: {sound: {loss: bce}, forget: {loss: bce, training: {clip_norm: 2}}, freeze: {loss: focal}, merge: {loss: asymmetric}}
seeds: [1]
sanity: on
limits: {disk_reserve: 1MB}
"""


def test_no_trial_begins_of_a_study_whose_models_lose_their_head_freeze_or_cannot_learn(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    worker = Path(__file__).with_name("broken_worker.py")
    monkeypatch.setattr(warm, "WORKER_COMMAND", (sys.executable, "-P", str(worker)))
    (setup.folder / "study.yaml").write_text(BROKEN_RECIPES, encoding="utf8")
    monkeypatch.setattr(sys, "argv", ["bakeoff", "run", "study.yaml"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capfd.readouterr().err
    assert end.value.code == 3, said
    for words in (
        "recipe forget on demo cannot be run: the stored weights do not fit: head.weight, head.bias",
        "weights are frozen, and the method full trains all",
        "recipe merge on demo: ten examples are not learned by heart",
    ):
        assert words in said
    assert "recipe sound" not in said
    assert said.count("error: ") == 3
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
