"""Looks that are declared in advance: each spends its share, and what one decided stays decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.spending import ALPHA, Spending, read_spending
from bakeoff.analysis.verdict_model import Conclusions
from bakeoff.records.paths import RunFolder
from bakeoff.report.verdict_view import error_rate, looks
from bakeoff.stats.looks import Looks
from fabricate import Fabrication, fabricate

DECLARED = {"seeds": [4, 6], "alphas": [0.02, 0.03]}
CLAIMS = ["asl beats bce", "bce beats asl", "asl is within 1 point of bce"]


def concluded(run: RunFolder, declared: Any) -> Conclusions:
    study = {"bakeoff": 1, "name": "x", "claims": CLAIMS, **({"looks": declared} if declared else {})}
    run.study.write_text(yaml.safe_dump(study))
    found = analyse(run).conclusions
    assert found is not None
    return found


def fabricated(root: Path, seeds: int) -> RunFolder:
    recipes = {"bce": 0.6, "asl": 3.0}
    return fabricate(root, Fabrication(recipes=recipes, seeds=tuple(range(1, seeds + 1)), ends={}, examples=300, width=4))


def test_each_look_spends_its_share(tmp_path: Path) -> None:
    for seeds, alpha in ((4, 0.02), (6, 0.03)):
        found = concluded(fabricated(tmp_path / str(seeds), seeds), DECLARED)
        assert (found.alpha, found.seeds) == (alpha, seeds)
        assert [(look.seeds, look.alpha) for look in found.declared] == [(4, 0.02), (6, 0.03)]
        assert [claim.answer for claim in found.claims] == ["supported", "refuted", "refuted"]
        assert "all 2 declared looks together, the chance of a single wrong answer is to be at most 5 %" in error_rate(found)
        assert f"This is look {(4, 6).index(seeds) + 1} of 2." in looks(found)


def test_what_an_earlier_look_decided_stays_decided(tmp_path: Path) -> None:
    found = concluded(fabricated(tmp_path, 6), DECLARED)
    assert {claim.decided_at for claim in found.claims} == {4}
    assert "supported since the look at 4 seeds" in found.claims[0].reason
    # where the first look may spend next to nothing, it is the second that decides
    later = concluded(fabricated(tmp_path / "later", 6), {"seeds": [4, 6], "alphas": [1e-30, 0.05]})
    assert {claim.decided_at for claim in later.claims} == {6}
    assert "since the look" not in later.claims[0].reason


def test_where_no_look_was_declared_nothing_is_decided(tmp_path: Path) -> None:
    found = concluded(fabricated(tmp_path, 4), {"seeds": [5, 8], "alphas": [0.02, 0.03]})
    assert found.alpha == 0
    assert {claim.answer for claim in found.claims} == {"undecided"}
    assert "no look was declared at 4 seeds" in found.claims[0].reason
    assert {(pair.direction, pair.relevance) for task in found.tasks for pair in task.pairs} == {("undecided", "undecided")}
    assert "At 4 seeds none was declared" in looks(found)


def test_looks_that_are_declared_after_the_first_are_told(tmp_path: Path) -> None:
    run = fabricated(tmp_path, 6)
    assert not concluded(run, None).changed_looks
    found = concluded(run, DECLARED)
    assert found.changed_looks
    assert "the error rate above does not hold" in looks(found)
    other = fabricated(tmp_path / "other", 6)
    assert not concluded(other, DECLARED).changed_looks
    assert not concluded(other, DECLARED).changed_looks
    assert concluded(other, {"seeds": [6], "alphas": [0.05]}).changed_looks


def test_without_declared_looks_one_spends_everything(tmp_path: Path) -> None:
    found = concluded(fabricated(tmp_path, 5), None)
    assert (found.alpha, found.declared) == (ALPHA, [])
    assert {claim.decided_at for claim in found.claims} == {None}


def test_spending() -> None:
    declared = Looks((3, 5), (0.02, 0.03))
    assert [look.seeds for look in Spending(5, declared).earlier] == [3]
    assert Spending(4, declared).alpha == 0
    assert Spending(4).alpha == ALPHA
    notes: list[str] = []
    assert read_spending({"looks": {"seeds": [3]}}, 3, notes) == Spending(3)
    assert "cannot be read" in notes[0]


@pytest.mark.parametrize("seeds", [4, 6])
def test_intervals_of_all_contrasts_together_are_wider(tmp_path: Path, seeds: int) -> None:
    for claim in concluded(fabricated(tmp_path, seeds), DECLARED).claims:
        for part in claim.parts:
            assert part.wide_low < part.low < part.value < part.high < part.wide_high
