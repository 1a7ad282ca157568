"""What failed in silence is named, with its numbers, in analysis and report; and nothing is fitted on test."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import yaml

from bakeoff.analysis import scoring
from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.load import read_analysis
from bakeoff.metrics.multilabel import sigmoid
from bakeoff.metrics.scores import f1_macro, hamming_loss
from bakeoff.metrics.shrinkage import tune
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outputs
from bakeoff.report.html import write_report
from bakeoff.report.words import caveats, summary
from fabricate import Fabrication, complete_trial, fabricate, make_outputs, make_plan

Change = Callable[[Outputs], np.ndarray]


def without_skill(outputs: Outputs) -> np.ndarray:
    return np.random.default_rng(5).normal(-3, 1, outputs.outputs.shape)


def with_a_nan(outputs: Outputs) -> np.ndarray:
    changed = outputs.outputs.copy()
    changed[3, 4:6] = np.nan
    return changed


def constant(outputs: Outputs) -> np.ndarray:
    return np.tile(np.linspace(-4, -1, outputs.outputs.shape[1]), (len(outputs.ids), 1))


CHANGES: dict[str, Change] = {
    "shifted": lambda outputs: outputs.outputs - 6.0,
    "shifted-far": lambda outputs: outputs.outputs - 25.0,
    "constant": constant,
    "nan": with_a_nan,
    "noise": without_skill,
    # right on average, but never near one half
    "unsure": lambda outputs: np.minimum(0.6 * outputs.outputs - 1.2, -0.3),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    wanted = Fabrication(
        recipes={"bce": 2.6, "tfidf": 1.6, **dict.fromkeys(CHANGES, 2.6)}, ends={}, seeds=(42, 7), examples=1500
    )
    run = fabricate(tmp_path_factory.mktemp("run"), wanted)
    for spec in make_plan(wanted).trials:
        if spec.recipe.name in CHANGES:
            splits = {split: make_outputs(wanted, split, 2.6, spec.seed) for split in ("validation", "test")}
            change = CHANGES[spec.recipe.name]
            changed = {k: Outputs(v.ids, change(v).astype(np.float32), v.gold) for k, v in splits.items()}
            complete_trial(run.trial(spec.id), spec, wanted, changed)
    return run


@pytest.fixture(scope="module")
def analysis(run: RunFolder):
    return analyse(run)


@pytest.fixture(scope="module")
def page(run: RunFolder, analysis) -> str:
    return unescape(write_report(run, analysis).read_text())


def flags(analysis, recipe: str):
    standing = next(standing for standing in analysis.tasks[0].standings if standing.recipe == recipe)
    return standing, [flag for flag in standing.flags if flag.kind != "below-simple"]


EXPECTED = {
    "shifted": ("probabilities-off", "probabilities are off", "logits are too low by about 5."),
    "shifted-far": ("probabilities-off", "probabilities are off", "logits are too low by about 24"),
    "constant": ("collapsed", "outputs are the same for every example (collapsed)", "varies at all over 1,500 examples"),
    "nan": ("not-finite", "outputs are not finite, so there is no score", "2 of 42,000 outputs are nan or infinite"),
    "noise": ("no-skill", "at or below a constant answer: no skill", "the best constant answer"),
    "unsure": ("unsure", "never sure: probabilities are about right on average", "at threshold 0.5"),
}


@pytest.mark.parametrize("recipe", EXPECTED)
def test_each_is_named_for_what_it_is_with_its_evidence(analysis, page: str, recipe: str) -> None:
    kind, text, evidence = EXPECTED[recipe]
    _, (flag,) = flags(analysis, recipe)
    assert flag.kind == kind
    assert flag.text == f"{flag.text.partition(': seed')[0]}: seed 42, 7"
    assert text in flag.text
    assert evidence in flag.evidence
    assert flag.evidence.startswith("seed 42: ")
    sentence = next(sentence for sentence in caveats(analysis, analysis.tasks[0]) if sentence.startswith(f"{recipe}: "))
    assert sentence in page
    for trial in analysis.trials:
        if trial.recipe == recipe:
            (finding,) = trial.findings
            assert f"{recipe}, seed {trial.seed}: {finding.text} ({finding.evidence})" in page


def test_a_shifted_model_is_worthless_at_one_half_and_good_when_tuned(analysis) -> None:
    for recipe in ("shifted", "shifted-far"):
        standing, _ = flags(analysis, recipe)
        assert standing.test["0.5"]["f1_macro"].mean < 0.05
        assert standing.test["tuned"]["f1_macro"].mean > 0.4
        # it orders examples as well as the model whose logits are right
        assert standing.score.mean > flags(analysis, "bce")[0].score.mean - 0.05


def test_what_is_as_it_should_be_bears_no_flag(analysis, page: str) -> None:
    assert flags(analysis, "bce")[1] == []
    assert flags(analysis, "tfidf")[1] == []
    assert not any(trial.findings for trial in analysis.trials if trial.recipe in ("bce", "tfidf"))
    assert "bce: outputs" not in page


def test_no_skill_is_the_best_constant_answer_chosen_on_validation(run: RunFolder, analysis) -> None:
    folder = run.trial(analysis.trials[0].id)
    everything = {split: Outputs.read(getattr(folder, split)).gold.astype(bool) for split in ("validation", "test")}
    # with one label on every second example or none at all, giving every label to all is best for macro-F1
    for split, gold in everything.items():
        assert analysis.tasks[0].no_skill[split] == f1_macro(gold, np.ones_like(gold))
    assert hamming_loss(everything["test"], np.zeros_like(everything["test"])) < 0.1


def test_thresholds_and_temperature_never_see_test(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Fabrication(recipes={"bce": 2.6}, ends={}, seeds=(42,))
    seen: list[list[str]] = []
    real = scoring.fit

    def spy(measure, outputs):
        seen.append(outputs.ids)
        return real(measure, outputs)

    monkeypatch.setattr("bakeoff.analysis.analyse.fit", spy)
    tunings = []
    for name, strength, shift in (("one", 2.6, 0.0), ("two", 0.3, 9.0)):
        run = fabricate(tmp_path / name, wanted)
        (spec,) = make_plan(wanted).trials
        test = make_outputs(wanted, "test", strength, 3)
        turned = Outputs(test.ids, test.outputs[::-1] + np.float32(shift), 1 - test.gold)
        validation = make_outputs(wanted, "validation", 2.6, 42)
        complete_trial(run.trial(spec.id), spec, wanted, {"validation": validation, "test": turned})
        (trial,) = analyse(run).trials
        tunings.append(trial.tuning)
    assert tunings[0].gap != tunings[1].gap  # the raw gap is the one thing that test decides
    assert tunings[0].model_copy(update={"gap": {}}) == tunings[1].model_copy(update={"gap": {}})
    assert len(seen) == 2
    assert all(identity.startswith("validation-") for ids in seen for identity in ids)


def test_while_test_is_closed_there_is_no_gap(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(ends={}, seeds=(42,)))
    analysis = analyse(run, open_test=False)
    assert all(trial.tuning.gap == {} for trial in analysis.trials)
    assert all(standing.gap == {} and standing.optimism for standing in analysis.tasks[0].standings)
    page = write_report(run, analysis).read_text()
    assert "What tuning thresholds is worth" in page


def test_optimism_and_gap_are_told_apart(run: RunFolder, analysis) -> None:
    trial = analysis.trials[0]
    validation = Outputs.read(run.trial(trial.id).validation)
    tuned = tune(validation.gold, sigmoid(validation.outputs))
    assert trial.tuning.kappa == tuned.kappa
    assert trial.tuning.label_thresholds == tuned.labels.tolist()
    assert trial.tuning.optimism == {"tuned": tuned.optimism[0], "per-label": tuned.optimism[1]}
    for rule, gap in trial.tuning.gap.items():
        assert gap == trial.validation.scores[rule]["f1_macro"] - trial.test.scores[rule]["f1_macro"]
    # a kappa of infinity and thresholds that are nan survive the file
    stored = {trial.recipe: trial for trial in read_analysis(run).trials if trial.seed == 42}
    assert math.isinf(stored["constant"].tuning.kappa)
    assert stored["bce"].tuning == trial.tuning


def test_calibration_is_told_before_and_after_the_temperature(analysis, page: str) -> None:
    standing, _ = flags(analysis, "bce")
    found = standing.calibration
    assert len(found.counts) == len(found.said) == len(found.true) == 15
    assert sum(found.counts) == 2 * 1500 * 28
    trials = [trial for trial in analysis.trials if trial.recipe == "bce"]
    assert found.error.mean == pytest.approx(np.mean([trial.test.calibration.error for trial in trials]))
    assert found.scaled_error.mean < found.error.mean  # the fabricated logits are not sure enough
    assert found.temperature.mean < 1
    assert flags(analysis, "nan")[0].calibration is None
    assert "in 15 bins of equal width" in page
    assert f"{found.error.mean:.4f} ± " in page


def test_labels_that_differ_most_leave_out_what_has_no_skill(analysis) -> None:
    ranges = analysis.tasks[0].label_ranges
    assert len(ranges) == 28
    assert [entry.range for entry in ranges] == sorted((entry.range for entry in ranges), reverse=True)
    named = {entry.best for entry in ranges} | {entry.worst for entry in ranges}
    assert not named & {"constant", "noise", "nan"}
    first = ranges[0]
    by_name = {standing.recipe: standing for standing in analysis.tasks[0].standings}
    assert first.range == by_name[first.best].labels.f1[first.place] - by_name[first.worst].labels.f1[first.place]


def test_rare_labels_are_marked(analysis, page: str) -> None:
    data = analysis.tasks[0].data
    assert data.rare["test"] == [count < data.rare_below for count in data.positives["test"]]
    assert data.imbalance["test"] == max(data.positives["test"]) / min(data.positives["test"])
    rarest = data.labels[data.rare["test"].index(True)]
    assert f"{rarest} *" in page
    assert "admiration *" not in page


def declare(run: RunFolder, **more) -> None:
    study = yaml.safe_load(run.study.read_text())
    run.study.write_text(yaml.safe_dump({**study, **more}))


def test_unequal_tuning_is_warned_of(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(ends={}, seeds=(42,)))
    analysis = analyse(run)
    assert [recipe.proposals for recipe in analysis.tasks[0].recipes] == [1, 1, 1]
    page = write_report(run, analysis).read_text()
    assert "Every recipe was tuned alike: 1 setting tried of each" in page
    assert "not tuned alike" not in page
    declare(run, tuned={"bce": {"proposals": 3, "source": "three rates on validation"}, "lr-high": {"proposals": "many"}})
    analysis = analyse(run)
    assert [(recipe.proposals, recipe.tuned) for recipe in analysis.tasks[0].recipes] == [
        (3, "three rates on validation"),
        (1, ""),
        (1, ""),
    ]
    page = write_report(run, analysis).read_text()
    assert page.count("Recipes were not tuned alike (settings tried: bce 3, lr-high 1, tfidf 1)") == 2
    assert "3 (three rates on validation)" in page


def test_a_sweep_counts_as_tuning(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(ends={}, seeds=(42,)))
    declare(run, sweep={"recipes": ["lr-high"], "space": {}, "proposals": 15})
    facts = {recipe.name: recipe for recipe in analyse(run).tasks[0].recipes}
    assert (facts["lr-high"].proposals, facts["lr-high"].tuned) == (15, "the sweep of this study")
    assert facts["bce"].proposals == 1


def test_what_seeds_do_not_change_has_no_deviation(tmp_path: Path) -> None:
    run = fabricate(tmp_path / "more", Fabrication(ends={}, seeds=(42, 7, 99)))
    analysis = analyse(run)
    found = {standing.recipe: standing for standing in analysis.tasks[0].standings}
    assert {name: standing.unchanging for name, standing in found.items()} == {"bce": False, "lr-high": False, "tfidf": True}
    assert found["bce"].score.sd > 0
    assert (math.isnan(found["tfidf"].score.sd), found["tfidf"].score.n) == (True, 3)
    assert "±" not in summary(found["tfidf"].score)
    told = "The deviation (±) is that of 3 seeds on one test set. Seeds change nothing in tfidf: the same outputs at each"
    assert told in " ".join(caveats(analysis, analysis.tasks[0]))
    assert told in unescape(write_report(run, analysis).read_text())
    one = analyse(fabricate(tmp_path / "one", Fabrication(ends={}, seeds=(42,)))).tasks[0]
    assert not any(standing.unchanging for standing in one.standings)
    assert "deviation" not in " ".join(caveats(analysis, one))


@pytest.mark.parametrize("metric", ["average_precision_macro", "hamming_loss", "jaccard_samples"])
def test_other_metrics_rank_too(tmp_path: Path, metric: str) -> None:
    run = fabricate(tmp_path, Fabrication(metric=metric, ends={}, seeds=(42,)))
    analysis = analyse(run)
    (task,) = analysis.tasks
    assert task.leader == "bce"
    assert task.rule == ("none" if metric.startswith("average") else "tuned")
    assert task.higher_is_better == (metric != "hamming_loss")
    assert task.standings[0].score == task.standings[0].test[task.rule][metric]
    assert all(optimism.mean > -0.01 for optimism in task.standings[0].optimism.values())
    page = write_report(run, analysis).read_text()
    assert ("which needs no threshold" in page) == metric.startswith("average")
