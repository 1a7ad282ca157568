"""The studies beside the code load in every profile, and the large ones say what they are to say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bakeoff.records.specs import ModelSpec
from bakeoff.study.loading import load_study
from bakeoff.study.planning import DatasetFacts, MachineFacts, make_plan, needed_datasets, needed_models

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
CHOICES = [(path, profile) for path in STUDIES for profile in ("", *(yaml.safe_load(path.read_text()).get("profiles") or {}))]
LOSSES = next(path for path in STUDIES if path.stem == "goemotions-losses")


@pytest.mark.parametrize(("path", "profile"), CHOICES, ids=[f"{path.stem} {profile}" for path, profile in CHOICES])
def test_each_profile_loads(path: Path, profile: str) -> None:
    study = load_study(path, profile)
    assert study.profile == profile
    assert study.recipes


def test_two_devices_share_a_batch_of_64_of_the_large_model() -> None:
    study = load_study(LOSSES, "deberta-large-2gpu")
    one = load_study(LOSSES, "deberta-large")
    datasets = {name: DatasetFacts(name, "print", ("joy", "fear")) for name in needed_datasets(study)}
    models = {
        request.key: ModelSpec(name=request.name, revision=request.revision, fingerprint="m", family="deberta-v2")
        for request in needed_models(study)
    }
    recipes = []
    for loaded in (study, one):
        plan = make_plan(loaded, datasets, models, MachineFacts(cores=16, bf16=True))
        assert [trial.recipe.devices for trial in plan.trials if trial.recipe.name == "tfidf"] == [1] * 5
        recipes.append(next(trial.recipe for trial in plan.trials if trial.recipe.name == "bce"))
    both, single = recipes
    assert both.training is not None
    assert single.training is not None
    assert (both.devices, both.training.batch_size, both.training.micro_batch_size) == (2, 64, 8)
    assert (single.devices, single.training.batch_size, single.training.micro_batch_size) == (1, 16, 4)
    assert both.model == single.model
    same = {"batch_size": 64, "micro_batch_size": 8}
    assert both.training == single.training.model_copy(update=same)
