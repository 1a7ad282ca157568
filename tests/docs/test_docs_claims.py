"""Every example of docs/claims.md is read by the grammar that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from bakeoff.study.claims_checking import vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.verdict_rules import DEFAULT_GREEN, DEFAULT_YELLOW, Said, parse_rule

PAGE = (Path(__file__).parents[2] / "docs" / "claims.md").read_text()
KNOWN = vocabulary({key: ["goemotions"] for key in ("bce", "asl", "asl70-focal30")}, {"goemotions": ("multilabel", "f1_macro")})
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def examples(heading: str) -> list[str]:
    """The sentences in the first column of a section's table."""
    return ROW.findall(PAGE.split(f"## {heading}\n")[1].split("\n## ")[0])


def test_every_claim_is_read() -> None:
    about, observed = examples("Claims about recipes"), examples("Observations")
    assert len(about) == 12
    assert len(observed) == 6
    assert all(parse_claim(text, KNOWN).inferential for text in about)
    assert not any(parse_claim(text, KNOWN).inferential for text in observed)


def test_every_condition_is_read_as_one() -> None:
    conditions = examples("The verdict")
    assert len(conditions) == 11
    for text in conditions:
        (condition,) = parse_rule(text, KNOWN, 2).conditions
        assert condition.text == text
        assert isinstance(condition.means, Said) is (text == conditions[-1])


def test_the_rules_shown_are_the_defaults() -> None:
    shown = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])["verdict"]
    assert shown == {"green": DEFAULT_GREEN, "yellow": DEFAULT_YELLOW}
