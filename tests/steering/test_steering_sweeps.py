"""A sweep carried out: proposals in order, none twice, the same after kills; its best settings feed what follows."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

import pytest
import yaml
from driving import Drive, MakeDrive

from bakeoff.analysis.analyse import current_analysis
from bakeoff.analysis.folder import read_plans
from bakeoff.errors import FormatError
from bakeoff.records.decisions import Decision, Proposal
from bakeoff.records.results import State
from bakeoff.report.html import write_report
from bakeoff.running.events import Event, PhaseBegan
from bakeoff.running.plan_run import read_state
from bakeoff.steering.history import History
from waiting import until

STUDY = """\
name: swept
tasks: {demo: {dataset: demo}, go: {dataset: goemotions}}
defaults: {training: {epochs: 1, threads: 1}}
recipes: {full: {method: full}, lora: {method: lora}, words: {method: tfidf}}
seeds: [1, 2]
limits: {disk_reserve: 0B, checkpoint_steps: 1}
sweep:
  recipes: [full, lora]
  space: {training.learning_rate: {log_uniform: [1e-6, 1e-2]}, training.batch_size: {choices: [16, 32]}}
  spaces: [{recipes: [lora], space: {method.rank: {choices: [2, 4]}}}]
  sampler: {name: tpe, startup: 3}
  proposals: 6
  pruning: {name: median, startup: 2}
  again: 1
"""
HILL: dict[str, Any] = {"steps": 4, "rungs": 4, "signal": 2.0, "examples": 60, "peak": {"training.learning_rate": 1e-3}}
STUB = {"": HILL, "words": {"steps": 2, "signal": 0.5, "examples": 60}}


def history(drive: Drive) -> History:
    return History.read(drive.folder.proposals("sweep"))


def told(drive: Drive) -> list[tuple[str, str]]:
    trials = read_plans(drive.folder)["sweep"].trials
    return [(trial.id, read_state(drive.folder, trial).state.value) for trial in trials]


@pytest.fixture
def finished(make_drive: MakeDrive) -> Drive:
    drive = make_drive(STUDY, stub=STUB)
    events: list[Event] = []
    assert drive.go(events.append).finished
    # phases are counted with the one that runs the best again
    assert [(one.plan.place, one.phases) for one in events if isinstance(one, PhaseBegan)] == [(1, 3), (2, 3), (3, 3)]
    return drive


def test_proposals_are_numbered_in_order_and_none_runs_twice(finished: Drive) -> None:
    found = history(finished).proposals
    assert [one.number for one in found] == list(range(1, 25))
    pairs = {(one.recipe, one.task) for one in found}
    assert len(pairs) == 4
    for pair in pairs:
        own = [one for one in found if (one.recipe, one.task) == pair]
        assert [one.nth for one in own] == list(range(1, 7))
        assert (own[0].source, own[0].settings) == ("declared", {})
        assert {one.source for one in own[1:]} == {"tpe"}
    trials = read_plans(finished.folder)["sweep"].trials
    assert [trial.id for trial in trials] == [trial for one in found for trial in one.trials]
    assert len({trial.definition_hash for trial in trials}) == len(trials)
    assert all(len(finished.folder.trial(trial.id).attempt_numbers()) == 1 for trial in trials)
    assert State.PRUNED.value in {state for _, state in told(finished)}


def test_the_best_settings_feed_the_next_phase_without_a_hand_between(finished: Drive) -> None:
    body = yaml.safe_load(finished.folder.best.read_text())
    found = {(one["recipe"], one["task"]): one for one in body["found"]}
    assert len(found) == 4
    plans = read_plans(finished.folder)
    assert list(plans) == ["sweep", "sweep-again", "final"]
    assert [plan.tested for plan in plans.values()] == [False, True, True]
    for trial in plans["final"].trials:
        if trial.recipe.training is not None:
            rate = found[trial.recipe.name, trial.task.name]["settings"].get("training.learning_rate", 1e-4)
            assert trial.recipe.training.learning_rate == rate
            assert body["recipes"][trial.recipe.name]["on"][trial.task.name]["training"]["learning_rate"] == rate
    assert {trial.recipe.name for trial in plans["final"].trials} == {"full", "lora", "words"}
    seeds = {name: {trial.seed for trial in plan.trials} for name, plan in plans.items()}
    assert not seeds["sweep"] & seeds["final"]
    assert not seeds["sweep-again"] & (seeds["sweep"] | seeds["final"])
    assert all(one["remeasured"] is not None and one["proposals"] == 6 for one in found.values())
    assert Decision.read(finished.folder.decision("sweep")).candidates


def test_a_sweep_that_is_killed_makes_the_same_proposals_bit_for_bit(finished: Drive, make_drive: MakeDrive) -> None:
    slow = {name: {**what, "step_seconds": 0.02} for name, what in STUB.items()}
    drive = make_drive(STUDY, name="killed/run", stub=slow)
    drive.run.parent.mkdir()
    chance = random.Random(7)
    for _ in range(5):
        process, more = drive.start(), chance.randint(1, 5)
        path = drive.folder.proposals("sweep")
        lines = path.read_bytes().count(b"\n") + more if path.exists() else more
        until(
            lambda lines=lines, process=process, path=path: (
                process.poll() is not None or (path.exists() and path.read_bytes().count(b"\n") >= lines)
            )
        )
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert drive.go().finished
    assert drive.folder.proposals("sweep").read_bytes() == finished.folder.proposals("sweep").read_bytes()
    assert told(drive) == told(finished)
    assert drive.folder.best.read_bytes() == finished.folder.best.read_bytes()


def test_what_diverges_is_to_blame_and_what_fails_is_not(make_drive: MakeDrive) -> None:
    stub = {"": {**HILL, "diverge_above": {"training.learning_rate": 1e-4}}}
    drive = make_drive(STUDY.replace(", words: {method: tfidf}", ""), stub=stub)
    drive.go()
    states = [state for _, state in told(drive)]
    assert "diverged" in states
    for one in yaml.safe_load(drive.folder.best.read_text())["found"]:
        assert one["settings"].get("training.learning_rate", 1e-4) <= 1e-4


def test_settings_that_come_again_are_not_run_again(make_drive: MakeDrive) -> None:
    text = STUDY.replace("training.learning_rate: {log_uniform: [1e-6, 1e-2]}, ", "").replace(
        "name: tpe, startup: 3", "name: random"
    )
    drive = make_drive(text, stub=STUB)
    drive.go()
    found = history(drive).proposals
    repeats = [one for one in found if one.repeats is not None]
    assert len(found) == 24
    assert repeats
    for one in repeats:
        assert one.trials == []
        assert found[one.repeats - 1].recipe == one.recipe if one.repeats else False


def test_two_workers_and_several_seeds_a_proposal(make_drive: MakeDrive) -> None:
    text = STUDY.replace("again: 1", "again: 0\n  seeds: 2").replace("proposals: 6", "proposals: 3")
    drive = make_drive(text, stub=STUB, workers=2)
    assert drive.go().finished
    found = history(drive).proposals
    assert [one.number for one in found] == list(range(1, 13))
    assert all(len(one.trials) == 2 for one in found if one.repeats is None)
    assert list(read_plans(drive.folder)) == ["sweep", "final"]


def test_a_budget_of_time_ends_a_search(make_drive: MakeDrive) -> None:
    # the first proposal of each search takes more than that, and none is made after it
    drive = make_drive(STUDY.replace("proposals: 6", "proposals: 6\n  time: 0.001s").replace("again: 1", "again: 0"), stub=STUB)
    assert drive.go().finished
    found = history(drive).proposals
    assert [(one.recipe, one.task, one.source) for one in found] == [
        (recipe, task, "declared") for recipe in ("full", "lora") for task in ("demo", "go")
    ]
    assert list(read_plans(drive.folder)) == ["sweep", "final"]


def test_hyperband_stops_trials_at_their_validations(make_drive: MakeDrive) -> None:
    text = STUDY.replace("{name: median, startup: 2}", "{name: hyperband, reduction: 2}").replace("again: 1", "again: 0")
    drive = make_drive(text, stub=STUB)
    assert drive.go().finished
    told_ = history(drive)
    stopped = {one.trial: one for one in told_.judgements.values() if one.stop}
    assert {trial for trial, state in told(drive) if state == "pruned"} == set(stopped)
    assert stopped
    assert all("go on (bracket" in one.stop and one.rung < one.rungs for one in stopped.values())
    best = {(one["recipe"], one["task"]): one["proposal"] for one in yaml.safe_load(drive.folder.best.read_text())["found"]}
    assert all(not set(told_.proposals[number - 1].trials) & set(stopped) for number in best.values())


def test_a_sweep_stops_and_goes_on_by_number_of_trials(make_drive: MakeDrive) -> None:
    whole = make_drive(STUDY, name="whole", stub=STUB)
    whole.go()
    drive = make_drive(STUDY, name="parts", stub=STUB, at_most=7)
    for _ in range(12):
        drive.go()
    assert drive.folder.proposals("sweep").read_bytes() == whole.folder.proposals("sweep").read_bytes()


def test_damaged_records_are_found_and_a_torn_last_one_is_passed_over(finished: Drive) -> None:
    path = finished.folder.proposals("sweep")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    kept = History.read(path)
    assert len(kept.proposals) + len(kept.judgements) == whole.count(b"\n") - 1
    path.write_bytes(whole.replace(b'"nth":2', b'"nth":3', 1))
    with pytest.raises(FormatError, match="is damaged"):
        History.read(path)


def test_the_report_says_what_was_found_and_how_much_of_it_is_luck(finished: Drive) -> None:
    found = current_analysis(finished.folder)
    assert len(found.searches) == 4
    for search in found.searches:
        assert len(search.tried) == 6
        assert [gain.where.partition(",")[0].partition(":")[0] for gain in search.gains] == ["the sweep", "validation", "test"]
        assert search.gains[0].gain >= 0
        scores = [row.best for row in search.tried if row.best == row.best]
        assert scores == sorted(scores)
    budgets = {recipe.name: recipe.proposals for task in found.tasks for recipe in task.recipes}
    assert budgets == {"full": 6, "lora": 6, "words": 1}
    page = write_report(finished.folder, found).read_text()
    assert ">Sweeps</h2>" in page
    assert "How much of the gain is luck" in page
    assert "test, fresh seeds: examples that chose nothing" in page
    drawn = {path.name for path in finished.folder.figures.glob("sweep-1-*.svg")}
    assert {"sweep-1-full-demo-history.svg", "sweep-1-full-demo-parallel.svg"} <= drawn


def test_a_record_says_all_that_a_proposal_is() -> None:
    assert set(Proposal.model_fields) == {
        "number", "nth", "task", "recipe", "settings", "source", "repeats", "known", "trials",
    }  # fmt: skip
