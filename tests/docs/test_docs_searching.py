"""The studies of docs/searching.md load, and its tables name the keys that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bakeoff.study.loading import load_study
from bakeoff.study.rounds import Choice, Sweep

PAGE = (Path(__file__).parents[2] / "docs" / "searching.md").read_text(encoding="utf8")
BASE = """\
name: example
tasks: {demo: {dataset: demo}}
recipes: {full: {method: full}, lora: {method: lora}, words: {method: tfidf}}
baseline: words
seeds: [42, 1337]
"""
BEST = "best: 1\nstudy: s\nrecipes: {lora: {method: lora}}\ntuned: {lora: {proposals: 15, source: the sweep of s}}\n"


@pytest.mark.parametrize("number", range(3))
def test_its_examples_load(tmp_path: Path, number: int) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    assert len(examples) == 3
    best = tmp_path / "runs" / "lora-pipeline-default" / "best.yaml"
    best.parent.mkdir(parents=True)
    best.write_text(BEST, encoding="utf8")
    example = examples[number]
    tuned = re.fullmatch(r"recipes:\n  (tuned: .*)\n", example)
    text = BASE.replace("recipes: {", f"recipes: {{{tuned[1]}, ") if tuned else BASE + example
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf8")
    study = load_study(path)
    assert study.rounds or "tuned" in study.recipes


def test_its_tables_name_every_key() -> None:
    searched = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| ([^|]+) \|", PAGE.split("## Sweeps")[1], re.M))))
    assert set(Sweep.model_fields) - {"recipes"} <= searched
    chosen = set(re.findall(r"`(\w+):", " ".join(re.findall(r"^\| ([^|]+) \|", PAGE.split("## Sweeps")[0], re.M))))
    assert set(Choice.model_fields) <= chosen
