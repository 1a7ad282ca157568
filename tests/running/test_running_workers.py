"""Several trials at a time: each under its own limits, none touched by another, with the results that one at a time gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bakeoff.errors import LockedError, RunError
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State, TrialState
from bakeoff.running import deciding, loop
from bakeoff.running.cancelling import cancel
from bakeoff.running.cleaning import clean
from bakeoff.running.events import Event, Progress, RunBegan, TrialBegan, TrialEnded
from bakeoff.running.history import AttemptRecord
from bakeoff.running.lock import describe, read_owner
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.requests import ask_to_cancel, cancels
from bakeoff.running.runner import run_study
from bakeoff.running.watching import Limits
from waiting import until

MakeOrder = Callable[..., RunOrder]


def results(order: RunOrder) -> list[bytes]:
    return [order.run.trial(trial.id).result.read_bytes() for trial in order.plan.trials]


def order_end(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """The file for which patient trials wait."""
    end = folder / "the end"
    monkeypatch.setenv("FAKE_UNTIL", str(end))
    return end


def test_several_workers_give_what_one_gives(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.3")
    order = make_order("ok", "ok-b", seeds=(1, 2, 3), workers=3)
    at_work, most = 0, 0

    def count(event: Event) -> None:
        nonlocal at_work, most
        at_work += isinstance(event, TrialBegan) - isinstance(event, TrialEnded)
        most = max(most, at_work)

    assert set(run_study(order, count).states.values()) == {State.COMPLETE}
    assert most == 3
    alone = replace(order, run=RunFolder(order.run.root.with_name("alone")), workers=1)
    run_study(alone)
    assert results(alone) == results(order)


def test_one_trial_s_limit_ends_that_trial_alone(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    end = order_end(monkeypatch, tmp_path)
    order = make_order("deaf", "patient", "segfault", "patient-b", workers=4, limits=Limits(stall=3, grace=0.2))

    def listen(event: Event) -> None:
        if isinstance(event, TrialEnded) and event.trial.recipe.name == "deaf":
            end.touch()  # the others have outlived it

    summary = run_study(order, listen)
    assert list(summary.states.values()) == [State.TIMEOUT, State.COMPLETE, State.FAILED, State.COMPLETE]


def test_while_one_trial_waits_for_its_retry_others_run(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep))
    order = make_order("once exit", "ok", limits=Limits(grace=1.0, retries=1))
    begun: list[tuple[str, int]] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialBegan):
            begun.append((event.trial.recipe.name, event.attempt))
        if isinstance(event, TrialEnded):
            now[0] += deciding.BACKOFF_SECONDS + 1

    summary = run_study(order, listen)
    assert summary.counts == {State.COMPLETE: 2}
    assert begun == [("once exit", 1), ("ok", 1), ("once exit", 2)]


def test_a_signal_ends_all_and_the_same_call_goes_on(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "20")
    order = make_order("ok", seeds=(1, 2, 3), workers=2)

    def interrupt(event: Event) -> None:
        if isinstance(event, TrialBegan) and event.number == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    summary = run_study(order, interrupt)
    assert summary.exit_code == 143
    assert list(summary.states.values()) == [State.PREEMPTED, State.PREEMPTED, State.PENDING]
    records = [AttemptRecord.read(order.run.trial(trial.id).attempt(1).ending) for trial in order.plan.trials[:2]]
    assert [(record.cause, record.then) for record in records] == [("interrupt", "later")] * 2
    monkeypatch.setenv("FAKE_SECONDS", "0")
    assert run_study(order).exit_code == 0


def test_the_inline_executor_refuses_several(make_order: MakeOrder) -> None:
    with pytest.raises(RunError, match="one trial at a time"):
        run_study(make_order("ok", workers=2, executor="inline"))


def test_a_disk_that_fills_while_trials_run_preempts_them(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.running import disk

    monkeypatch.setenv("FAKE_SECONDS", "20")
    monkeypatch.setattr(disk, "EVERY_SECONDS", 0.1)
    free = [10**12]
    monkeypatch.setattr(disk, "free_bytes", lambda root: free[0])
    order = make_order("ok", "ok-b", limits=Limits(grace=1.0, disk_reserve=10**9))

    def fill(event: Event) -> None:
        if isinstance(event, Progress):
            free[0] = 10**6

    with pytest.raises(RunError, match=r"only 0.0 GB \(1000000 bytes\) are free, and the study keeps 1.0 GB"):
        run_study(order, fill)
    assert TrialState.read(order.run.trial(order.plan.trials[0].id).state).state is State.PREEMPTED
    free[0] = 10**12
    monkeypatch.setenv("FAKE_SECONDS", "0")
    assert run_study(order).counts == {State.COMPLETE: 2}


def test_cancelling_from_elsewhere_ends_one_trial_and_later_the_runner(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "30")
    order = make_order("ok", seeds=(1, 2, 3, 4), workers=2, at_most=3)
    first, _, third, _ = order.plan.trials  # the fourth is not for this start of the runner
    said: list[list[State]] = []

    def other_process() -> None:
        said.append(cancel(order.run, [first, third], everything=False))
        said.append(cancel(order.run, order.plan.trials, everything=True))

    begun = 0
    thread = threading.Thread(target=other_process)

    def listen(event: Event) -> None:
        nonlocal begun
        begun += isinstance(event, TrialBegan)
        if begun == 2 and isinstance(event, TrialBegan):
            thread.start()

    summary = run_study(order, listen)
    thread.join()
    assert said == [[State.CANCELLED] * 2, [State.CANCELLED] * 4]
    assert (summary.exit_code, cancels(order.run)) == (4, set())
    assert run_study(order).counts == {State.CANCELLED: 4}
    monkeypatch.setenv("FAKE_SECONDS", "0")
    assert run_study(replace(order, again_failed=True, at_most=None)).counts == {State.COMPLETE: 4}


def test_without_a_runner_trials_are_marked_and_complete_ones_stay(make_order: MakeOrder) -> None:
    order = make_order("ok", "fail", "ok-b")
    run_study(replace(order, only=("recipe=ok", "recipe=fail")))
    ask_to_cancel(order.run, ["a request that nobody took"])
    assert cancel(order.run, order.plan.trials, everything=True) == [State.COMPLETE, State.FAILED, State.CANCELLED]
    _, _, last = order.plan.trials
    state = TrialState.read(order.run.trial(last.id).state)
    assert (state.reason, state.again.split()[:2]) == ("it was cancelled before it began", ["bakeoff", "retry"])
    events: list[Event] = []
    run_study(order, events.append)
    assert next(event for event in events if isinstance(event, RunBegan)).passed_over == 2
    assert cancels(order.run) == set()


def test_cleaning_removes_what_nobody_needs_and_says_how_much(make_order: MakeOrder, fast_clock: Any) -> None:
    fast_clock.hurried = 2
    order = make_order("ok", "hang", limits=Limits(trial=300, grace=200))
    run_study(order, fast_clock)
    done, late = (order.run.trial(trial.id) for trial in order.plan.trials)
    for attempt in (late.attempt(1), late.attempt(2), done.attempt(2)):
        attempt.checkpoints.mkdir(parents=True, exist_ok=True)
        (attempt.checkpoints / "weights").write_bytes(b"x" * 1000)
    damaged = done.root / "test.npz.damaged-1"
    damaged.write_bytes(b"y" * 10)
    before = {path for path in order.run.root.rglob("*") if path.is_file()}
    found = clean(order.run, order.plan.trials, dry_run=True)
    assert {path for path in order.run.root.rglob("*") if path.is_file()} - before == set()
    assert sorted((item.what, item.path.name) for item in found) == [
        ("an earlier attempt", "1"),
        ("checkpoints", "checkpoints"),
        ("checkpoints", "checkpoints"),
        ("checkpoints", "checkpoints"),
        ("set aside as damaged", "test.npz.damaged-1"),
    ]
    assert sum(item.bytes for item in found if item.what != "an earlier attempt") == 3010
    assert clean(order.run, order.plan.trials) == found
    assert not any(item.path.exists() for item in found)
    assert done.result.is_file()
    assert late.attempt(1).console.is_file()
    assert clean(order.run, order.plan.trials) == []


def test_a_clock_that_is_set_changes_nothing(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.3")
    day, now = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: now() + day[0])
    order = make_order("ok", seeds=(1, 2), limits=Limits(trial=60, stall=60, study=60, grace=1.0))
    ends: list[float] = []

    def jump(event: Event) -> None:
        if isinstance(event, TrialBegan):
            day[0] = 86400.0 if event.number == 1 else -86400.0
        if isinstance(event, TrialEnded):
            ends.append(event.seconds)

    assert run_study(order, jump).counts == {State.COMPLETE: 2}
    assert all(0 < seconds < 60 for seconds in ends)


@pytest.mark.parametrize(
    ("keep", "lower", "kept"),
    [
        ("best", False, ["ok 2", "ok-b 2"]),
        ("best", True, ["ok 1", "ok-b 1"]),
        ("winner", True, ["ok 1"]),
        ("winner", False, ["ok 2"]),
    ],
)
def test_the_best_is_that_of_the_metric_s_direction(make_order: MakeOrder, keep: str, lower: bool, kept: list[str]) -> None:
    names = frozenset({"f1_macro"} if lower else ())
    order = make_order("ok", "ok-b", seeds=(2, 1), keep=keep, lower_is_better=names)
    run_study(replace(order, at_most=1))
    run_study(order)
    found = [f"{one.recipe.name} {one.seed}" for one in order.plan.trials if order.run.trial(one.id).model.is_dir()]
    assert sorted(found) == kept


def test_an_owner_that_is_stopped_is_named_as_such_and_a_reused_pid_is_not(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from bakeoff.records.paths import RunFolder;"
        "from bakeoff.running.lock import RunLock\n"
        "with RunLock(RunFolder(Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    )
    order = make_order("ok")
    with subprocess.Popen([sys.executable, "-c", code, str(order.run.root)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(other.pid).status() == psutil.STATUS_STOPPED)
        with pytest.raises(LockedError, match=rf"process {other.pid} on .* \(it is stopped: `kill -CONT {other.pid}`"):
            run_study(order)
        owner = read_owner(order.run)
        assert owner is not None
        assert "stopped" not in describe(owner.model_copy(update={"process": owner.process - 1000}))
        assert "stopped" not in describe(owner.model_copy(update={"boot": "another"}))
        other.kill()
    # the record of a holder that was killed stands, its lock does not: whoever has its number now is not asked
    assert read_owner(order.run) is not None
    assert run_study(order).exit_code == 0


def test_a_request_that_a_killed_runner_left_does_not_hold_a_later_one(make_order: MakeOrder) -> None:
    order = make_order("ok", "ok-b")
    run_study(replace(order, at_most=0))
    ask_to_cancel(order.run, [])
    assert cancel(order.run, order.plan.trials[:1], everything=False, wait_seconds=5) == [State.CANCELLED]
    assert cancels(order.run) == set()
