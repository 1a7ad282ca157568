"""Trials that are made of others: they wait, their sources' models stay as long as they are read, and changes are noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bakeoff.records.files import sha256_file
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Result, State, TrialState
from bakeoff.records.specs import Component, JobSpec, Plan, TrialSpec
from bakeoff.running.events import Event, TrialBegan, TrialEnded
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study
from bakeoff.running.trials import train_job

MakeOrder = Callable[..., RunOrder]


def child_of(parents: list[TrialSpec], name: str, method: str) -> TrialSpec:
    """A trial that is made of others."""
    recipe = parents[0].recipe.model_copy(
        update={"name": name, "method": Component(name=method, version=1, settings={"as": name})}
    )
    made_of = {parent.id: parent.definition_hash for parent in parents}
    return parents[0].model_copy(update={"recipe": recipe, "made_of": made_of})


def with_child(order: RunOrder, method: str = "ensemble", first: bool = True) -> tuple[RunOrder, TrialSpec]:
    child = child_of(list(order.plan.trials), "ok-child", method)
    trials = [child, *order.plan.trials] if first else [*order.plan.trials, child]
    return replace(order, plan=Plan(study="s", trials=trials)), child


def carry_out(order: RunOrder) -> list[Event]:
    events: list[Event] = []
    run_study(order, events.append)
    return events


def state(order: RunOrder, trial: TrialSpec) -> TrialState:
    return TrialState.read(order.run.trial(trial.id).state)


def test_a_trial_waits_for_what_it_is_made_of_also_where_it_stands_first(make_order: MakeOrder) -> None:
    order, child = with_child(make_order("ok", seeds=(1, 2), workers=3))
    events = carry_out(order)
    ended = [event.trial.id for event in events if isinstance(event, TrialEnded)]
    begun = [event.trial.id for event in events if isinstance(event, TrialBegan)]
    assert ended[-1] == begun[-1] == child.id
    place = events.index(next(event for event in events if isinstance(event, TrialBegan) and event.trial.id == child.id))
    assert sum(isinstance(event, TrialEnded) for event in events[:place]) == 2
    job = JobSpec.read(order.run.trial(child.id).attempt(1).job)
    assert {trial_id: Path(folder).name for trial_id, folder in job.made_of.items()} == {one: one for one in child.made_of}


def test_of_what_failed_nothing_is_made_and_that_is_said(make_order: MakeOrder) -> None:
    order, child = with_child(make_order("ok", "fail"))
    carry_out(order)
    failed = next(trial for trial in order.plan.trials if trial.recipe.name == "fail")
    assert state(order, child).state is State.FAILED
    assert state(order, child).reason == f"it is made of {failed.id}, which is not complete"


def test_what_was_not_asked_for_is_waited_for_until_it_is(make_order: MakeOrder) -> None:
    order, child = with_child(make_order("ok"))
    carry_out(replace(order, only=("recipe=ok-child",)))
    assert not order.run.trial(child.id).state.exists(), "it is no failure that what it is made of was not begun"
    carry_out(order)
    assert state(order, child).state is State.COMPLETE


def test_models_that_are_read_stay_until_they_were(make_order: MakeOrder) -> None:
    order, child = with_child(make_order("ok", seeds=(1, 2), keep="none"), "distill", first=False)
    plain = [trial for trial in order.plan.trials if not trial.made_of]
    assert [train_job(order, trial).keep_model for trial in order.plan.trials] == [True, True, False]
    carry_out(replace(order, only=("recipe=ok",)))
    assert all(order.run.trial(trial.id).model.is_dir() for trial in plain)
    carry_out(order)
    assert state(order, child).state is State.COMPLETE
    assert not any(order.run.trial(trial.id).model.is_dir() for trial in plain)


def test_a_model_that_is_gone_is_said(make_order: MakeOrder) -> None:
    alone = make_order("ok", keep="none")
    carry_out(alone)
    order, child = with_child(alone, "distill")
    carry_out(order)
    assert "which was not kept" in state(order, child).reason


def test_what_was_made_of_another_result_is_made_again(make_order: MakeOrder) -> None:
    order, child = with_child(make_order("ok"))
    carry_out(order)
    folder, source = order.run.trial(child.id), next(iter(child.made_of))
    told = sha256_file(order.run.trial(source).result)
    _tell(order.run, child, {source: told})
    assert not [event for event in carry_out(order) if isinstance(event, TrialBegan)], "it was made of what stands there"
    _tell(order.run, child, {source: "0" * 64})
    begun = [event.trial.id for event in carry_out(order) if isinstance(event, TrialBegan)]
    assert begun == [child.id]
    assert len(folder.attempt_numbers()) == 2


def _tell(run: RunFolder, trial: TrialSpec, made_from: dict[str, str]) -> None:
    """Have a result say what it was made from; the worker of these tests does not."""
    path = run.trial(trial.id).result
    result = Result.read(path)
    body = result.model_copy(update={"training": {**result.training, "made_from": made_from}})
    body.write(path)
