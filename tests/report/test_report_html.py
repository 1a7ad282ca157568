"""The report is one file that needs nothing else, says what it must, and lets no text of a user become markup."""

from __future__ import annotations

import csv
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.load import read_analysis
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State
from bakeoff.report import palette
from bakeoff.report.figures import shown, slug
from bakeoff.report.html import write_report
from bakeoff.report.words import kappa, threshold
from fabricate import Fabrication, complete_trial, fabricate, make_outputs, make_plan

SCRIPT = "<script>alert(1)</script>"
IMAGE = "\"'><img src=x onerror=alert(1)>"
KINDS = (
    "ranking",
    "loss",
    "validation",
    "thresholds-f1",
    "thresholds-precision",
    "thresholds-recall",
    "labels",
    "reliability",
    "differences",
)
VOID = {"meta", "wbr", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects elements and checks that they nest."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "nav" not in self.open:  # the list of contents says every heading once more
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = fabricate(tmp_path_factory.mktemp("report"))
    return write_report(run, analyse(run))


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    return Page(report)


def test_it_needs_nothing_from_outside(page: Page, report: Path) -> None:
    assert page.source.startswith("<!doctype html>")
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert not {"script", "link", "iframe", "object", "img"} & {tag for tag, _ in page.tags}
    places = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [link["href"] for link in page.all("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in places for link in links)  # within the page
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        assert not attributes.get("src")
        assert (attributes.get("href") or "#").startswith("#")
    outside = set(re.findall(r"https?://[^\s\"'<)]+", page.source)) - {"http://www.w3.org/2000/svg"}
    assert outside == set()
    assert report.stat().st_size < 3_000_000


def test_it_is_accessible(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    figures = page.all("svg")
    assert len(figures) == len(KINDS)
    for figure in figures:
        assert figure["role"] == "img"
        assert set((figure["aria-labelledby"] or "").split()) <= set(identities)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', page.source))
    assert used
    assert used <= set(identities)
    assert all(box.get("tabindex") == "0" and box.get("aria-label") for box in page.all("div") if box.get("class") == "scroll")


def test_the_answer_comes_first_and_the_proof_after(page: Page) -> None:
    order = [
        "Verdict: yellow",
        "The main claim is undecided: “bce beats tfidf by 5% in f1_macro on goemotions”.",
        "Found: bce",
        "What would likely decide it",
        "Supported and refuted are both earned",
        "What the answers rest on",
        "How this colour came about",
        "bce leads with",
        "A ranking is no proof",
        "Ranking",
        "1 of 3 trials did not complete (seed 2024 failed)",
        "Differences, and how sure they are",
        "Not shown to be worse, so possibly as good: lr-high, tfidf",
        "a trial of lr-high has no score",
        "All pairs as a matrix",
        "In what they differ from bce",
        "Label by label: bce − tfidf (exploratory)",
        "f1_macro at each threshold",
        "f1_macro on test, mean ± sd over seeds",
        "f1_macro on validation, mean ± sd over seeds",
        "bce: every threshold in full",
        "What tuning thresholds is worth",
        "Every metric at the tuned threshold",
        "average_precision_macro",
        "Learning curves",
        "Calibration",
        "Labels",
        "labels on which recipes lie farthest apart",
        "bce: every label",
        "gratitude",
        "4,000 examples, a stratified sample limited to 4,000",
        "differs from bce in training.learning_rate (0.0005 in place of 0.0001)",
        "training.max_skipped",
        "Trials",
        "the loss was not finite 25 times in a row",
        "bakeoff run study.yaml --run-dir . --only id=goemotions-lr-high-s2024-",
        "Deviations",
        "micro-batches of 16 in place of 32",
        "Do it again",
        "bakeoff run study.yaml --run-dir .",
        "Environment",
        "A CPU",
    ]
    place = 0
    for words in order:
        found = page.text.find(words, place)
        assert found >= 0, words
        place = found


def test_figures_follow_the_page_in_light_and_dark(page: Page) -> None:
    figures = page.source[page.source.index("<svg") : page.source.rindex("</svg>")]
    for colour, variable in palette.VARIABLES.items():
        assert colour not in figures.lower()
        assert page.source.count(f"{variable}: {colour};") == 1
        assert page.source.count(f"{variable}: {palette.DARK[colour]};") == 1
    assert "var(--series-1)" in figures
    assert "fill: #ffffff" not in figures
    assert "@media print" in page.source
    assert "@media screen and (prefers-color-scheme: dark)" in page.source


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [palette.INK, palette.MUTED, *palette.SERIES])
def test_contrast_is_enough_for_text(colour: str) -> None:
    for shade, ground in ((colour, "#f5f7fa"), (palette.DARK[colour], "#1b212a")):
        light, dark = sorted((luminance(shade), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_figures_are_files_too(report: Path) -> None:
    figures = report.parent / "figures"
    names = {path.name for path in figures.iterdir()}
    assert names == {f"{kind}-1-goemotions.{suffix}" for kind in KINDS for suffix in ("svg", "pdf", "png", "csv")}
    rows = list(csv.reader((figures / "ranking-1-goemotions.csv").read_text().splitlines()))
    assert rows[0] == ["recipe", "rank", "mean", "sd", "n", "low", "high", "seed", "score"]
    assert len(rows) == 1 + 8
    assert len({row[2] for row in rows if row[0] == "bce"}) == 1
    for path in figures.glob("*.svg"):
        assert ET.parse(path).getroot().tag.endswith("svg")
        assert "<text" in path.read_text()


def test_the_same_analysis_gives_the_same_bytes(tmp_path: Path, report: Path) -> None:
    run = fabricate(tmp_path / report.parent.name)
    again = write_report(run, analyse(run))
    assert again.read_bytes() == report.read_bytes()
    for path in (report.parent / "figures").iterdir():
        assert (run.figures / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_unfinished_run_is_marked_and_shows_no_test_score(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(ends={("bce", 2024): State.RUNNING}))
    page = Page(write_report(run, analyse(run, open_test=False)))
    assert "This run is not finished." in page.text
    assert "test not opened" in page.text
    assert "on test, mean" not in page.text
    assert "2024: running" in page.text


def test_no_text_of_a_user_becomes_markup(hostile_path: Path) -> None:
    wanted = Fabrication(
        recipes={f"bce{SCRIPT}": 2.0, f"tfidf{IMAGE}": 1.5, "_under $x_1$ \x07 日本 😀": 1.8, "x" * 200: 1.0},
        seeds=(1, 2),
        ends={(f"bce{SCRIPT}", 2): State.FAILED},
        baseline=f"tfidf{IMAGE}",
        labels=tuple(f"label {index}{SCRIPT}" for index in range(28)),
        task=f"../task{SCRIPT}{IMAGE}",
        dataset=f"data{SCRIPT}",
        study=f"study</title>{SCRIPT}",
        claims=(f"a beats b{SCRIPT}",),
        reason=f"</pre>{SCRIPT}{IMAGE}",
    )
    run = fabricate(hostile_path / f"run{SCRIPT.replace('/', '')}", wanted)
    report = write_report(run, analyse(run))
    page = Page(report)
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count("alert(1)") > 40  # it all stands there, as text
    assert "$x_1$" in page.text
    assert "日本 😀" in page.text
    names = sorted(path.name for path in run.figures.iterdir())
    assert len(names) == 4 * len(KINDS)
    assert all(re.fullmatch(r"[a-z0-9-]+\.(svg|pdf|png|csv)", name) for name in names)
    for path in run.figures.glob("*.svg"):
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(path).iter()}
        assert not {"script", "img"} & tags


def test_two_tasks_keep_their_figures_apart(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(task="a b", seeds=(1,), ends={}))
    first = make_plan(Fabrication(task="a b", seeds=(1,)))
    fabricate(tmp_path, Fabrication(task="A-B", seeds=(1,), ends={}, metric="f1_micro@0.3"))
    second = make_plan(Fabrication(task="A-B", seeds=(1,), metric="f1_micro@0.3"))
    second.model_copy(update={"trials": [*first.trials, *second.trials]}).write(run.plan("final"))
    page = Page(write_report(run, analyse(run)))
    assert len(list(run.figures.glob("*.svg"))) == 2 * len(KINDS)
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert "f1_micro at the fixed threshold 0.3" in page.text


def test_a_run_without_any_score_still_gets_a_report(tmp_path: Path) -> None:
    wanted = Fabrication(
        recipes={"bce": 2.0, "tfidf": 1.0}, seeds=(1,), ends={("bce", 1): State.FAILED, ("tfidf", 1): State.OOM}
    )
    run = fabricate(tmp_path, wanted)
    assert "No recipe can be ranked" in Page(write_report(run, analyse(run))).text


def test_names_for_files_and_figures() -> None:
    assert [slug(text) for text in ("Go Emotions", "../../etc", "日本", "a" * 99)] == ["go-emotions", "etc", "task", "a" * 40]
    assert shown("a\nb\x00c") == "a b c"
    assert shown("abcdef", 4) == "abc…"


def rows_of(report: Path, name: str) -> list[list[str]]:
    return list(csv.reader((report.parent / "figures" / f"{name}-1-goemotions.csv").read_text().splitlines()))


def test_figures_say_what_the_analysis_says(report: Path) -> None:
    (task,) = read_analysis(RunFolder(report.parent)).tasks
    by_name = {standing.recipe: standing for standing in task.standings}
    head, *rows = rows_of(report, "thresholds-recall")
    assert head == ["recipe", "threshold", "mean", "sd", "n"]
    assert len(rows) == 3 * 9
    assert all(float(mean) == by_name[recipe].test[rule]["recall_macro"].mean for recipe, rule, mean, *_ in rows)
    head, *rows = rows_of(report, "labels")
    assert head == ["label", "positives", "rare", "bce", "tfidf", "lr-high"]
    assert sorted(row[0] for row in rows) == sorted(task.data.labels)
    assert [int(row[1]) for row in rows] == sorted(task.data.positives["test"], reverse=True)
    assert all(float(row[3]) == by_name["bce"].labels.f1[task.data.labels.index(row[0])] for row in rows)
    head, *rows = rows_of(report, "reliability")
    assert len(rows) == 3 * 15
    assert sum(int(row[3]) for row in rows if row[0] == "bce") == 3 * 500 * 28


def test_every_threshold_and_label_of_each_recipe_stands_in_full(page: Page) -> None:
    for recipe in ("bce", "tfidf", "lr-high"):
        assert f"{recipe}: every threshold in full" in page.text
        assert f"{recipe}: every label" in page.text
    opened = [attributes for attributes in page.all("details") if "open" in attributes]
    assert (len(opened), len(page.all("details"))) == (2, 11)
    assert "details::details-content { content-visibility: visible" in page.source  # closed parts are printed too


def test_a_recipe_without_a_finite_score_has_no_table_of_nothing(tmp_path: Path) -> None:
    wanted = Fabrication(recipes={"bce": 2.0, "wild": 2.0}, seeds=(1,), ends={})
    run = fabricate(tmp_path, wanted)
    spec = next(spec for spec in make_plan(wanted).trials if spec.recipe.name == "wild")
    splits = {split: make_outputs(wanted, split, 2.0, 1) for split in ("validation", "test")}
    splits["validation"].outputs[0, 0] = np.inf
    complete_trial(run.trial(spec.id), spec, wanted, splits)
    page = Page(write_report(run, analyse(run)))
    assert "bce: every label" in page.text
    assert "wild: every" not in page.text
    assert "wild: outputs are not finite, so there is no score: seed 1 (outputs on validation" in page.text


def test_fifty_trials_stay_below_three_megabytes(tmp_path: Path) -> None:
    recipes = {"bce": 2.0, **{f"combined-{index}0-with-a-longer-name": 1.5 for index in range(9)}}
    run = fabricate(tmp_path, Fabrication(recipes=recipes, seeds=(1, 2, 3, 4, 5), ends={}, examples=60))
    analysis = analyse(run)
    assert len(analysis.trials) == 50
    assert write_report(run, analysis).stat().st_size < 3_000_000


def test_small_thresholds_are_not_rounded_away() -> None:
    assert [threshold(value) for value in (0.25, 0.0005678, 3.21e-9, 0.0, None)] == [
        "0.2500",
        "0.00057",
        "3.2e−09",
        "0.0000",
        "–",
    ]
    assert kappa([0.0, math.inf, 20.0, math.nan]) == "0, ∞, 20, –"
