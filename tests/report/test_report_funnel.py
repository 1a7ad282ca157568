"""How far each recipe came is drawn from decisions alone."""

from __future__ import annotations

from bakeoff.analysis.funnel_model import Funnel
from bakeoff.records.decisions import Candidate, Decision, Spent
from bakeoff.report.funnel_figures import Way, drawn_phases, ways_of

NOTHING = Spent(trials=1, seconds=1.0, steps=1, examples=1)


def decision(place: int, phase: str, *candidates: tuple[str, float, bool]) -> Decision:
    return Decision(
        phase=phase,
        place=place,
        rule="",
        metrics={"t": "f1"},
        results="",
        candidates=[
            Candidate(task="t", recipe=recipe, score=score, seeds=[score], goes_on=on, reason="")
            for recipe, score, on in candidates
        ],
        spent=NOTHING,
    )


def funnel(*decisions: Decision, entered: list[str], stopped: str = "") -> Funnel:
    counts = dict.fromkeys(entered, 1)
    return Funnel(phases=list(decisions), entered=counts, spent=dict.fromkeys(entered, NOTHING), stopped=stopped)


SCREEN = decision(1, "screen", ("a", 0.5, True), ("b", 0.4, True), ("c", 0.1, False))
EXTEND = decision(2, "extend", ("b", 0.6, True), ("a", 0.3, False))


def test_lines_go_on_to_the_last_phase_or_end_where_a_recipe_fell() -> None:
    found = funnel(SCREEN, EXTEND, entered=["screen", "extend", "final"])
    assert drawn_phases(found) == ["screen", "extend", "final"]
    assert ways_of(found, "t", ["b"]) == [
        Way("a", (1, 2), 0.3, False, 0),
        Way("b", (2, 1, 1), 0.6, True, 1),
        Way("c", (3,), 0.1, False, 2),
    ]


def test_what_a_sweep_did_not_judge_takes_no_place() -> None:
    found = funnel(decision(1, "sweep", ("a", 0.5, True), ("b", 0.4, True)), entered=["sweep", "sweep-again", "final"])
    assert drawn_phases(found) == ["sweep", "final"]
    assert [way.places for way in ways_of(found, "t", ["words", "b", "a"])] == [(1, 2), (2, 1)]
    # while nothing is ranked yet, the order of the phase before holds
    assert [way.places for way in ways_of(found, "t", [])] == [(1, 1), (2, 2)]


def test_after_a_gate_there_is_no_further_phase() -> None:
    found = funnel(SCREEN, entered=["screen"], stopped="screen")
    assert drawn_phases(found) == ["screen"]
    assert [way.places for way in ways_of(found, "t", [])] == [(1,), (2,), (3,)]
