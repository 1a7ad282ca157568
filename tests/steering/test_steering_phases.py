"""A study goes from screen to final: what is chosen, what test shows when, and that kills change nothing."""

from __future__ import annotations

import csv
import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from driving import Drive, MakeDrive

from bakeoff import api
from bakeoff.analysis.analyse import analyse, current_analysis
from bakeoff.analysis.folder import read_plans, read_trials
from bakeoff.analysis.gate import open_test
from bakeoff.analysis.verdict import exit_code
from bakeoff.errors import RunError, UnfinishedError
from bakeoff.records.decisions import Decision
from bakeoff.records.files import sha256_file
from bakeoff.records.results import State
from bakeoff.report.html import write_report
from bakeoff.running.events import Decided, Event, PhaseBegan, TrialBegan
from waiting import until

STUDY = """\
name: phased
tasks: {demo: {dataset: demo}}
defaults: {training: {epochs: 1, threads: 1}}
recipes: {a: {loss: bce}, b: {loss: focal}, c: {loss: asymmetric}, words: {method: tfidf}}
baseline: words
seeds: [1, 2]
claims: ["any of [a, b, c] reaches 0.1 in f1_macro on demo", "b beats words"]
limits: {disk_reserve: 0B}
profiles:
  small: {tasks: {demo: {train_limit: 100}}}
  middle: {tasks: {demo: {train_limit: 200}}}
phases:
  - {name: screen, profile: small, seeds: 1, choose: {top: 2, by: f1_macro@0.5}}
  - {name: extend, profile: middle, seeds: 2, choose: {top: 1}}
  - {name: final}
"""
BASE = {"steps": 4, "rungs": 2, "examples": 60}


def stub(**signals: float) -> dict[str, dict[str, Any]]:
    told = {"a": 2.0, "b": 1.2, "c": 0.5, "words": 0.3} | signals
    return {name: {**BASE, "signal": signal} for name, signal in told.items()}


def results(drive: Drive) -> dict[str, str]:
    return {path.parent.name: sha256_file(path) for path in sorted(drive.folder.trials.glob("*/result.json"))}


def recipes_of(drive: Drive) -> dict[str, list[str]]:
    return {phase: sorted({trial.recipe.name for trial in plan.trials}) for phase, plan in read_plans(drive.folder).items()}


def test_from_screen_to_final_with_one_look(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=stub())
    events: list[Event] = []
    summary = drive.go(events.append)
    assert summary.finished
    assert summary.exit_code == 0
    assert recipes_of(drive) == {"screen": ["a", "b", "c", "words"], "extend": ["a", "b", "words"], "final": ["a", "words"]}
    assert [event.plan.phase for event in events if isinstance(event, PhaseBegan)] == ["screen", "extend", "final"]
    assert [event.decision.phase for event in events if isinstance(event, Decided)] == ["screen", "extend"]
    assert not drive.folder.looks.exists()
    found = current_analysis(drive.folder)
    looks = drive.folder.looks.read_text().splitlines()
    assert len(looks) == 1
    assert json.loads(looks[0])["recipes"] == ["a", "words"]
    assert len(json.loads(looks[0])["trials"]) == 4
    assert (found.phase, found.opened, found.looks) == ("final", True, 1)
    # no seed of a choice measures what was chosen
    seeds = {phase: {trial.seed for trial in plan.trials} for phase, plan in read_plans(drive.folder).items()}
    assert seeds["final"] == {1, 2}
    assert not seeds["final"] & (seeds["screen"] | seeds["extend"])
    assert found.conclusions is not None
    first, second = found.conclusions.claims
    assert first.answer == "supported"
    assert [part.says for part in first.parts] == ["a reaches 0.1"] or len(first.parts) == 1
    assert (second.answer, second.inferential) == ("undecided", False)
    assert "b fell in the phase extend" in second.reason
    funnel = found.funnel
    assert funnel is not None
    assert funnel.entered == {"screen": 4, "extend": 3, "final": 2}
    assert funnel.saved is not None
    assert funnel.saved.seconds == pytest.approx(sum(one.seconds for one in funnel.spent.values()))
    assert funnel.saved.seeds == 2
    assert funnel.saved.full_seconds > funnel.spent["final"].seconds


def test_an_earlier_look_at_test_raises(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=stub(), at_most=4)
    summary = drive.go()
    assert set(summary.states.values()) == {State.COMPLETE, State.PENDING}
    plans = read_plans(drive.folder)
    # whether trials are still to run, or the phase has ended and another follows
    for known in (plans, {"screen": plans["screen"]}):
        for phase in set(plans) - set(known):
            drive.folder.plan(phase).unlink()
        with pytest.raises(UnfinishedError, match="test scores stay closed"):
            open_test(drive.folder, read_trials(drive.folder, known))
        with pytest.raises(UnfinishedError):
            analyse(drive.folder)
        assert not current_analysis(drive.folder).opened
        assert not drive.folder.looks.exists()


def test_the_same_command_runs_nothing_twice(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=stub())
    drive.go()
    before = results(drive)
    decision = drive.folder.decision("screen").read_bytes()
    events: list[Event] = []
    assert drive.go(events.append).finished
    assert not [event for event in events if isinstance(event, TrialBegan)]
    assert results(drive) == before
    assert drive.folder.decision("screen").read_bytes() == decision


def test_kills_lose_nothing_and_change_nothing(make_drive: MakeDrive) -> None:
    whole = make_drive(STUDY, name="whole/run", stub=stub())
    whole.go()
    killed = make_drive(STUDY, name="killed/run", stub={k: {**v, "step_seconds": 0.02} for k, v in stub().items()})
    killed.run.parent.mkdir()
    for done in (1, 4, 6):
        process = killed.start()
        until(lambda done=done, process=process: len(results(killed)) >= done or process.poll() is not None)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert killed.go().finished
    assert results(killed) == results(whole)
    for phase in ("screen", "extend"):
        one, other = (Decision.read(drive.folder.decision(phase)) for drive in (whole, killed))
        assert one.candidates == other.candidates
        assert one.results == other.results


def test_a_gate_ends_a_study_that_is_not_worth_going_on(make_drive: MakeDrive) -> None:
    text = STUDY.replace("choose: {top: 2, by: f1_macro@0.5}", "gate: green")
    drive = make_drive(text, stub=stub())
    summary = drive.go()
    assert list(read_plans(drive.folder)) == ["screen"]
    assert summary.finished
    decision = Decision.read(drive.folder.decision("screen"))
    assert decision.stops
    assert decision.gate is not None
    assert (decision.gate.wanted, decision.gate.passed) == ("green", False)
    found = current_analysis(drive.folder)
    assert not found.opened
    assert found.funnel is not None
    assert found.funnel.stopped == "screen"
    # the verdict is red, with the exit code that a pipeline acts on, and nothing was opened for it
    conclusions = api.verdict(drive.run)
    assert (conclusions.verdict.colour, exit_code(conclusions.verdict.colour, "red")) == ("red", 20)
    assert conclusions.verdict.headline.startswith("Red. The gate of the phase screen stopped the study: it asks for green,")
    assert {claim.answer for claim in conclusions.claims} == {"undecided"}
    page = write_report(drive.folder, found).read_text()
    assert "The gate of the phase screen stopped the study" in page
    assert "Test was not opened." in page
    assert not drive.folder.looks.exists()


def test_a_gate_lets_on_what_is_worth_it(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY.replace("choose: {top: 2, by: f1_macro@0.5}", "gate: yellow, choose: {top: 2}"), stub=stub())
    drive.go()
    assert list(read_plans(drive.folder)) == ["screen", "extend", "final"]


def test_where_all_fail_the_study_says_so(make_drive: MakeDrive) -> None:
    text = STUDY.replace(", words: {method: tfidf}", "").replace("baseline: words\n", "").replace(', "b beats words"', "")
    drive = make_drive(text, stub={"": {"do": "fail"}})
    with pytest.raises(RunError, match="no recipe is left on demo"):
        drive.go()


def test_a_decision_follows_results_that_change(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=stub(a=2.0) | {"a": {"do": "fail"}})
    drive.go()
    assert recipes_of(drive)["final"] == ["b", "words"]
    mended = replace(drive, stub=stub(), again_failed=True, stored=True)
    mended.go()
    assert recipes_of(mended)["final"] == ["a", "words"]


def test_what_is_not_shown_worse_goes_on(make_drive: MakeDrive) -> None:
    text = STUDY.replace("choose: {top: 1}", "choose: {not_worse: true}")
    drive = make_drive(text, stub=stub(b=2.0))
    drive.go()
    assert recipes_of(drive)["final"] == ["a", "b", "words"]
    assert "not shown to be worse" in Decision.read(drive.folder.decision("extend")).rule


def test_the_report_draws_the_funnel(make_drive: MakeDrive) -> None:
    drive = make_drive(STUDY, stub=stub())
    drive.go()
    analysis = current_analysis(drive.folder)
    page = write_report(drive.folder, analysis).read_text()
    assert ">Phases</h2>" in page
    with (drive.folder.figures / "phases-1-demo.csv").open(encoding="utf8") as file:
        header, *drawn = csv.reader(file)
    assert header[1:4] == ["place in screen", "place in extend", "place in final"]
    ways = {row[0]: (row[1:4], row[5]) for row in drawn}
    last = [standing.recipe for standing in analysis.tasks[0].standings]
    assert ways == {
        "a": (["1", "1", str(1 + last.index("a"))], "True"),
        "b": (["2", "2", ""], "False"),
        "c": (["3", "", ""], "False"),
        "words": (["4", "3", str(1 + last.index("words"))], "True"),
    }
    assert "b fell in the phase extend, at place 2; c fell in the phase screen, at place 3" in page
    assert "place 3 of 4 by f1_macro@0.5; 2 go on" in page
    assert "All phases together took" in page
