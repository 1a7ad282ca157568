"""No text of a user becomes markup, a script, a request or a formula: in the page as parsed, and in a browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.model import Analysis, Command
from bakeoff.records.results import State
from bakeoff.report.html import POLICY, write_report
from bakeoff.report.texts import ExampleTexts, Show
from chromium import CHROMIUM, MISSING, Chromium
from fabricate import Fabrication, fabricate
from payloads import AWAY, MARK, PAYLOADS

PLAIN = tuple(f"{place:02d}".ljust(len(payload), "x") for place, payload in enumerate(PAYLOADS))
"""As many, and as long as the payloads: the seed of what is fabricated depends on the length of a name."""
SPOKEN = ("aria-label", "aria-labelledby", "id", "content")
"""Attributes whose values may hold a text, or depend on one."""
LINES = ("reason", "where", "remedy", "log", "again")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)


class Shape(HTMLParser):
    """Elements and attributes in order; of figures, whose ticks depend on the width of texts, the kinds alone; and words."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.outline: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.drawn: set[tuple[str, tuple[str, ...]]] = set()
        self.words: list[str] = []
        self.inside = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.inside:
            self.drawn.add((tag, tuple(name for name, _ in attrs)))
        else:
            said = tuple((name, None if name in SPOKEN or tag == "svg" else value) for name, value in attrs)
            self.outline.append((tag, said))
        self.inside = self.inside or tag == "svg"

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "svg"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def dressed(analysis: Analysis, texts: tuple[str, ...]) -> tuple[Analysis, ExampleTexts]:
    """The analysis with a text of its own in every place that a user, a library or a machine can write to."""
    lines = list(texts)
    trials = [
        trial.model_copy(
            update={
                **{key: texts[(place + number) % len(texts)] for number, key in enumerate(LINES)},
                "last_lines": lines,
                "warnings": lines,
                "notes": lines,
                "deviations": lines,
                "environment": dict(zip(PLAIN, lines, strict=True)),
            }
        )
        for place, trial in enumerate(analysis.trials)
    ]
    task = analysis.tasks[0]
    missed = [entry.model_copy(update={"id": texts[place]}) for place, entry in enumerate(task.missed)]
    flags = [flag.model_copy(update={"text": text, "evidence": text}) for flag in task.standings[0].flags[:1] for text in texts]
    standings = [task.standings[0].model_copy(update={"flags": flags}), *task.standings[1:]]
    data = task.data.model_copy(update={"source": texts[3], "terms": texts[4], "summary": texts[5], "dataset": texts[9]})
    tasks = [task.model_copy(update={"missed": missed, "standings": standings, "data": data})]
    claims = [analysis.claims[0].model_copy(update={"text": text}) for text in texts]
    commands = [Command(purpose=text, line=text) for text in texts]
    shown = {task.name: {texts[place]: texts[(place + 7) % len(texts)] for place in range(len(missed))}}
    whole = {"trials": trials, "tasks": tasks, "claims": claims, "commands": commands, "notes": lines, "profile": texts[12]}
    return analysis.model_copy(update=whole), ExampleTexts(Show.ALL, shown)


def rendered(folder: Path, texts: tuple[str, ...]) -> Path:
    """A report in which names, labels and everything that `dressed` changes are these texts."""
    wanted = Fabrication(
        recipes={texts[0]: 2.0, texts[28]: 1.5, texts[29]: 1.2},
        seeds=(1, 2),
        ends={(texts[0], 2): State.FAILED},
        baseline=texts[28],
        labels=texts[1:29],
        # short, or what it leaves of the recipe's name in a trial's folder no longer tells two plain ones apart
        task=texts[26],
        study=texts[10],
        claims=texts[:1],
        examples=80,
    )
    run = fabricate(folder, wanted)
    analysis, shown = dressed(analyse(run), texts)
    return write_report(run, analysis, shown)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("hostile"), PAYLOADS)


def test_thirty_payloads_add_no_element_and_no_attribute(hostile: Path, tmp_path: Path) -> None:
    assert len(set(PAYLOADS)) == 30
    found = Shape(hostile.read_text(encoding="utf-8"))
    expected = Shape(rendered(tmp_path / "plain", PLAIN).read_text(encoding="utf-8"))
    assert found.outline == expected.outline
    assert found.drawn <= expected.drawn
    words = " ".join(found.words)
    assert all(payload in words for payload in PAYLOADS)  # they all stand there, as text


def test_no_cell_of_a_figure_is_a_formula(hostile: Path) -> None:
    tables = [path.read_text(encoding="utf-8") for path in (hostile.parent / "figures").glob("*.csv")]
    cells = [cell for table in tables for row in csv.reader(table.splitlines()) for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    for cell in cells:
        if cell.startswith(("=", "+", "-", "@")):
            float(cell)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as made:
        yield made


@needs_chromium
@pytest.mark.parametrize("unguarded", [False, True], ids=["with its policy", "without it"])
def test_a_browser_runs_nothing_and_asks_for_nothing(hostile: Path, browser: Chromium, unguarded: bool) -> None:
    assert done(browser, hostile, unguarded) == (False, {hostile.as_uri()})


@needs_chromium
@pytest.mark.parametrize("payload", [0, 3, 7, 20, 22])
def test_the_same_payload_is_seen_where_nothing_is_escaped(browser: Chromium, tmp_path: Path, payload: int) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(f'<!doctype html><title>t</title><body><p title="{PAYLOADS[payload]}">{PAYLOADS[payload]}</p>')
    ran, asked = done(browser, bad, unguarded=False)
    assert ran or AWAY in asked


@needs_chromium
def test_the_policy_alone_would_keep_scripts_out(browser: Chromium, tmp_path: Path) -> None:
    bad, policy = tmp_path / "bad.html", f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    bad.write_text(f"<!doctype html><head>{policy}<title>t</title><body><script>{MARK}</script><img src=x onerror={MARK}>")
    assert not done(browser, bad, unguarded=False)[0]
    assert done(browser, bad, unguarded=True)[0]


EVENTS = ("mouseover", "focus", "click", "toggle", "error", "load")
TOUCH = f"""document.querySelectorAll('*').forEach(part => {list(EVENTS)}.forEach(
  name => part.tagName == 'SUMMARY' || part.dispatchEvent(new Event(name))))"""


def done(browser: Chromium, page: Path, unguarded: bool) -> tuple[bool, set[str]]:
    """Whether anything ran in a page, every element of which is touched, and all that it asked for."""
    browser.open(page, unguarded)
    browser.evaluate(TOUCH)
    browser.settle()
    ran = browser.evaluate("document.documentElement.getAttribute('data-ran')") is not None
    return ran or "Page.javascriptDialogOpening" in browser.events, set(browser.requests)
