"""`bakeoff verdict` and `bakeoff compare` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.analysis.verdict_model import Conclusions
from bakeoff.records.results import State
from fabricate import Fabrication, fabricate

Call = Callable[..., Any]
RECIPES = {"bce": 0.5, "asl": 3.0}


def made(root: Path, claims: list[str], **wanted: object) -> str:
    """A fabricated run with claims; its path."""
    chosen = {"recipes": RECIPES, "seeds": (1, 2, 3, 4, 5), "ends": {}, "examples": 200, "width": 3, **wanted}
    run = fabricate(root, Fabrication(**chosen))  # type: ignore[arg-type]
    run.study.write_text(yaml.safe_dump({"bakeoff": 1, "name": "x", "claims": claims}))
    return str(run.root)


@pytest.mark.parametrize(
    ("claim", "fail_on", "code"),
    [
        ("asl beats bce", "yellow", 0),
        ("asl beats bce by 99 points", "yellow", 20),
        ("asl is within 0.01% of 0.987", "yellow", 20),
        ("bce beats asl", "red", 20),
    ],
)
def test_the_exit_code_is_the_colour(call: Call, tmp_path: Path, claim: str, fail_on: str, code: int) -> None:
    said = call("verdict", made(tmp_path, [claim]), "--fail-on", fail_on)
    assert said.code == code
    assert claim in said.out


def test_yellow_can_pass(call: Call, tmp_path: Path) -> None:
    run = made(tmp_path, ["asl beats bce"], seeds=(1,))
    assert call("verdict", run).code == 10
    said = call("verdict", run, "--fail-on", "red")
    assert said.code == 0
    assert "Yellow. The main claim is undecided: “asl beats bce”." in said.out


def test_json_holds_everything_behind_it(call: Call, tmp_path: Path) -> None:
    said = call("verdict", made(tmp_path, ["asl beats bce"]), "--json")
    found = Conclusions.model_validate(json.loads(said.out))
    assert found.claims[0].parts[0].low > 0
    assert found.tasks[0].pairs


def test_there_is_no_verdict_before_the_end(call: Call, tmp_path: Path) -> None:
    said = call("verdict", made(tmp_path, ["asl beats bce"], ends={("asl", 2): State.PENDING}))
    assert said.code == 2
    assert "still to run" in said.err


def test_compare_prints_a_table_or_json(call: Call, tmp_path: Path) -> None:
    for name, wrong in (("a", 5), ("b", 2)):
        rows = [f"{n},x,{'y' if (n + seed) % wrong == 0 else 'x'},{seed}" for seed in (1, 2) for n in range(60)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,gold,prediction,seed", *rows]))
    files = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    said = call("compare", *files)
    assert said.code == 0
    assert "accuracy on 60 examples: a 0.8000 (2 seeds), b 0.5000 (2 seeds)" in said.out
    assert "2 seeds decide little" in said.out
    (found,) = json.loads(call("compare", *files, "--json", "--metric", "f1_macro").out)
    assert found["metric"] == "f1_macro"
    assert call("compare", files[0]).code == 2
    assert call("compare", *files, "--metric", "nonsense").code == 2
