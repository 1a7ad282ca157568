"""The runner: every trial ends as exactly one state, one failure harms no other, and the same call again goes on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bakeoff.errors import JobError, LockedError, RunError
from bakeoff.records.files import write_document
from bakeoff.records.paths import TOKENS_VERSION, RunFolder
from bakeoff.records.results import Circumstances, State, TrialState, read_complete
from bakeoff.running import loop
from bakeoff.running.attempts import Attempt, Conclusion, conclude
from bakeoff.running.events import Event, JobEnded, Progress, RunBegan, TrialBegan, TrialEnded
from bakeoff.running.interrupts import Interrupts
from bakeoff.running.lock import RunLock, is_held, read_owner
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import RunSummary, run_study
from bakeoff.running.stage import Stage
from bakeoff.running.watching import Limits
from waiting import lives, until

MakeOrder = Callable[..., RunOrder]


def run(order: RunOrder) -> tuple[RunSummary, list[Event]]:
    events: list[Event] = []
    return run_study(order, events.append), events


def states(order: RunOrder) -> dict[str, TrialState]:
    return {trial.recipe.name: TrialState.read(order.run.trial(trial.id).state) for trial in order.plan.trials}


def results(order: RunOrder) -> list[bytes]:
    return [order.run.trial(trial.id).result.read_bytes() for trial in order.plan.trials]


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_a_plan_is_carried_out_in_its_order(make_order: MakeOrder, executor: str) -> None:
    order = make_order("ok", "ok-b", seeds=(7, 9), executor=executor)
    summary, events = run(order)
    assert set(summary.states.values()) == {State.COMPLETE}
    assert summary.exit_code == 0
    assert summary.finished
    begun = [event.trial.id for event in events if isinstance(event, TrialBegan)]
    assert begun == [trial.id for trial in order.plan.trials]
    scores = [event.score for event in events if isinstance(event, TrialEnded)]
    assert scores == [0.07, 0.07, 0.09, 0.09]
    for trial in order.plan.trials:
        folder = order.run.trial(trial.id)
        assert read_complete(folder, trial.definition_hash) is not None
        assert not folder.attempt(1).product.joinpath("result.json").exists()
        circumstances = Circumstances.read(folder.circumstances)
        assert (circumstances.attempts, circumstances.executor, circumstances.exit) == (1, executor, 0)
        assert circumstances.imported == ["late"]
    assert order.run.study.read_text() == "name: s\n"


@pytest.mark.parametrize(("recipe", "ahead"), [("ok", True), ("fail", False)])
def test_the_next_trial_begins_before_the_records_of_one_that_ended_well(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, recipe: str, ahead: bool
) -> None:
    order, begun = make_order(recipe, "ok-b"), []
    following = order.run.trial(order.plan.trials[1].id).state

    def look_and_conclude(stage: Stage, attempt: Attempt) -> Conclusion:
        begun.append(following.exists())
        return conclude(stage, attempt)

    monkeypatch.setattr(loop, "conclude", look_and_conclude)
    _, events = run(order)
    assert begun == [ahead, True]
    told = [(type(event), event.number) for event in events if isinstance(event, TrialBegan | TrialEnded)]
    assert told == [(TrialBegan, 1), (TrialEnded, 1), (TrialBegan, 2), (TrialEnded, 2)]


def test_all_that_a_result_names_is_synced_before_the_result_stands(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int]] = []
    sync, replace_file = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        calls.append(("sync", os.fstat(descriptor).st_ino))
        sync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        calls.append(("rename", path.stat().st_ino))
        return replace_file(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    order = make_order("ok", keep="all")
    run(order)
    folder = order.run.trial(order.plan.trials[0].id)

    def when(what: str, path: Path, after: int = 0) -> int:
        return calls.index((what, path.stat().st_ino), after)

    stands = when("rename", folder.result)
    for path in (folder.test, folder.validation, folder.result):
        assert when("sync", path) < when("rename", path)
    for path in (folder.trial, folder.circumstances, *folder.model.iterdir(), folder.model):
        assert when("sync", path) < stands
    for path in (folder.test, folder.validation, folder.model):
        assert when("rename", path) < when("sync", folder.root, when("rename", path)) < stands
    assert when("sync", folder.root, stands)


def test_the_log_becomes_progress(make_order: MakeOrder) -> None:
    _, events = run(make_order("ok"))
    kinds = [event.record["event"] for event in events if isinstance(event, Progress)]
    assert kinds == ["begin", "step", "step", "step", "step", "validation", "end"]


def test_a_token_store_is_made_once_for_all_that_share_it(make_order: MakeOrder) -> None:
    order = make_order("ok", "ok-b", seeds=(1, 2))
    _, events = run(order)
    assert [event.fault for event in events if isinstance(event, JobEnded)] == [""]
    store = order.home.token_store("f" * 64, "bert-model", 16)
    assert store.is_dir()
    again = replace(order, run=RunFolder(order.run.root.with_name("other")))
    assert not [event for event in run(again)[1] if isinstance(event, JobEnded)]


def test_a_failed_preparation_fails_its_trials_with_the_reason(make_order: MakeOrder) -> None:
    order = make_order("ok", family="unpreparable")
    summary, _ = run(order)
    assert summary.exit_code == 4
    assert states(order)["ok"].reason.startswith("its data could not be prepared: no tokenizer (log: ")


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("fail", "told to fail"),
        ("exit", "exit code 3"),
        ("segfault", "killed by signal 11 (SIGSEGV)"),
        ("silent", "exit code 0 without a result"),
        ("torn", "the child's product is not whole: test.npz is not what the manifest says"),
    ],
)
def test_a_failure_has_a_reason_and_harms_no_other_trial(make_order: MakeOrder, recipe: str, reason: str) -> None:
    order = make_order(recipe, "ok")
    summary, _ = run(order)
    assert summary.counts == {State.FAILED: 1, State.COMPLETE: 1}
    assert summary.exit_code == 4
    state = states(order)[recipe]
    assert (state.state, state.reason) == (State.FAILED, reason)
    assert state.last_lines[0] == f"doing {recipe}"
    assert (order.run.root / state.log).read_text().startswith(f"doing {recipe}")
    assert not order.run.trial(order.plan.trials[0].id).result.exists()


def test_the_result_of_another_trial_is_refused(make_order: MakeOrder) -> None:
    order = make_order("other")
    run(order)
    assert "the result of another trial" in states(order)["other"].reason


def test_the_named_command_runs_just_that_trial_again(make_order: MakeOrder) -> None:
    order = make_order("fail", "ok")
    run(order)
    trial = order.plan.trials[0]
    assert shlex.split(states(order)["fail"].again) == ["bakeoff", "retry", str(order.run.root), trial.id]
    _, events = run(replace(order, only=(f"id={trial.id}",), again_failed=True))
    assert [(event.trial.id, event.attempt) for event in events if isinstance(event, TrialBegan)] == [(trial.id, 2)]


def test_the_same_call_again_runs_nothing_that_ended(make_order: MakeOrder) -> None:
    order = make_order("ok", "fail")
    run(order)
    summary, events = run(order)
    assert events == [RunBegan(order.run.root, trials=2, complete=1, todo=[], passed_over=1)]
    assert summary.counts == {State.FAILED: 1, State.COMPLETE: 1}


def test_results_are_reused_when_the_plan_grows(make_order: MakeOrder) -> None:
    first = make_order("ok")
    run(first)
    grown = make_order("ok", "ok-b", seeds=(1, 2))
    _, events = run(grown)
    assert next(event for event in events if isinstance(event, RunBegan)).complete == 1
    assert len([event for event in events if isinstance(event, TrialBegan)]) == 3


def test_a_torn_result_is_made_again(make_order: MakeOrder) -> None:
    order = make_order("ok")
    run(order)
    before = results(order)
    folder = order.run.trial(order.plan.trials[0].id)
    folder.test.write_bytes(folder.test.read_bytes()[:-1])
    summary, _ = run(replace(order, only=("recipe=ok",)))
    assert summary.states[order.plan.trials[0].id] is State.COMPLETE
    assert results(order) == before
    assert folder.attempt_numbers() == [1, 2]


@pytest.mark.parametrize("recipe", ["hang", "deaf"])
def test_the_time_limit_ends_a_trial_and_the_next_one_runs(
    make_order: MakeOrder, fast_clock: Callable[[Event], None], recipe: str
) -> None:
    order = make_order(recipe, "ok", limits=Limits(trial=500, grace=300))
    summary = run_study(order, fast_clock)
    assert summary.counts == {State.TIMEOUT: 1, State.COMPLETE: 1}
    assert states(order)[recipe].reason == "the time limit of 500 s passed"


def test_a_trial_that_stands_still_is_ended(make_order: MakeOrder) -> None:
    order = make_order("hang", limits=Limits(stall=0.3, grace=0.3))
    run(order)
    assert (states(order)["hang"].state, states(order)["hang"].reason) == (State.TIMEOUT, "it logged nothing for 0.3 s")


def test_the_time_limit_of_the_study_leaves_the_rest_for_later(
    make_order: MakeOrder, fast_clock: Callable[[Event], None]
) -> None:
    order = make_order("hang", "ok", limits=Limits(study=500, grace=300))
    summary = run_study(order, fast_clock)
    assert list(summary.states.values()) == [State.PREEMPTED, State.PENDING]
    assert not summary.finished


def test_a_full_disk_stops_before_the_trial(make_order: MakeOrder) -> None:
    order = make_order("ok", limits=Limits(disk_reserve=10**18))
    with pytest.raises(RunError, match="GB in reserve"):
        run(order)
    assert run(replace(order, limits=Limits()))[0].exit_code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_preempts_and_the_same_call_goes_on(make_order: MakeOrder, number: int, code: int) -> None:
    order = make_order("ok", "once slow")

    def listener(event: Event) -> None:
        if isinstance(event, TrialBegan) and event.number == 2:
            os.kill(os.getpid(), number)

    summary = run_study(order, listener)
    assert summary.exit_code == code
    assert list(summary.states.values()) == [State.COMPLETE, State.PREEMPTED]
    assert run(order)[0].exit_code == 0
    assert [order.run.trial(trial.id).attempt_numbers() for trial in order.plan.trials] == [[1], [1, 2]]


def test_a_second_signal_ends_at_once() -> None:
    with pytest.raises(SystemExit) as caught, Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.raised
        os.kill(os.getpid(), signal.SIGINT)
    assert caught.value.code == 130


def test_signal_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_in_another_thread_works_without_signals(make_order: MakeOrder) -> None:
    found: list[RunSummary] = []
    thread = threading.Thread(target=lambda: found.append(run(make_order("ok"))[0]))
    thread.start()
    thread.join()
    assert found[0].exit_code == 0


def test_a_preload_that_fails_is_an_error_and_leaves_no_trial_running(make_order: MakeOrder) -> None:
    order = make_order("ok", family="broken")
    store = order.home.token_store("f" * 64, "broken-model", 16)
    write_document(store / "tokens.json", "tokens", TOKENS_VERSION, {"files": {}})
    with pytest.raises(JobError, match="could not import"):
        run(order)
    assert states(order)["ok"].state is State.PREEMPTED


def test_only_one_runner_holds_a_run(make_order: MakeOrder) -> None:
    order = make_order("ok")
    code = (
        "import sys, time; from pathlib import Path; from bakeoff.records.paths import RunFolder;"
        "from bakeoff.running.lock import RunLock\n"
        "with RunLock(RunFolder(Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(order.run.root)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert is_held(order.run)
        with pytest.raises(LockedError, match=f"process {other.pid} on ") as caught:
            run(order)
        assert str(order.run.root) in str(caught.value)
        other.kill()
    assert not is_held(order.run)
    assert read_owner(order.run) is not None
    assert run(order)[0].exit_code == 0
    assert read_owner(order.run) is None


def test_a_look_at_the_lock_turns_no_runner_away(make_order: MakeOrder) -> None:
    run_folder = make_order("ok").run
    with RunLock(run_folder):
        pass
    stop = threading.Event()

    def look() -> None:
        nonlocal looks
        while not stop.is_set():
            is_held(run_folder)
            looks += 1

    looks = 0
    taken = 0
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with RunLock(run_folder):
                taken += 1
    finally:
        stop.set()
        thread.join()
    assert taken == 50
    assert looks > 0


def test_a_run_folder_that_cannot_be_made_is_an_error(make_order: MakeOrder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        run(replace(make_order("ok"), run=RunFolder(tmp_path / "file" / "run")))


RUN_AGAIN = """
import pickle, sys
from bakeoff.running.runner import run_study
run_study(pickle.loads(bytes.fromhex(sys.stdin.read())))
"""


def test_a_killed_runner_leaves_no_process_and_the_same_call_goes_on(make_order: MakeOrder) -> None:
    import pickle

    order = make_order("ok", "once slow", "ok-b")
    command = [sys.executable, "-c", RUN_AGAIN]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as runner:
        assert runner.stdin is not None
        runner.stdin.write(pickle.dumps(order).hex().encode())
        runner.stdin.close()
        second = order.run.trial(order.plan.trials[1].id)
        until(second.attempt(1).log.exists)
        tree = psutil.Process(runner.pid).children(recursive=True)
        runner.kill()
    assert len(tree) >= 2
    until(lambda: not any(lives(process.pid) for process in tree))
    assert TrialState.read(second.state).state is State.RUNNING
    assert run(order)[0].exit_code == 0
    assert [order.run.trial(trial.id).attempt_numbers() for trial in order.plan.trials] == [[1], [1, 2], [1]]
    fresh = replace(order, run=RunFolder(order.run.root.with_name("fresh")))
    fresh.run.trial(order.plan.trials[1].id).attempt(1).root.mkdir(parents=True)  # as slow as it is, once is enough
    run(fresh)
    assert results(fresh) == results(order)


@pytest.mark.parametrize("moved", [[], ["validation.npz"], ["validation.npz", "test.npz"], ["all"]])
def test_a_landing_that_was_cut_off_is_finished_not_run_again(make_order: MakeOrder, moved: list[str]) -> None:
    order = make_order("ok")
    run(order)
    before = results(order)
    folder = order.run.trial(order.plan.trials[0].id)
    product = folder.attempt(1).product
    for name in ["validation.npz", "test.npz", "result.json"] if moved != ["all"] else []:
        if name not in moved:
            (folder.root / name).rename(product / name)
    TrialState(state=State.RUNNING, attempt=1).write(folder.state)
    _, events = run(order)
    assert not [event for event in events if isinstance(event, TrialBegan)]
    assert results(order) == before
    assert states(order)["ok"].state is State.COMPLETE


def test_only_and_at_most_choose(make_order: MakeOrder) -> None:
    order = make_order("ok", "ok-b", "ok-c", seeds=(1, 2))
    _, events = run(replace(order, only=("recipe=ok,seed=2", "recipe=ok-c"), at_most=1))
    begun = [(event.trial.recipe.name, event.trial.seed) for event in events if isinstance(event, TrialBegan)]
    assert begun == [("ok", 2)]
    summary, events = run(replace(order, only=("recipe=ok,seed=2", "recipe=ok-c")))
    begun = [(event.trial.recipe.name, event.trial.seed) for event in events if isinstance(event, TrialBegan)]
    assert begun == [("ok-c", 2)]
    assert summary.counts == {State.PENDING: 4, State.COMPLETE: 2}
    assert summary.exit_code == 0


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ("recipe", "'recipe' is no condition"),
        ("colour=red", "'colour=red' is no condition"),
        ("seed=3", "no trial of the plan has the seed '3'"),
        ("", "'' is no condition"),
    ],
)
def test_a_condition_that_means_nothing_is_an_error(make_order: MakeOrder, only: str, message: str) -> None:
    order = make_order("ok", only=(only,))
    with pytest.raises(RunError, match=re.escape(message)):
        run(order)
    assert not order.run.root.exists()  # a run that holds nothing would be the newest


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("none", []), ("best", ["ok 2", "ok-b 2"]), ("winner", ["ok 2"]), ("all", ["ok 1", "ok 2", "ok-b 1", "ok-b 2"])],
)
def test_models_are_kept_as_the_study_says(make_order: MakeOrder, keep: str, kept: list[str]) -> None:
    order = make_order("ok", "ok-b", seeds=(1, 2), keep=keep)
    run(order)
    found = [f"{t.recipe.name} {t.seed}" for t in order.plan.trials if order.run.trial(t.id).model.is_dir()]
    assert sorted(found) == kept
    assert run(order)[1][0] == RunBegan(order.run.root, trials=4, complete=4, todo=[], passed_over=0)
