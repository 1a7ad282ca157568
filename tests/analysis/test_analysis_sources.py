"""A test set source by source: what is said of each is what would be said of it alone, corrected for all of them together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.model import Analysis
from bakeoff.analysis.source_model import SourceContrast, TaskSources
from bakeoff.metrics.scores import f1_macro
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Circumstances, Outputs, Result, State, TrialState, file_entry
from bakeoff.records.specs import MixSpec, Plan, TreatmentSpec, TrialSpec
from bakeoff.report.html import write_report
from bakeoff.stats.corrections import holm
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.margins import beats
from bakeoff.stats.replicates import replicates
from fabricate import Fabrication, make_plan

SEEDS = (1, 2, 3, 4, 5)
NAMES = ("a", "b")
LABELS = ("joy", "fear", "calm", "hope")
ROWS = 400
MIXES = {"both": MixSpec(temperature=3.0), "only-a": MixSpec(sources=["a"]), "only-b": MixSpec(sources=["b"])}
STRENGTH = {
    ("both", "a"): 3.0,
    ("both", "b"): 3.0,
    ("only-a", "a"): 3.0,
    ("only-a", "b"): 0.3,
    ("only-b", "a"): 0.3,
    ("only-b", "b"): 3.0,
}


def outputs(split: str, recipe: str, seed: int) -> Outputs:
    """Two sources of which the second does not annotate the last two labels; a recipe knows what it is trained on."""
    fixed, chance = np.random.default_rng(len(split)), np.random.default_rng([seed, len(recipe), len(split)])
    sources = (np.arange(ROWS) % 2).astype(np.int32)
    gold = (fixed.random((ROWS, len(LABELS))) < 0.3).astype(np.uint8)
    annotated = np.ones(gold.shape, dtype=bool)
    annotated[sources == 1, 2:] = False
    gold[~annotated] = 0
    strength = np.array([STRENGTH[recipe, NAMES[number]] for number in sources])[:, None]
    logits = (-1 + strength * (gold - 0.3) + chance.normal(size=gold.shape)).astype(np.float32)
    logits[~annotated] = chance.normal(0, 9, size=int((~annotated).sum()))  # anything at all
    return Outputs([f"{split}{n}" for n in range(ROWS)], logits, gold, sources=sources, annotated=annotated)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose recipes differ in their mix alone."""
    run = RunFolder(tmp_path_factory.mktemp("sources"))
    made = make_plan(Fabrication(recipes=dict.fromkeys(MIXES, 1.0), seeds=SEEDS, baseline="both"))
    trials = []
    for spec in made.trials:
        training = spec.recipe.training.model_copy(update={"learning_rate": 1e-4}) if spec.recipe.training else None
        treatment = TreatmentSpec(mix=MIXES[spec.recipe.name])
        recipe = spec.recipe.model_copy(update={"treatment": treatment, "training": training})
        trials.append(TrialSpec(task=spec.task, recipe=recipe, seed=spec.seed))
    Plan(**{**made.model_dump(exclude={"trials"}), "trials": trials}).write(run.plan("final"))
    run.study.write_text("bakeoff: 1\nname: sources\nclaims: []\n")
    for spec in trials:
        folder = run.trial(spec.id)
        for split, path in (("validation", folder.validation), ("test", folder.test)):
            path.parent.mkdir(parents=True, exist_ok=True)
            outputs(split, spec.recipe.name, spec.seed).write(path)
        manifest = {path.name: file_entry(path) for path in (folder.validation, folder.test)}
        training = {"labels": list(LABELS), "sources": list(NAMES), "train_examples": ROWS, "steps": 3, "history": []}
        Result(
            trial=spec.id, definition=spec.definition_hash, validation={"f1_macro": 0.4}, training=training, manifest=manifest
        ).write(folder.result)
        Circumstances(started="2026-01-01T00:00:00Z", ended="2026-01-01T00:00:01Z", seconds=1.0, attempts=1).write(
            folder.circumstances
        )
        TrialState(state=State.COMPLETE, attempt=1).write(folder.state)
    return run


@pytest.fixture(scope="module")
def analysis(run: RunFolder) -> Analysis:
    return analyse(run)


@pytest.fixture(scope="module")
def told(analysis: Analysis) -> TaskSources:
    assert analysis.conclusions is not None
    (found,) = analysis.conclusions.sources
    return found


def contrast(told: TaskSources, recipe: str, rival: str, source: str) -> SourceContrast:
    return next(one for one in told.contrasts if (one.recipe, one.rival, one.source) == (recipe, rival, source))


def test_each_recipe_is_scored_on_each_source_over_its_labels(analysis: Analysis, told: TaskSources) -> None:
    assert (told.names, told.examples, told.labels) == (["a", "b"], [200, 200], [4, 2])
    assert {(one.recipe, one.source): one.trained for one in told.scores} == {
        (recipe, source): source in ("a", "b") if recipe == "both" else recipe == f"only-{source}"
        for recipe in MIXES
        for source in NAMES
    }
    for one in told.scores:
        for trial, score in zip([t for t in analysis.trials if t.recipe == one.recipe], one.each, strict=True):
            stored = outputs("test", trial.recipe, trial.seed)
            rows, width = stored.sources == NAMES.index(one.source), 4 if one.source == "a" else 2
            assert trial.tuning is not None
            chances = 1 / (1 + np.exp(-stored.outputs[rows][:, :width].astype(float)))
            assert score == pytest.approx(f1_macro(stored.gold[rows][:, :width], chances >= trial.tuning.threshold))


def test_thresholds_are_tuned_on_what_a_recipe_is_trained_on(analysis: Analysis) -> None:
    from bakeoff.metrics.thresholds import tune_threshold

    for trial in analysis.trials:
        stored = outputs("validation", trial.recipe, trial.seed)
        rows = np.ones(ROWS, bool) if trial.recipe == "both" else stored.sources == NAMES.index(trial.recipe[-1])
        chances = 1 / (1 + np.exp(-stored.outputs[rows].astype(float)))
        assert trial.tuning is not None
        assert trial.tuning.threshold == pytest.approx(tune_threshold(stored.judged[rows], chances)[0])


def test_contrasts_are_those_of_the_verdict_on_the_source_alone(analysis: Analysis, told: TaskSources) -> None:
    groups = draw_groups(200)
    for one in told.contrasts:
        sides = []
        for recipe in (one.recipe, one.rival):
            decided, gold = [], None
            for trial in (t for t in analysis.trials if t.recipe == recipe):
                stored = outputs("test", recipe, trial.seed)
                part = stored.of(stored.sources == NAMES.index(one.source))
                assert trial.tuning is not None
                decided.append(1 / (1 + np.exp(-part.outputs.astype(float))) >= trial.tuning.threshold)
                gold = part.judged
            assert gold is not None
            sides.append(replicates(SEEDS, f1_macro, gold, decided, groups))
        estimate = beats(*sides)
        interval = estimate.interval(0.95)
        assert (one.value, one.low, one.high) == pytest.approx((estimate.value, interval.low, interval.high))
        assert one.p == pytest.approx(estimate.p_two_sided())
    assert [one.corrected for one in told.contrasts] == pytest.approx(holm([one.p for one in told.contrasts]).tolist())


def test_what_a_source_gives_is_told_where_nothing_else_differs(told: TaskSources) -> None:
    added = {(one.recipe, one.rival): one.added for one in told.contrasts}
    assert added == {("both", "only-a"): "b", ("both", "only-b"): "a"}, "each pair once, the one with the source first"
    assert contrast(told, "both", "only-a", "b").direction == "better"
    assert contrast(told, "both", "only-b", "a").direction == "better"
    assert contrast(told, "both", "only-a", "a").direction == "undecided"


def test_the_report_shows_the_matrix(run: RunFolder, analysis: Analysis) -> None:
    page = write_report(run, analysis).read_text()
    assert "trained on one, tested on another" in page
    assert "200 examples, 2 labels" in page
    assert page.count("helps") >= 2
    assert "helps on" in page
    cells = page.partition("Trained as the row says")[2].partition("</table>")[0]
    assert cells.count("•") == 4, "once for each source that a recipe is trained on"


def test_a_task_with_one_source_has_no_such_section(tmp_path: Path) -> None:
    from fabricate import fabricate

    found = analyse(fabricate(tmp_path, Fabrication(ends={}, examples=60)))
    assert found.conclusions is not None
    assert found.conclusions.sources == []
    assert "trained on one" not in write_report(RunFolder(tmp_path), found).read_text()
