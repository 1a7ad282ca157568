"""How a run stands, read from its folder; and what is left of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bakeoff.errors import RunError
from bakeoff.records.files import append_line
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State, TrialState
from bakeoff.running.estimate import Estimate, left_of_trial
from bakeoff.running.events import Event, TrialBegan
from bakeoff.running.lock import RunLock
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study
from bakeoff.running.standing import known_runs, read_standing

MakeOrder = Callable[..., RunOrder]


def test_a_row_a_trial(make_order: MakeOrder) -> None:
    order = make_order("ok", "fail")
    run_study(order)
    standing = read_standing(order.run)
    assert standing.owner is None
    assert standing.left_seconds == 0.0
    ok, fail = standing.rows
    assert (ok.state, ok.score, ok.step, ok.steps, ok.metric) == (State.COMPLETE, 0.01, 4, 4, "f1_macro")
    assert (fail.state, fail.score, fail.reason) == (State.FAILED, None, "told to fail")
    assert fail.again


def test_a_run_that_goes_on_names_its_owner(make_order: MakeOrder) -> None:
    order = make_order("ok", seeds=(1, 2))
    seen = []

    def look(event: Event) -> None:
        if isinstance(event, TrialBegan):
            seen.append(read_standing(order.run))

    run_study(order, look)
    assert all(standing.owner for standing in seen)
    assert seen[0].left_seconds is None
    assert seen[1].rows[0].state is State.COMPLETE


def test_a_trial_whose_runner_died_is_not_shown_as_running(make_order: MakeOrder) -> None:
    order = make_order("ok")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id)
    TrialState(state=State.RUNNING, attempt=2).write(folder.state)
    append_line(folder.attempt(2).log, {"event": "begin", "steps": 10})
    append_line(folder.attempt(2).log, {"event": "step", "step": 5, "seconds": 20.0})
    append_line(folder.attempt(2).log, {"event": "validation", "step": 5, "scores": {"f1_macro": 0.5}})
    row = read_standing(order.run).rows[0]
    assert (row.state, row.reason) == (State.PREEMPTED, "its runner has died; the same `bakeoff run` goes on")
    with RunLock(order.run):
        row = read_standing(order.run).rows[0]
        assert (row.state, row.step, row.steps, row.score, row.left_seconds) == (State.RUNNING, 5, 10, 0.5, 20.0)


def test_a_folder_that_is_no_run_is_an_error(make_order: MakeOrder) -> None:
    with pytest.raises(RunError, match="no run folder"):
        read_standing(make_order("ok").run)


def test_the_newest_run_comes_first(make_order: MakeOrder) -> None:
    orders = [make_order("ok", at_most=0, run=RunFolder(make_order("ok").run.root.with_name(name))) for name in "ab"]
    for order in [orders[1], orders[0]]:
        run_study(order)
    runs = orders[0].run.root.parent
    (runs / "no run").mkdir()
    assert [run.root.name for run in known_runs([runs, runs / "missing"])] == ["a", "b"]


def test_estimates_come_from_like_trials_first(make_order: MakeOrder) -> None:
    trials = make_order("a", "b").plan.trials
    estimate = Estimate()
    assert estimate.left(trials) is None
    assert estimate.left(trials, current=1.0, guess=7.0) == 15.0
    estimate.learn(trials[0], 10.0)
    assert estimate.left(trials) == 20.0
    estimate.learn(trials[1], 30.0)
    assert estimate.left(trials, current=5.0) == 45.0
    assert estimate.left([], current=None) is None


def test_rough_guesses_say_how_trials_compare_and_nothing_before_one_was_seen(make_order: MakeOrder) -> None:
    large, small, other = make_order("a", "b", "c").plan.trials
    estimate = Estimate()
    estimate.guess(large, 100.0)
    estimate.guess(small, 1.0)
    assert estimate.left([large, small]) is None
    estimate.learn(large, 500.0)
    assert estimate.left([small]) == 5.0
    assert estimate.left([other]) == 500.0
    assert estimate.surprise(large, 500.0) is None


def test_a_trial_s_rest_follows_its_rate() -> None:
    assert left_of_trial(5, 20, 10.0) == 30.0
    assert left_of_trial(0, 20, 10.0) is None
    assert left_of_trial(5, 0, 10.0) is None
