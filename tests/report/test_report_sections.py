"""Health, deviations, failures, environment, commands, budgets, examples: each named; nothing of a text unless asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.model import Analysis
from bakeoff.analysis.trial_model import Finding, FindingKind, GradientHealth
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State
from bakeoff.report import html
from bakeoff.report.examples_view import LONGEST, examples_view
from bakeoff.report.health_view import health_view
from bakeoff.report.html import write_report
from bakeoff.report.texts import ExampleTexts, Show
from fabricate import Fabrication, fabricate

WELL = GradientHealth(
    skipped_steps=0, dead_share=0.0, exploding_share=0.0, norm_median=0.12, norm_p95=0.3, norm_max=1.5, body_update=1e-3
)


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about figures, and drawing them takes seconds."""
    for name in ("make_figures", "comparison_figures"):
        monkeypatch.setattr(html, name, lambda *_: {})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Analysis]:
    run = fabricate(tmp_path_factory.mktemp("sections"), Fabrication(examples=80, seeds=(42, 1337), ends={}))
    return run, analyse(run)


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ({"constant_since": 40}, "dead: outputs were the same for every example from step 40"),
        ({"flat_since": 60}, "stalled: the loss was that of a constant answer from step 60"),
        ({"dead_share": 0.5}, "50% of its steps had next to no gradient"),
        ({"body_update": 1e-8}, "standstill"),
        ({"exploding_share": 0.02}, "gradients exploded in 2.0%"),
        ({"skipped_steps": 3}, "3 steps were skipped"),
    ],
)
def test_each_way_of_stalling_is_named(found: tuple[RunFolder, Analysis], ill: dict[str, object], words: str) -> None:
    _, analysis = found
    trials = [analysis.trials[0].model_copy(update={"health": WELL.model_copy(update=ill)}), *analysis.trials[1:]]
    (row,) = health_view(trials)
    assert any(words in stall for stall in row["stalls"])
    assert not health_view([trials[0].model_copy(update={"health": WELL})])[0]["stalls"]
    assert not health_view([trials[0].model_copy(update={"health": None})])


def test_health_and_warnings_stand_on_the_page(found: tuple[RunFolder, Analysis]) -> None:
    run, analysis = found
    update = {"health": WELL.model_copy(update={"constant_since": 40}), "warnings": ["said while it ran"]}
    page = page_of(run, changed(analysis, update))
    for words in ("Health of training", "dead: outputs were the same", "said while it ran", "0.12", "0.001"):
        assert words in page


def test_what_was_recognised_in_outputs_is_named_with_its_evidence(found: tuple[RunFolder, Analysis]) -> None:
    run, analysis = found
    kinds: dict[FindingKind, str] = {
        "collapsed": "it answers every example alike",
        "probabilities-off": "its probabilities are off",
        "not-finite": "outputs are not finite",
    }
    findings = [Finding(kind=kind, text=text, evidence=f"numbers of {kind}") for kind, text in kinds.items()]
    page = page_of(run, changed(analysis, {"findings": findings}))
    assert "What was recognised in outputs" in page
    for kind, text in kinds.items():
        assert f"bce, seed 42: {text} (numbers of {kind})" in page
        assert f'<span class="flag">{text}</span>' in page


def test_a_failure_says_why_where_and_what_to_do(found: tuple[RunFolder, Analysis]) -> None:
    run, analysis = found
    update: dict[str, object] = {
        "state": State.DIVERGED,
        "reason": "its reason",
        "where": "its place",
        "remedy": "its remedy",
        "log": "its/console.log",
        "last_lines": ["its last line but one", "its last line"],
        "again": "bakeoff run again",
    }
    page = page_of(run, changed(analysis, update))
    assert "bce, seed 42: diverged</h3>" in page
    for words in ("reason</dt><dd>its reason", "where</dt><dd>its place", "remedy</dt><dd>its remedy", "<code>its/console.log"):
        assert words in page
    assert "<pre>its last line but one\nits last line</pre>" in page
    assert "<pre>bakeoff run again</pre>" in page


def test_environment_and_exact_commands_stand_on_the_page(found: tuple[RunFolder, Analysis]) -> None:
    run, analysis = found
    page = page_of(run, analysis)
    assert analysis.commands
    for command in analysis.commands:
        assert f'<p class="quiet">{command.purpose}</p>\n<pre>{command.line}</pre>' in page
    (environment,) = analysis.environments
    assert {"python", "cpu.name"} <= set(environment.facts)
    for key, value in environment.facts.items():
        assert f'<tr><th scope="row">{key}</th><td>{value}</td></tr>' in page
    assert "6 of 6 trials</caption>" in page


def test_budgets_of_tuning_are_shown_and_unequal_ones_warned_of(found: tuple[RunFolder, Analysis]) -> None:
    run, analysis = found
    (task,) = analysis.tasks
    assert "Every recipe was tuned alike" in page_of(run, analysis)
    recipes = [task.recipes[0].model_copy(update={"proposals": 7, "tuned": "studies/rates.yaml"}), *task.recipes[1:]]
    page = page_of(run, analysis.model_copy(update={"tasks": [task.model_copy(update={"recipes": recipes})]}))
    assert "Every recipe was tuned alike" not in page
    warning = "Recipes were not tuned alike (settings tried: bce 7, lr-high 1, tfidf 1)"
    assert f'<p class="banner">{warning}' in page
    assert f"<li>{warning}" in page
    assert '<td class="setting">7 (studies/rates.yaml)</td>' in page


def test_a_deviation_is_marked_in_the_ranking_and_said_in_a_sentence(found: tuple[RunFolder, Analysis]) -> None:
    page = page_of(*found)
    assert page.count("1337†:") == 3
    assert "42†" not in page
    for recipe in ("bce", "lr-high", "tfidf"):
        assert f"<li>{recipe}, seed 1337: micro-batches of 16 in place of 32: other dropout draws</li>" in page
    assert "not run to the recipe&#39;s letter: seed 1337 (micro-batches of 16 in place of 32: other dropout draws)." in page


def test_examples_of_the_rarest_labels_are_found(found: tuple[RunFolder, Analysis]) -> None:
    (task,) = found[1].tasks
    assert task.missed
    assert all(entry.id.startswith("test-") and entry.label in entry.labels for entry in task.missed)
    assert all(entry.missed > 0 for entry in task.missed)
    positives = dict(zip(task.data.labels, task.data.positives["test"], strict=True))
    counts = [positives[entry.label] for entry in task.missed]
    assert counts == sorted(counts)


def test_nothing_of_an_example_is_shown_unless_asked(found: tuple[RunFolder, Analysis]) -> None:
    run, analysis = found
    (task,) = analysis.tasks
    first = task.missed[0].id
    texts = {task.name: {first: "a private sentence " + "x" * LONGEST}}
    none, ids, everything = (page_of(run, analysis, ExampleTexts(show, texts)) for show in (Show.NONE, Show.IDS, Show.ALL))
    assert first not in none
    assert "a private sentence" not in none + ids
    assert f"<code>{first}</code>" in ids
    assert "a private sentence" in everything
    assert "x" * LONGEST not in everything
    assert first not in page_of(run, analysis)


def test_no_test_example_is_named_before_test_is_opened(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=80, seeds=(42, 1337), ends={("bce", 42): State.RUNNING}))
    (task,) = analyse(run, open_test=False).tasks
    assert task.missed
    assert all(entry.id.startswith("validation-") for entry in task.missed)
    assert not examples_view(task, ExampleTexts())["rows"]


def changed(analysis: Analysis, update: dict[str, object]) -> Analysis:
    """The analysis with another first trial, which is of bce and seed 42."""
    return analysis.model_copy(update={"trials": [analysis.trials[0].model_copy(update=update), *analysis.trials[1:]]})


def page_of(run: RunFolder, analysis: Analysis, texts: ExampleTexts | None = None) -> str:
    return write_report(run, analysis, texts).read_text(encoding="utf-8")
