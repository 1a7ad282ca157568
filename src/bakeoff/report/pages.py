"""The pages of a run, and the links from each to the others, there as soon as these are, whichever was written first."""

from __future__ import annotations

import re
from pathlib import Path

from bakeoff.records.files import write_bytes
from bakeoff.records.paths import RunFolder

PAGES = {
    "report.html": "Report",
    "drift.html": "Drift: how far training moved the models",
    "bench.html": "Benchmark: what it costs to use them",
}
"""What a page is called in links to it, by its name in the run folder."""
BEGIN, END = "<!-- pages -->", "<!-- end of pages -->"
"""Between these, a page has its links; a text of a user cannot hold them, since it is escaped."""
_LINKS = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


def write_page(run: RunFolder, path: Path, page: str) -> None:
    """Write a page, and let the others of the run link to it.

    Args:
        run: the run folder.
        path: of the page, in that folder.
        page: with the place for its links.
    """
    # a lone surrogate in a user's text cannot be written: it shows as "?"
    write_bytes(path, add_links(page, run, path.name).encode("utf-8", "replace"))
    for other in _others(run, path.name):
        before = (run.root / other).read_text(encoding="utf-8")
        after = add_links(before, run, other)
        if after != before:
            write_bytes(run.root / other, after.encode("utf-8"))


def add_links(page: str, run: RunFolder, name: str) -> str:
    """A page with links to the others that there are.

    Args:
        page: the page.
        run: the run folder.
        name: of the page in it.

    Returns:
        The page; as it was if it has no place for links.
    """
    links = " · ".join(f'<a href="{other}">{PAGES[other]}</a>' for other in _others(run, name))
    line = f'<nav class="quiet" aria-label="Pages of this run"><p>{links}</p></nav>' if links else ""
    return _LINKS.sub(lambda _: f"{BEGIN}{line}{END}", page, count=1)


def _others(run: RunFolder, name: str) -> list[str]:
    return [other for other in PAGES if other != name and (run.root / other).is_file()]
