"""What the page says of data: the audit's findings and what samplings drew; ids only where they were asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.data_quality import DrawnLabels, drawn_labels
from bakeoff.analysis.folder import TrialRecord, read_plans, read_trials
from bakeoff.records.audits import Audit, AuditExample, AuditFinding, AuditRow, LabelDoubt, LabelPair, SplitAudit
from bakeoff.records.data_cards import CardSource, CardSplit, DataCard
from bakeoff.records.specs import Component, TreatmentSpec
from bakeoff.report import html
from bakeoff.report.html import write_report
from bakeoff.report.texts import ExampleTexts, Show
from fabricate import Fabrication, fabricate

PAYLOAD = "<script>alert('x')</script>"


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about figures, and drawing them takes seconds."""
    for name in ("make_figures", "comparison_figures"):
        monkeypatch.setattr(html, name, lambda *_: {})


def audit_of(fingerprint: str) -> Audit:
    row = AuditRow(split="test", id=PAYLOAD, labels=["joy"])
    found = AuditFinding(
        kind="leak",
        severity="warning",
        what=f"3 longer texts of test (4.0%) stand in train as well {PAYLOAD}",
        found=3,
        of=75,
        remedy="take them out",
        examples=[AuditExample(rows=[row], why="similarity 0.81")],
    )
    lengths = [30.0, 28.0, 60.0, 140.0]
    split = SplitAudit(
        rows=80, groups=77, characters=lengths, words=lengths, languages={"English": 70}, label_counts={"joy": 9}
    )
    return Audit(
        dataset="some",
        fingerprint=fingerprint,
        similarity=0.7,
        noise=True,
        labels=["joy"],
        findings=[found],
        splits={"test": split},
        pairs=[LabelPair(first="joy", second="love", together=12, lift=3.2, implied=0.4)],
        doubts=[LabelDoubt(label="joy", wrongly_given=4, wrongly_missing=1, quality=0.62)],
    )


def test_an_audit_that_the_run_kept_stands_on_the_page(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=60, seeds=(42, 1337), ends={}))
    before = analyse(run)
    assert before.tasks[0].audit is None
    assert "These data were not audited" in write_report(run, before).read_text("utf-8")
    path = run.audit(before.tasks[0].name)
    path.parent.mkdir()
    audit_of(before.tasks[0].data.fingerprint).write(path)
    analysis = analyse(run)
    assert analysis.inputs.keys() - before.inputs.keys() == {f"audits/{path.name}"}
    page = write_report(run, analysis).read_text("utf-8")
    for words in ("3 longer texts of test (4.0%)", "take them out", "wrongly given", ">3.2<", ">77<"):
        assert words in page
    assert "similarity 0.81" not in page  # an id was not asked for
    assert PAYLOAD not in page
    named = write_report(run, analysis, ExampleTexts(show=Show.IDS)).read_text("utf-8")
    assert "similarity 0.81" in named
    assert PAYLOAD not in named


def test_an_audit_of_other_data_is_not_shown(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=60, seeds=(42, 1337), ends={}))
    path = run.audit(analyse(run).tasks[0].name)
    path.parent.mkdir()
    audit_of("0" * 64).write(path)
    assert analyse(run).tasks[0].audit is None


def test_counts_meant_and_realised_stand_apart(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=60, seeds=(42, 1337), ends={}))
    analysis = analyse(run)
    (task,) = analysis.tasks
    labels = task.data.labels
    counts, aims = [10 + n for n in range(len(labels))], [15 + n for n in range(len(labels))]
    realised = [17.25 + n for n in range(len(labels))]
    drawn = DrawnLabels(
        recipe=task.standings[0].recipe, sampling="oversample", examples=1234, counts=counts, aims=aims, realised=realised
    )
    with_drawn = analysis.model_copy(update={"tasks": [task.model_copy(update={"drawn": [drawn]})]})
    page = write_report(run, with_drawn).read_text("utf-8")
    assert "oversample, 1,234 examples an epoch" in page
    assert '<td class="n">10</td><td class="n">15</td><td class="n">17.2</td><td class="n">1.73</td>' in page
    assert "What samplings drew" not in write_report(run, analysis).read_text("utf-8")


def test_realised_counts_are_means_over_seeds(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=60, seeds=(42, 1337), ends={}))
    records = list(read_trials(run, read_plans(run)).values())
    treatment = TreatmentSpec(sampling=Component(name="oversample", version=1))
    first = records[0].spec.recipe
    own = [record for record in records if record.spec.recipe.name == first.name]
    drawn = []
    for number, record in enumerate(own):
        assert record.result is not None
        told = {"examples": 9, "epochs": 2, "counts": [3, 6], "aims": [4, 6], "realised": [4.0 + number, 7.0]}
        result = record.result.model_copy(update={"training": {**record.result.training, "drawn": told}})
        spec = record.spec.model_copy(update={"recipe": first.model_copy(update={"treatment": treatment})})
        drawn.append(TrialRecord(spec, record.folder, record.state, result))
    (found,) = drawn_labels(drawn)
    assert (found.recipe, found.sampling, found.examples, found.realised) == (first.name, "oversample", 9, [4.5, 7.0])
    assert drawn_labels(own) == []


def test_the_card_that_the_run_kept_stands_on_the_page(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=60, seeds=(42, 1337), ends={}))
    assert analyse(run).tasks[0].card is None
    split = CardSplit(rows=1234, dropped={f"no label {PAYLOAD}": 5}, label_counts={"joy": 9, "grief": 2})
    source = CardSource(name="A", dataset="one", fingerprint="12" * 32, terms="CC0", rows={"train": 1234}, turns=2)
    card = DataCard(
        dataset="some",
        fingerprint="ab" * 32,
        terms=f"MIT {PAYLOAD}",
        splitting="80, 10 and 10 %",
        shared_ids=3,
        splits={"train": split},
        files={"x.csv": "0" * 64},
        sources=[source],
        partly=True,
    )
    run.card("goemotions").parent.mkdir()
    card.write(run.card("goemotions"))
    analysis = analyse(run)
    assert analysis.tasks[0].card == card
    assert set(analysis.tasks[0].treatments.values()) == {"4,000 examples, a stratified sample"}
    page = write_report(run, analysis).read_text()
    for said in ("1,234", "5 no label", "CC0", "80, 10 and 10 %", "their own names", "a stratified sample"):
        assert said in page
    assert "what is not annotated counts in no loss" in page
    assert PAYLOAD not in page


def test_a_card_of_other_data_is_not_shown(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(examples=60, seeds=(42, 1337), ends={}))
    run.card("goemotions").parent.mkdir()
    DataCard(dataset="x", fingerprint="cd" * 32, terms="", splitting="", shared_ids=0, splits={}, files={}).write(
        run.card("goemotions")
    )
    assert analyse(run).tasks[0].card is None
