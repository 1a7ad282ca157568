"""Scores of short and of long texts: the same as scoring these examples alone, in the analysis and on the page."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fabricate as fabrication
from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.lengths import BANDS, bands_of
from bakeoff.metrics.scores import f1_macro
from bakeoff.metrics.thresholds import decide
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outputs
from bakeoff.records.specs import Plan
from bakeoff.report.html import write_report
from fabricate import Fabrication, fabricate


@given(st.lists(st.integers(0, 40), min_size=BANDS, max_size=200))
def test_bands_hold_every_example_once_from_short_to_long(lengths: list[int]) -> None:
    values = np.array(lengths, dtype=np.int32)
    masks = bands_of(values)
    assert (np.sum(masks, axis=0) == 1).all()
    assert 1 <= len(masks) <= BANDS
    for shorter, longer in itertools.pairwise(masks):
        assert values[shorter].max() < values[longer].min()
    if len(set(lengths)) == len(lengths) and len(lengths) % BANDS == 0:
        assert len({int(mask.sum()) for mask in masks}) == 1


@pytest.fixture
def long_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs tell lengths, signals are lost in long texts, and the task reads in windows."""
    outputs, plan = fabrication.make_outputs, fabrication.make_plan

    def make_outputs(wanted: Fabrication, split: str, strength: float, noise: int) -> Outputs:
        found = outputs(wanted, split, strength, noise)
        lengths = np.random.default_rng(len(split)).permutation(wanted.examples).astype(np.int32) + 10
        signal = np.where(lengths[:, None] > 10 + wanted.examples // 2, 0.0, strength * found.gold)
        return replace(found, lengths=lengths, outputs=(found.outputs - strength * found.gold + signal).astype(np.float32))

    def make_plan(wanted: Fabrication) -> Plan:
        made = plan(wanted)
        trials = [
            trial.model_copy(update={"task": trial.task.model_copy(update={"long_text": "windows", "stride": 16})})
            for trial in made.trials
        ]
        return made.model_copy(update={"trials": trials})

    monkeypatch.setattr(fabrication, "make_outputs", make_outputs)
    monkeypatch.setattr(fabrication, "make_plan", make_plan)


def run_of(root: Path) -> RunFolder:
    wanted = Fabrication(recipes={"bce": 2.4, "tfidf": 1.0}, ends={}, examples=400, width=4, claims=())
    return fabricate(root, wanted)


def test_each_band_is_scored_as_if_it_stood_alone(tmp_path: Path, long_texts: None) -> None:
    run = run_of(tmp_path)
    analysis = analyse(run)
    assert analysis.conclusions is not None
    (told,) = analysis.conclusions.lengths
    assert (told.long_text, told.max_length) == ("windows", 128)
    assert [band.examples for band in told.bands] == [100, 100, 100, 100]
    for trial in analysis.trials:
        assert trial.tuning is not None
        found = Outputs.read(run.trial(trial.id).test)
        assert found.lengths is not None
        for band, scores in zip(told.bands, told.scores, strict=True):
            rows = (found.lengths >= band.shortest) & (found.lengths <= band.longest)
            given_labels = decide(1 / (1 + np.exp(-found.outputs[rows].astype(np.float64))), trial.tuning.threshold)
            (score,) = [one for one in scores if one.recipe == trial.recipe]
            expected = f1_macro(found.gold[rows].astype(bool), given_labels)
            assert score.each[fabrication.SEEDS.index(trial.seed)] == pytest.approx(expected)
            assert score.low is not None
            assert score.high is not None
            assert score.low < score.mean < score.high
    short, long = ({one.recipe: one.mean for one in told.scores[place]} for place in (0, 3))
    assert short["bce"] > long["bce"] + 0.2
    page = write_report(run, analysis).read_text(encoding="utf8")
    assert "Short texts and long ones" in page
    assert "is read in windows of as many" in page


def test_nothing_is_told_where_no_task_says_what_becomes_of_long_texts(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    analysis = analyse(run)
    assert analysis.conclusions is not None
    assert analysis.conclusions.lengths == []
    assert "Short texts and long ones" not in write_report(run, analysis).read_text(encoding="utf8")
