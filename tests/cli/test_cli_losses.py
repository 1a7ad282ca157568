"""`bakeoff losses`: computed in a process of its own, shown as table, JSON and figures; and a loss of another package."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Call = Callable[..., Any]

PLUGIN = """
from bakeoff.catalog.cards import LossCard, Settings
from pydantic import Field


class HingeSettings(Settings):
    margin: float = Field(default=1.0, gt=0)


CARD = LossCard(name="hinge", version=2, summary="hinge", path="plug_hinge.code:make", settings=HingeSettings)
"""
CODE = """
import torch

from bakeoff.losses.base import Loss, widen


class Hinge(Loss):
    def __init__(self, settings, facts):
        super().__init__()
        self.margin = settings.margin

    def forward(self, logits, targets, progress):
        x = widen(logits)
        return targets * torch.relu(self.margin - x) + (1 - targets) * torch.relu(self.margin + x)


def make(settings, facts):
    return Hinge(settings, facts)
"""
CONTRACT = """
import numpy as np
from bakeoff.losses.base import LossFacts
from bakeoff.testing.losses import LossCase, check_loss

def reference(x, y, progress):
    return y * np.maximum(1.5 - x, 0) + (1 - y) * np.maximum(1.5 + x, 0)

check_loss(LossCase("hinge", {"margin": 1.5}, LossFacts((3, 5), 10), reference))
"""
STUDY = "tasks: {demo: {dataset: demo}}\nrecipes: {a: {loss: {name: hinge, margin: 2}}, b: {loss: bce}, t: {method: tfidf}}\n"


@pytest.fixture
def plugin(hostile_path: Path) -> dict[str, str]:
    """An installed distribution with a loss; the environment in which Python finds it."""
    package, facts = hostile_path / "plug_hinge", hostile_path / "plug_hinge-1.0.dist-info"
    package.mkdir()
    facts.mkdir()
    (package / "__init__.py").write_text(PLUGIN, encoding="utf8")
    (package / "code.py").write_text(CODE, encoding="utf8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-hinge\nVersion: 1.0\n", encoding="utf8")
    (facts / "entry_points.txt").write_text("[bakeoff.cards]\nhinge = plug_hinge:CARD\n", encoding="utf8")
    return {**os.environ, "PYTHONPATH": str(hostile_path)}


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=True)


def test_a_loss_of_another_package_keeps_the_contract_and_is_shown(plugin: dict[str, str], tmp_path: Path) -> None:
    run(plugin, "-c", CONTRACT)
    found = json.loads(run(plugin, "-m", "bakeoff", "losses", "hinge", "--json").stdout)
    assert [(entry["loss"], entry["version"], entry["settings"]) for entry in found] == [("hinge", 2, {"margin": 1.0})]
    assert found[0]["negative"]["wrong_sign"] == []
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf8")
    of_study = json.loads(run(plugin, "-m", "bakeoff", "losses", "--study", str(tmp_path / "study.yaml"), "--json").stdout)
    assert [(entry["loss"], entry["name"]) for entry in of_study] == [("a", "hinge"), ("b", "bce")]
    assert of_study[0]["settings"] == {"margin": 2.0}


def test_table_and_figures(call: Call, tmp_path: Path) -> None:
    said = call("losses", "bce", "asymmetric", "--figure", str(tmp_path / "figures"))
    assert said.code == 0, said.err
    lines = {
        line.split()[0]: line for line in said.out.splitlines() if line.split()[:1] and line.split()[0] in ("bce", "asymmetric")
    }
    assert "-0.9975 -0.5000 -0.0025" in lines["bce"]
    assert "+0.0731" in lines["asymmetric"]
    assert "negative from 7.9 to 12" in lines["asymmetric"]
    assert "right" in lines["bce"]
    assert "wrong" not in said.out.replace("wrong answer", "")
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    sides = ("positive", "negative")
    assert names == {f"loss-gradients-{side}.{kind}" for side in sides for kind in ("svg", "pdf", "png", "csv")}
    with (tmp_path / "figures" / "loss-gradients-negative.csv").open(encoding="utf8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["logit", "bce", "asymmetric"]
    at_zero = min(rows, key=lambda row: abs(float(row["logit"])))
    assert float(at_zero["bce"]) == pytest.approx(0.5, abs=1e-6)
    assert float(at_zero["asymmetric"]) == pytest.approx(0.0731, abs=1e-4)
    ElementTree.parse(tmp_path / "figures" / "loss-gradients-positive.svg")


def test_a_name_that_is_not_known_is_an_error_with_the_known_ones(call: Call, tmp_path: Path) -> None:
    said = call("losses", "asl")
    assert said.code == 2
    assert "no loss is called 'asl'" in said.err
    assert "asymmetric" in said.err
    (tmp_path / "study.yaml").write_text(STUDY.replace("name: hinge, margin: 2", "name: focal"), encoding="utf8")
    said = call("losses", "t", "--study", str(tmp_path / "study.yaml"))
    assert said.code == 2
    assert "no recipe with a loss is called 't'" in said.err
    assert "known: a, b" in said.err


def test_a_wrong_sign_is_said_in_the_table() -> None:
    from bakeoff.cli.losses import _row

    side = {"typical": [0.0, 0.0, -0.058, 0.0, 0.0], "wrong_sign": [-0.1, 0.0, 0.1], "vanishing": [5.0]}
    fine = {**side, "wrong_sign": [], "vanishing": []}
    entry = {
        "typical": [-6.0, -2.0, 0.0, 2.0, 6.0],
        "positive": fine,
        "negative": side,
        "overflow": {"fp32": [-1e4, 1e4], "bf16": []},
    }
    row = _row("inverted", entry)
    assert row["negative"] == "+0.0000 -0.0580 +0.0000"
    assert row["sign"] == "negative wrong from -0.1 to 0.1"
    assert row["vanishing"] == "negative at 5"
    assert row["overflow"] == "fp32 from -10000 to 10000"
