"""Settings of losses as a study writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.errors import StudyError
from bakeoff.study.loading import load_study
from bakeoff.study.schema import json_schema

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))


def load(tmp_path: Path, loss: str) -> dict[str, Any]:
    path = tmp_path / "study.yaml"
    path.write_text(f"tasks: {{demo: {{dataset: demo}}}}\nrecipes: {{a: {{loss: {loss}}}}}\n", encoding="utf8")
    found = load_study(path).recipes["a"].loss
    assert found is not None
    return found.settings


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (
            "{name: combined, asymmetric: 0.7, focal: 0.3}",
            {"asymmetric": 0.7, "focal": 0.3, "bce": 0.0, "weighting": "declared"},
        ),
        ("{name: combined, focal: [0, 1], bce: [1, 0]}", {"focal": [0.0, 1.0], "bce": [1.0, 0.0]}),
        ("{name: combined, ratio: 0.7}", {"ratio": 0.7, "mean_class_weights": "balanced"}),
        ("{name: combined, bce: 1, focal: 1, weighting: uncertainty}", {"weighting": "uncertainty"}),
        ("{name: asymmetric, gamma_neg: 2, gamma_pos: 1, clip: 0.05}", {"gamma_neg": 2.0, "gamma_pos": 1.0, "clip": 0.05}),
        ("{name: focal, alpha: null}", {"alpha": None, "gamma": 2.0}),
        ("{name: bce, class_weights: [1, 2.5]}", {"class_weights": [1.0, 2.5]}),
        ("bce", {"class_weights": "none", "label_smoothing": 0.0}),
    ],
)
def test_settings_are_filled_in(tmp_path: Path, loss: str, expected: dict[str, Any]) -> None:
    settings = load(tmp_path, loss)
    assert {key: settings[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("loss", "problem"),
    [
        ("combined", "no part has a weight"),
        ("{name: combined, focal: 0}", "no part has a weight"),
        ("{name: combined, ratio: 0.7, bce: 1}", "in place of the weights"),
        ("{name: combined, focal: [1, 0], weighting: uncertainty}", "plain numbers"),
        ("{name: combined, ratio: 0.5, weighting: uncertainty}", "plain numbers"),
        ("{name: combined, focal: [1, 0, 1]}", "focal"),
        ("{name: combined, focal: -1}", "focal"),
        ("{name: asymmetric, clip: 1}", "less than 1"),
        ("{name: bce, class_weights: [1, 0]}", "class_weights"),
        ("{name: bce, class_weights: balance}", "did you mean 'balanced'?|balanced"),
        ("{name: focal, gama: 2}", "gamma"),
    ],
)
def test_what_cannot_be_is_a_fault_of_the_study(tmp_path: Path, loss: str, problem: str) -> None:
    with pytest.raises(StudyError, match=problem) as caught:
        load(tmp_path, loss)
    assert len(caught.value.faults) == 1


def test_the_schema_of_the_study_file_has_no_dangling_reference() -> None:
    schema = json_schema()
    inner = [variant for variant in schema["$defs"]["loss"]["anyOf"] if "properties" in variant]
    assert {variant["properties"]["name"]["const"] for variant in inner} >= {"combined", "distribution-balanced"}
    assert all("$ref" not in str(variant) for variant in inner)
    assert all(field.get("description") for variant in inner for name, field in variant["properties"].items() if name != "name")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_load_with_every_profile(path: Path) -> None:
    for profile in (None, *yaml.safe_load(path.read_text(encoding="utf8")).get("profiles", {})):
        assert load_study(path, profile).recipes
