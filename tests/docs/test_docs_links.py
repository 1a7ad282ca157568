"""Links of the documentation lead somewhere, and the README's first commands are the ones that are tried elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])


def headings(page: Path) -> set[str]:
    """Anchors of a page, as the usual renderers make them."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf8"), re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf8")):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        if not file.exists() or (anchor and anchor not in headings(file)):
            dead.append(target)
    assert dead == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [PROJECT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf8"))
        waiting += [(page.parent / link).resolve() for link in links if not link.startswith("http")]
    assert set(PAGES) <= reached


def test_quick_start_begins_with_two_commands() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf8")
    section = re.search(r"^## Quick start$(.*?)(?=^## )", text, re.M | re.S)
    assert section
    commands = re.findall(r"^```bash\n(.*)\n```$", section.group(1), re.M)
    assert len(commands) >= 2
    run, test = commands[:2]
    assert run == "pip install -e '.[demo]' -c constraints.txt && bakeoff run demo"
    assert test.startswith("pip install -e '.[test,demo]' -c constraints.txt && pytest")


def test_every_pin_of_torch_is_without_local_label() -> None:
    pins = (PROJECT / "constraints.txt").read_text(encoding="utf8").splitlines()
    assert "torch==2.13.0" in pins
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.!]+", line) for line in pins)
