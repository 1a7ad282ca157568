"""A lack of memory makes passes smaller and never changes the recipe; what fitted once is where later trials begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.records.results import Outcome, State, TrialState
from bakeoff.records.specs import JobSpec, TrialSpec
from bakeoff.running import runner
from bakeoff.running.events import TrialGoesOn
from bakeoff.running.history import Settings
from bakeoff.running.memory import OomKills, cgroup_files, smaller
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study

MakeOrder = Callable[..., RunOrder]


def micro_batches(order: RunOrder, trial: TrialSpec) -> list[int | None]:
    folder = order.run.trial(trial.id)
    return [JobSpec.read(folder.attempt(number).job).micro_batch_size for number in folder.attempt_numbers()]


def test_the_micro_batch_is_halved_until_it_fits_and_later_trials_begin_with_it(make_order: MakeOrder) -> None:
    order = make_order("tight", "ok", seeds=(1, 2), at_most=2)
    events: list[object] = []
    run_study(order, events.append)
    goes_on = [event.remedy for event in events if isinstance(event, TrialGoesOn)]
    assert goes_on == [f"it goes on with micro-batches of {size}, the batch stays what it was" for size in (16, 8)]
    first, second, third, fourth = order.plan.trials
    assert micro_batches(order, first) == [None, 16, 8]
    assert micro_batches(order, second) == [8]
    # another start of the runner knows it from the folder
    assert set(run_study(replace(order, at_most=None)).states.values()) == {State.COMPLETE}
    assert (micro_batches(order, third), micro_batches(order, fourth)) == ([8], [8])


def test_evaluations_have_a_size_of_their_own(make_order: MakeOrder) -> None:
    order = make_order("wide")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id)
    sizes = [JobSpec.read(folder.attempt(number).job).evaluation_tokens for number in folder.attempt_numbers()]
    assert sizes == [None, 2048, 1024, 512]
    assert micro_batches(order, order.plan.trials[0]) == [None] * 4


def test_what_does_not_fit_at_all_is_oom(make_order: MakeOrder) -> None:
    trial = make_order("ok").plan.trials[0]
    sizes, settings = [], Settings()
    while (found := smaller(trial, settings, Outcome(state=State.OOM))) is not None:
        settings = found
        sizes.append(settings.micro_batch_size)
    assert sizes == [16, 8, 4, 2, 1]
    odd = trial.model_copy(
        update={
            "recipe": trial.recipe.model_copy(
                update={
                    "training": trial.recipe.training
                    and trial.recipe.training.model_copy(update={"batch_size": 30, "micro_batch_size": 30})
                }
            )
        }
    )
    found = smaller(odd, Settings(micro_batch_size=15), Outcome(state=State.OOM))
    assert found is not None
    assert found.micro_batch_size == 6  # parts of one batch stay equal
    evaluation = Outcome(state=State.OOM, facts={"phase": "evaluation"})
    assert smaller(trial, Settings(evaluation_tokens=16), evaluation) is None
    simple = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"training": None})})
    assert smaller(simple, Settings(), Outcome(state=State.OOM)) is None
    # no pass is too large where the model alone is
    assert smaller(trial, Settings(), Outcome(state=State.OOM, facts={"phase": "loading"})) is None


@pytest.mark.parametrize("short", [True, False])
def test_a_kill_is_a_lack_of_memory_only_if_the_kernel_counts_one(
    make_order: MakeOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    counter = tmp_path / "memory.oom_control"
    counter.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n")
    order = make_order("killed")

    def listen(event: object) -> None:
        if short:
            kills = len(order.run.trial(order.plan.trials[0].id).attempt_numbers())
            counter.write_text(f"oom_kill_disable 0\nunder_oom 0\noom_kill {7 + kills}\n")

    made: list[OomKills] = []

    def make() -> OomKills:
        made.append(OomKills([counter]))
        return made[-1]

    monkeypatch.setattr(runner, "OomKills", make)
    run_study(order, _after_start(listen))
    sizes = micro_batches(order, order.plan.trials[0])
    state = TrialState.read(order.run.trial(order.plan.trials[0].id).state)
    if short:
        assert (state.state, sizes) == (State.OOM, [None, 16, 8, 4, 2, 1])
        assert state.reason == "the system killed it for want of memory; a pass of one example does not fit either"
    else:
        assert (state.state, sizes) == (State.FAILED, [None])


def _after_start(listen: Callable[[object], None]) -> Callable[[object], None]:
    """Calls only once the attempt's count was taken: at the first record of its log."""
    from bakeoff.running.events import Progress

    return lambda event: listen(event) if isinstance(event, Progress) else None


def test_each_killing_answers_for_one_process(tmp_path: Path) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("oom 3\noom_kill 3\n")
    kills = OomKills([counter, tmp_path / "missing"])
    before = kills.count
    assert not kills.claim(before)
    counter.write_text("oom 4\noom_kill 4\n")
    assert kills.claim(before)
    assert not kills.claim(before)
    counter.write_text("oom 9\noom_kill 9\n")
    assert not kills.claim(9)  # they were before this process began


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/a\n", ["memory/a/b/memory.oom_control"], 0),
        # a neighbour's killings are counted above us, by version 2 of cgroups
        ("0::/u/v\n", ["u/memory.events", "u/v/memory.events"], 1),
        ("0::/u/v\n", ["u/v/memory.events", "u/v/memory.events.local", "u/memory.events.local"], 1),
        # and by version 1 only those of processes that live there
        ("4:memory:/a/b\n", ["memory/memory.oom_control", "memory/a/memory.oom_control", "memory/a/b/memory.oom_control"], 2),
        # a container that has the name of its cgroup outside of it
        ("0::/outer/name\n", ["memory.events"], 0),
        ("4:memory:/outer/name\n", ["memory.events", "memory/memory.oom_control"], 1),
        ("0::/u/v\n", [], None),
        ("", ["memory.events"], None),
    ],
)
def test_only_the_counter_of_our_own_cgroup_is_asked(tmp_path: Path, own: str, files: list[str], found: int | None) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert cgroup_files(own, tmp_path) == ([] if found is None else [tmp_path / files[found]])
