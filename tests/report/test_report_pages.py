"""A run's pages link to one another, whichever was written first."""

from __future__ import annotations

from pathlib import Path

from bakeoff.records.paths import RunFolder
from bakeoff.report.pages import BEGIN, END, add_links, write_page

PAGE = f"<h1>study</h1>{BEGIN}{END}<main></main>"


def test_pages_link_to_one_another_whichever_was_written_first(hostile_path: Path) -> None:
    run = RunFolder(hostile_path)
    write_page(run, run.report, PAGE)
    assert run.report.read_text() == PAGE
    write_page(run, run.drift_page, PAGE)
    assert run.report.read_text().count('<a href="drift.html">') == 1
    assert run.drift_page.read_text().count('<a href="report.html">') == 1
    assert "drift.html" not in run.drift_page.read_text()
    write_page(run, run.report, PAGE)
    assert run.report.read_text().count('<a href="drift.html">') == 1
    run.drift_page.unlink()
    assert add_links(run.report.read_text(), run, "report.html") == PAGE


def test_a_page_of_an_older_version_is_left_as_it_is(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.report.write_text("<h1>old</h1>")
    write_page(run, run.drift_page, PAGE)
    assert run.report.read_text() == "<h1>old</h1>"


def test_what_cannot_be_written_as_utf8_is_shown_otherwise(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_page(run, run.report, "lone \ud800")
    assert run.report.read_text() == "lone ?"
