"""What an analysis says of a run: scores, ranking, flags, facts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.load import read_analysis
from bakeoff.catalog.datasets import GOEMOTIONS_LABELS
from bakeoff.errors import RunError
from bakeoff.metrics.multilabel import sigmoid
from bakeoff.metrics.shrinkage import tune
from bakeoff.metrics.thresholds import tune_threshold
from bakeoff.records.results import Outputs, State
from fabricate import Fabrication, complete_trial, fabricate, make_outputs, make_plan, tear_log


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    return fabricate(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def analysis(run):
    return analyse(run)


def test_scores_are_scikit_learns_and_thresholds_come_from_validation_alone(run, analysis) -> None:
    trial = analysis.trials[0]
    folder = run.trial(trial.id)
    validation, test = Outputs.read(folder.validation), Outputs.read(folder.test)
    tuned, _ = tune_threshold(validation.gold, sigmoid(validation.outputs))
    labels = tune(validation.gold, sigmoid(validation.outputs)).labels
    assert trial.tuning.threshold == tuned
    assert trial.tuning.label_thresholds == labels.tolist()
    for split, outputs in (("validation", validation), ("test", test)):
        found = getattr(trial, split)
        for rule, threshold in {"0.2": 0.2, "0.3": 0.3, "0.5": 0.5, "tuned": tuned, "per-label": labels}.items():
            decided = sigmoid(outputs.outputs) >= threshold
            expected = f1_score(outputs.gold, decided, average="macro", zero_division=0)
            assert found.scores[rule]["f1_macro"] == pytest.approx(expected, abs=1e-12)
            expected = precision_score(outputs.gold, decided, average="micro", zero_division=0)
            assert found.scores[rule]["precision_micro"] == pytest.approx(expected, abs=1e-12)
            assert found.predicted_per_example[rule] == pytest.approx(decided.sum(axis=1).mean())
    assert trial.test.scores["tuned"]["f1_macro"] != trial.validation.scores["tuned"]["f1_macro"]


def test_means_and_ranking_are_over_seeds_on_test(analysis) -> None:
    (task,) = analysis.tasks
    assert task.split == "test"
    assert [standing.recipe for standing in task.standings] == ["bce", "tfidf", "lr-high"]
    assert (task.leader, task.reference, task.simple) == ("bce", "bce", "tfidf")
    best, simple, bad = task.standings
    scores = [t.test.scores["tuned"]["f1_macro"] for t in analysis.trials if t.recipe == "bce"]
    assert best.score.mean == pytest.approx(np.mean(scores))
    assert best.score.sd == pytest.approx(np.std(scores, ddof=1))
    assert best.score.n == 3
    assert best.test["tuned"]["f1_macro"] == best.score
    assert best.difference is None
    assert simple.difference == pytest.approx(simple.score.mean - best.score.mean)
    assert simple.unchanging  # its outputs are the same at every seed: no deviation is claimed
    assert math.isnan(simple.score.sd)
    assert (best.rank, simple.rank, bad.rank) == (1, 2, 0)


def test_failed_trials_stay_in_view(analysis) -> None:
    bad = analysis.tasks[0].standings[-1]
    assert (bad.planned, bad.complete, bad.failed) == (3, 2, 1)
    assert [flag.kind for flag in bad.flags] == ["incomplete", "deviating", "below-simple"]
    assert "seed 2024 failed" in bad.flags[0].text
    failed = next(trial for trial in analysis.trials if trial.state is State.FAILED)
    assert failed.reason == "the loss was not finite 25 times in a row"
    assert failed.again == f"bakeoff run study.yaml --run-dir . --only id={failed.id} --again-failed"
    assert failed.test is None
    assert len(failed.curve_steps) == 120
    assert analysis.counts == {"complete": 8, "failed": 1}


def test_facts_for_the_report(analysis) -> None:
    (task,) = analysis.tasks
    assert task.data.labels == list(GOEMOTIONS_LABELS)
    assert task.data.sizes == {"train": 4000, "validation": 500, "test": 500}
    assert task.data.limits["train"] == 4000
    assert len(task.data.positives["test"]) == 28
    assert [(d.key, d.there, d.here) for d in task.recipes[1].differences] == [("training.learning_rate", "0.0001", "0.0005")]
    assert task.recipes[0].settings["model.name"] == "minilm-l6"
    assert task.recipes[2].settings["method"] == "tfidf@1"
    first = analysis.trials[0]
    assert (len(first.curve_steps), first.curve_steps[0], first.curve_steps[-1]) == (200, 1, 300)
    assert [point.step for point in first.history] == [100, 200, 300]
    assert first.seconds == pytest.approx(125.4)
    assert [environment.facts["cpu.name"] for environment in analysis.environments] == ["A CPU"]
    assert len(analysis.environments[0].trials) == 8
    assert analysis.claims[0].status == "undecided"
    assert any(trial.deviations for trial in analysis.trials)


def test_the_same_folder_gives_the_same_bytes_anywhere(tmp_path: Path, hostile_path: Path) -> None:
    here, there = fabricate(tmp_path / "one"), fabricate(hostile_path / "two")
    stored = []
    for run in (here, here, there):
        assert analyse(run) == read_analysis(run)
        stored.append(run.analysis.read_bytes())
    assert stored[0] == stored[1] == stored[2]


def test_a_fixed_threshold_in_the_metric_ranks_by_it(tmp_path: Path) -> None:
    analysis = analyse(fabricate(tmp_path, Fabrication(metric="f1_micro@0.35", ends={})))
    (task,) = analysis.tasks
    assert (task.bare_metric, task.rule) == ("f1_micro", "0.35")
    assert task.standings[0].score == task.standings[0].test["0.35"]["f1_micro"]
    assert list(task.standings[0].test)[:5] == ["0.1", "0.2", "0.3", "0.35", "0.4"]


def test_collapsed_and_non_finite_trials_are_named(tmp_path: Path) -> None:
    wanted = Fabrication(recipes={"bce": 2.0, "flat": 2.0, "wild": 2.0}, ends={}, labels=tuple(f"L{i}" for i in range(28)))
    run = fabricate(tmp_path, wanted)
    for spec in make_plan(wanted).trials:
        splits = {split: make_outputs(wanted, split, 2.0, spec.seed) for split in ("validation", "test")}
        if spec.recipe.name == "flat" and spec.seed == 42:
            splits = {k: Outputs(v.ids, np.full_like(v.outputs, -1.0), v.gold) for k, v in splits.items()}
        elif spec.recipe.name == "wild" and spec.seed == 1337:
            splits["test"].outputs[3, 4] = np.nan
        else:
            continue
        complete_trial(run.trial(spec.id), spec, wanted, splits)
    (task,) = analyse(run).tasks
    flags = {standing.recipe: [flag.kind for flag in standing.flags] for standing in task.standings}
    assert flags == {"bce": ["deviating"], "flat": ["collapsed", "deviating"], "wild": ["not-finite", "deviating"]}
    wild = next(standing for standing in task.standings if standing.recipe == "wild")
    assert math.isnan(wild.score.mean)
    assert wild.rank == 0
    assert task.standings[-1] is wild
    assert [math.isnan(seed.score) for seed in wild.seeds] == [False, True, False]
    assert task.data.labels[3] == "L3"
    assert math.isnan(read_analysis(run).tasks[0].standings[-1].score.mean)


def test_one_seed_has_no_spread_and_no_baseline_means_the_simple_one(tmp_path: Path) -> None:
    (task,) = analyse(fabricate(tmp_path, Fabrication(seeds=(42,), ends={}, baseline=""))).tasks
    assert math.isnan(task.standings[0].score.sd)
    assert (task.reference, task.reference_is_declared) == ("tfidf", False)


def test_trials_scored_on_other_examples_are_not_compared(tmp_path: Path) -> None:
    wanted = Fabrication(ends={})
    run = fabricate(tmp_path, wanted)
    spec = make_plan(wanted).trials[4]
    splits = {split: make_outputs(wanted, split, 2.0, 1) for split in ("validation", "test")}
    splits["test"].gold[0, 0] ^= 1
    complete_trial(run.trial(spec.id), spec, wanted, splits)
    with pytest.raises(RunError, match="other test examples"):
        analyse(run)


def test_what_cannot_be_read_beside_the_result_is_noted(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    trials = make_plan(Fabrication()).trials
    tear_log(run.trial(trials[0].id))
    run.trial(trials[2].id).circumstances.write_text("{}")
    run.trial(trials[3].id).circumstances.unlink()
    run.study.write_text("claims: [")
    analysis = analyse(run)
    assert "log.jsonl of attempt 1" in analysis.trials[0].notes[0]
    assert "circumstances.json" in analysis.trials[2].notes[0]
    assert analysis.trials[3].seconds is None
    assert analysis.trials[3].notes == []
    assert "claims are not known" in analysis.notes[0]


def test_log_records_without_a_loss_are_no_curve(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    log = run.trial(make_plan(Fabrication()).trials[0].id).attempt(1).log
    log.write_text('{"event":"step","step":1}\n{"event":"step","step":2,"loss":"nan"}\n')
    trial = analyse(run).trials[0]
    assert (trial.curve_steps, trial.notes) == ([2], [])
    assert math.isnan(trial.curve_loss[0])


def test_a_folder_without_a_plan_is_no_run(tmp_path: Path) -> None:
    from bakeoff.records.paths import RunFolder

    with pytest.raises(RunError, match="no plan"):
        analyse(RunFolder(tmp_path))
