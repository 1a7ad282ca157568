"""The list of contents of a page, made from its headings: whatever section is added, it is found."""

from __future__ import annotations

import itertools
import re

PLACE = "<!-- contents -->"
"""Where the list goes."""
_HEADING = re.compile(r"<h([23])>(.*?)</h\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def add_contents(page: str) -> str:
    """Give each heading without attributes an id, and list them.

    Args:
        page: the page, with `PLACE` where the list goes; texts in headings are escaped.

    Returns:
        The page with a list of links to its parts: a line a section with its parts, sections without parts in one line.
    """
    numbers = itertools.count(1)
    lines: list[list[str]] = []

    def mark(found: re.Match[str]) -> str:
        level, text = found.groups()
        identity = f"part-{next(numbers)}"
        link = f'<a href="#{identity}">{_TAG.sub("", text).strip()}</a>'
        if level == "2" or not lines:
            lines.append([link])
        else:
            lines[-1].append(link)
        return f'<h{level} id="{identity}">{text}</h{level}>'

    marked = _HEADING.sub(mark, page)
    items = "".join(f"<li>{' · '.join(links)}</li>" for links in _joined(lines))
    return marked.replace(PLACE, f'<nav aria-label="Contents"><ul>{items}</ul></nav>' if lines else "", 1)


def _joined(lines: list[list[str]]) -> list[list[str]]:
    """Sections without parts that follow one another share a line."""
    found: list[list[str]] = []
    alone = False
    for links in lines:
        if alone and len(links) == 1:
            found[-1] += links
        else:
            found.append(list(links))
        alone = len(links) == 1
    return found
