"""`bakeoff data audit` and `data draws`, and what a run repeats and keeps of an audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.records.audits import Audit
from bakeoff.records.data_cards import DataCard

Call = Callable[..., Any]
HEADER = "id,text,label,split\n"


@pytest.fixture
def leaky(call: Call, tmp_path: Path) -> str:
    """An imported dataset, half of whose test texts stand in train."""
    words = ("river", "stone", "garden", "window", "market", "letter", "winter", "candle", "forest", "bridge")
    texts = [f"{words[n % 10]} and {words[n // 10]} by the {words[n % 7]} of number {n * 7919}" for n in range(90)]
    lines = [f"t{n},{text},{'ab'[n % 2]},train" for n, text in enumerate(texts[:60])]
    lines += [f"v{n},{text},{'ab'[n % 2]},validation" for n, text in enumerate(texts[60:80])]
    lines += [f"e{n},{text},{'ab'[n % 2]},test" for n, text in enumerate([*texts[80:], *texts[:10]])]
    (tmp_path / "own.csv").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf8")
    name = "leaky-" + tmp_path.name.replace("_", "-").strip("-")[-20:]
    assert call("data", "import", name, str(tmp_path / "own.csv")).code == 0
    return name


def test_an_audit_says_what_it_found_by_severity(call: Call, leaky: str) -> None:
    said = call("data", "audit", leaky, "--examples", "2")
    assert said.code == 3
    assert "1 error" in said.out
    assert "10 longer texts of test (50.0%) stand in train as well" in said.out
    assert "river and river by the river of number 0" in said.out


def test_an_audit_is_json_and_is_kept(call: Call, leaky: str) -> None:
    body = json.loads(call("data", "audit", leaky, "--no-noise", "--json").out)
    audit = Audit.model_validate(body)
    assert audit.noise is False
    assert audit.findings[0].kind == "leak"
    assert [row.id for row in audit.findings[0].examples[0].rows] == ["e10", "t0"]


def test_a_study_s_data_are_audited(call: Call, study: str) -> None:
    said = call("data", "audit", study, "--no-noise")
    assert said.code == 0
    assert "demo: 1,500 rows, 28 labels" in said.out


def test_a_name_that_nothing_has_is_an_error(call: Call) -> None:
    said = call("data", "audit", "nothing-of-this-name")
    assert said.code == 2
    assert "remedy" in said.err or "known" in said.err


def test_a_run_repeats_what_is_severe_and_keeps_the_audit(call: Call, study: str, leaky: str) -> None:
    near = Path("near.yaml")
    near.write_text(
        Path(study).read_text("utf8").replace("{dataset: demo}", f"{{dataset: {leaky}, kind: single-label}}"), "utf8"
    )
    found = Audit.model_validate(json.loads(call("data", "audit", leaky, "--no-noise", "--json").out))
    checked = call("check", str(near), "--json")
    names = {finding["check"] for finding in json.loads(checked.out)["findings"]}
    assert "dataset-leaks" in names  # whole texts have a check of their own, of which the audit does not say a second time
    said = call("run", str(near), "--no-check", "--trials", "1", "--run-dir", "here")
    assert said.code == 0
    assert Audit.read(Path("here") / "audits" / "demo.json") == found
    card = DataCard.read(Path("here") / "cards" / "demo.json")
    assert (card.dataset, card.fingerprint, card.splits["train"].rows) == (leaky, found.fingerprint, 60)


def test_draws_are_shown_before_anything_is_trained(call: Call, hostile_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hostile_path)
    Path("s.yaml").write_text(
        "tasks: {demo: {dataset: demo}}\nrecipes:\n  plain: {}\n"
        "  over: {treatment: {sampling: {name: oversample, below: 20, by: 1.0}}}\nseeds: [1]\n",
        "utf8",
    )
    said = call("data", "draws", "s.yaml")
    if said.code:  # no model is installed here
        pytest.skip("minilm-l6 is not installed")
    (found,) = json.loads(call("data", "draws", "s.yaml", "--json").out)
    rare = [label for label in found["labels"] if label["rows"] < 20]
    assert rare
    assert all(label["meant"] == 2 * label["rows"] <= label["realised"] for label in rare)
    assert found["examples"] == found["rows"] + sum(label["rows"] for label in rare)
    assert f"over on demo: oversample; an epoch draws {found['examples']:,} of 898 examples" in said.out
    assert "no recipe of this study draws" in call("data", "draws", "s.yaml", "--set", "recipes.over.treatment=null").out
