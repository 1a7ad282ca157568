"""The list of contents follows the headings of a page."""

from __future__ import annotations

from bakeoff.report.contents import PLACE, add_contents


def test_headings_are_listed_and_linked() -> None:
    page = f"{PLACE}<h2>One</h2><h3>a &amp; <i>b</i></h3><h2>Two</h2><h2>Three</h2><h3 class='name'>not listed</h3>"
    assert add_contents(page) == (
        '<nav aria-label="Contents"><ul><li><a href="#part-1">One</a> · <a href="#part-2">a &amp; b</a></li>'
        '<li><a href="#part-3">Two</a> · <a href="#part-4">Three</a></li></ul></nav>'
        '<h2 id="part-1">One</h2><h3 id="part-2">a &amp; <i>b</i></h3><h2 id="part-3">Two</h2><h2 id="part-4">Three</h2>'
        "<h3 class='name'>not listed</h3>"
    )


def test_a_page_without_headings_has_no_list() -> None:
    assert add_contents(f"<p>{PLACE}</p>") == "<p></p>"
