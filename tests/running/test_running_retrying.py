"""What the machine breaks goes on from its checkpoints, so often and no more; what is the trial's own fault does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bakeoff.errors import RunError
from bakeoff.records.results import Circumstances, Outcome, State, TrialState
from bakeoff.records.specs import JobSpec
from bakeoff.running import deciding
from bakeoff.running.deciding import Ended, backoff, decide
from bakeoff.running.ending import Judged
from bakeoff.running.events import Event, JobEnded, TrialBegan, TrialEnded, TrialGoesOn
from bakeoff.running.history import END, FEWER, LATER, RETRY, SMALLER, AttemptRecord, History, Settings, read_history
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import RunSummary, run_study
from bakeoff.running.watching import Cause, Ending, Limits

MakeOrder = Callable[..., RunOrder]
ONE = Limits(grace=1.0, retries=1)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "BACKOFF_SECONDS", 0.01)


def run(order: RunOrder) -> tuple[RunSummary, list[Event]]:
    events: list[Event] = []
    return run_study(order, events.append), events


def attempts(order: RunOrder, number: int = 0) -> list[int]:
    return order.run.trial(order.plan.trials[number].id).attempt_numbers()


def endings(order: RunOrder, number: int = 0) -> list[tuple[str, str]]:
    """What each attempt came to and what followed, so that an attempt too many says why."""
    folder = order.run.trial(order.plan.trials[number].id)
    records = [AttemptRecord.read(folder.attempt(one).ending) for one in folder.attempt_numbers()]
    return [(record.reason, record.then) for record in records]


@pytest.mark.parametrize("how", ["once killed", "once segfault", "once exit", "once silent", "once torn", "once io"])
def test_what_the_machine_broke_goes_on_from_its_checkpoint(make_order: MakeOrder, how: str) -> None:
    order = make_order(how, limits=ONE)
    summary, events = run(order)
    assert summary.counts == {State.COMPLETE: 1}
    folder = order.run.trial(order.plan.trials[0].id)
    assert attempts(order) == [1, 2]
    assert JobSpec.read(folder.attempt(2).job).resume == [str(folder.attempt(1).root)]
    assert [type(event) for event in events if isinstance(event, TrialBegan | TrialGoesOn | TrialEnded)] == [
        TrialBegan,
        TrialGoesOn,
        TrialBegan,
        TrialEnded,
    ]
    assert AttemptRecord.read(folder.attempt(1).ending).then == RETRY
    circumstances = Circumstances.read(folder.circumstances)
    assert (circumstances.attempts, circumstances.retries) == (2, 1)
    # checkpoints go when nobody will go on from them
    assert not folder.attempt(1).checkpoints.exists()


def test_the_machine_may_break_a_trial_so_often_and_no_more(make_order: MakeOrder) -> None:
    order = make_order("killed", "ok", limits=replace(ONE, retries=2))
    killed = "killed by signal 9 (SIGKILL)"
    chain = [(killed, RETRY), (killed, RETRY), (f"{killed} (the last of 3 attempts that the machine broke)", END)]
    summary, _ = run(order)
    assert endings(order) == chain
    assert endings(order, 1) == [("", END)]
    assert summary.counts == {State.FAILED: 1, State.COMPLETE: 1}
    assert TrialState.read(order.run.trial(order.plan.trials[0].id).state).reason == chain[-1][0]
    # a user's word begins a new chain
    run(replace(order, again_failed=True))
    assert endings(order) == 2 * chain


@pytest.mark.parametrize("how", ["fail", "hang"])
def test_what_is_the_trial_s_own_is_not_tried_again(make_order: MakeOrder, how: str) -> None:
    order = make_order(how, limits=Limits(trial=0.4 if how == "hang" else None, grace=0.2, retries=3))
    summary, _ = run(order)
    assert summary.counts == {State.FAILED if how == "fail" else State.TIMEOUT: 1}
    assert attempts(order) == [1]


def test_a_full_disk_stops_the_run_and_the_same_call_goes_on(make_order: MakeOrder) -> None:
    order = make_order("once full", "ok", limits=replace(ONE, retries=0))
    with pytest.raises(RunError, match=r"the disk is full: the disk says ENOSPC \(a/path; \d+ bytes are free\)"):
        run(order)
    first = order.run.trial(order.plan.trials[0].id)
    assert TrialState.read(first.state).state is State.PREEMPTED
    assert run(order)[0].counts == {State.COMPLETE: 2}
    assert (attempts(order), attempts(order, 1)) == ([1, 2], [1])


def test_the_time_of_a_trial_is_that_of_all_its_attempts(make_order: MakeOrder) -> None:
    order = make_order("hang")
    folder = order.run.trial(order.plan.trials[0].id)
    folder.attempt(1).root.mkdir(parents=True)
    AttemptRecord(state="preempted", then=LATER, seconds=100.0).write(folder.attempt(1).ending)
    summary, events = run(replace(order, limits=Limits(trial=100.3, grace=0.2)))
    assert summary.counts == {State.TIMEOUT: 1}
    assert next(event.seconds for event in events if isinstance(event, TrialEnded)) < 50
    assert Circumstances.read(folder.circumstances).seconds_before == 100.0


def test_a_history_is_read_from_disk_alone(make_order: MakeOrder) -> None:
    order = make_order("ok")
    folder = order.run.trial(order.plan.trials[0].id)
    assert read_history(folder) == History()
    small = Settings(micro_batch_size=8)
    for number, then in enumerate([END, RETRY, SMALLER], 1):
        attempt = folder.attempt(number)
        attempt.checkpoints.mkdir(parents=True)
        if number > 1:
            (attempt.checkpoints / "step-00000001").touch()
        settings = small if then == SMALLER else Settings()
        AttemptRecord(state="failed", then=then, seconds=10.0, settings=settings).write(attempt.ending)
    lost = folder.attempt(4)
    JobSpec(kind="train", id="x", trial=order.plan.trials[0], micro_batch_size=4).write(lost.job)
    lost.log.write_text('{"event":"step","seconds":5.5}\n{"event":"st')
    resume = [str(folder.attempt(number).root) for number in (3, 2)]
    assert read_history(folder) == History(resume, 25.5, 1, Settings(micro_batch_size=4), True)
    lost.job.write_text("torn")
    assert read_history(folder).settings == small


def ended(make_order: MakeOrder, outcome: Outcome, cause: Cause = Cause.ITSELF, **more: object) -> Ended:
    judged = Judged(outcome, lost=bool(more.pop("lost", False)))
    return Ended(make_order("ok").plan.trials[0], Ending(cause, 0, 1.0), judged, Settings(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "cause", "more", "then", "after"),
    [
        (State.COMPLETE, Cause.INTERRUPT, {}, END, State.COMPLETE),
        (State.FAILED, Cause.ITSELF, {"retries": 1}, END, State.FAILED),
        (State.DIVERGED, Cause.ITSELF, {"retries": 1}, END, State.DIVERGED),
        (State.TIMEOUT, Cause.TIME, {"retries": 1}, END, State.TIMEOUT),
        (State.TIMEOUT, Cause.STALL, {"retries": 1}, END, State.TIMEOUT),
        (State.CANCELLED, Cause.CANCEL, {"retries": 1}, END, State.CANCELLED),
        (State.PREEMPTED, Cause.INTERRUPT, {"retries": 1}, LATER, State.PREEMPTED),
        (State.PREEMPTED, Cause.STUDY, {"retries": 1}, LATER, State.PREEMPTED),
        (State.PREEMPTED, Cause.DISK, {"retries": 1}, LATER, State.PREEMPTED),
        (State.PREEMPTED, Cause.ITSELF, {"retries": 1}, RETRY, State.PREEMPTED),
        (State.FAILED, Cause.ITSELF, {"retries": 1, "lost": True}, RETRY, State.FAILED),
        (State.FAILED, Cause.ITSELF, {"retries": 1, "lost": True, "history": History(retries=1)}, END, State.FAILED),
        (State.FAILED, Cause.ITSELF, {"retries": 1, "lost": True, "full_disk": True}, LATER, State.PREEMPTED),
        (State.OOM, Cause.ITSELF, {}, SMALLER, State.OOM),
        (State.FAILED, Cause.ITSELF, {"lost": True, "short_of_memory": True}, SMALLER, State.OOM),
        (State.OOM, Cause.INTERRUPT, {}, LATER, State.OOM),
        (State.TIMEOUT, Cause.STALL, {"collective": "rank 1 is gone"}, FEWER, State.TIMEOUT),
        (State.OOM, Cause.ITSELF, {"collective": "rank 1 is gone"}, SMALLER, State.OOM),
    ],
)
def test_what_follows_an_end(
    make_order: MakeOrder, state: State, cause: Cause, more: dict[str, object], then: str, after: State
) -> None:
    decision = decide(ended(make_order, Outcome(state=state), cause, **more))
    assert (decision.then, decision.outcome.state) == (then, after)


def test_pauses_double_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "BACKOFF_SECONDS", 1.0)
    assert [backoff(number) for number in (0, 1, 2, 5, 6, 999)] == [1.0, 2.0, 4.0, 32.0, 60.0, 60.0]


def test_a_preparation_that_is_lost_is_tried_again(make_order: MakeOrder) -> None:
    order = make_order("ok", family="unsteady", limits=ONE)
    events: list[Event] = []
    assert run_study(order, events.append).counts == {State.COMPLETE: 1}
    assert [bool(event.fault) for event in events if isinstance(event, JobEnded)] == [True, False]
