"""Which trials run side by side: what fits by measure, what has devices of its own, and what runs alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.records.results import State
from bakeoff.running.events import Event, TrialBegan, TrialEnded
from bakeoff.running.packing import CONTEXT_BYTES, SPARE, Measured, Need, Place, Room, find_place
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study
from bakeoff.study.loading import load_study
from bakeoff.study.timed import timed_recipes

MakeOrder = Callable[..., RunOrder]
GB = 10**9
CPU, GPUS = Room(4, 10 * GB), Room(16, 100 * GB, {"0": 20 * GB, "1": 20 * GB})
NAMES = ("0", "1")


def on_gpu(device_gb: int | None, ranks: int = 1) -> Need:
    return Need(ranks, 16, 4 * GB * ranks, None if device_gb is None else device_gb * GB)


def test_beside_nothing_there_is_always_a_place() -> None:
    assert find_place(Need(threads=99, memory=99 * GB), [], (), CPU) == Place(Need(threads=99, memory=99 * GB))
    assert find_place(Need(alone=True), [], NAMES, GPUS) == Place(Need(alone=True), ("0",))


def test_cores_and_memory_that_was_measured_decide() -> None:
    one = Need(threads=2, memory=4 * GB)
    first = find_place(one, [], (), CPU)
    assert first is not None
    second = find_place(one, [first], (), CPU)
    assert second is not None
    assert find_place(one, [first, second], (), CPU) is None  # six threads on four cores
    assert find_place(Need(threads=1, memory=6 * GB), [first], (), CPU) is None  # a tenth of memory is left alone
    assert find_place(Need(threads=1), [first], (), CPU) is None  # nobody has measured it
    assert find_place(Need(threads=1), [first], (), None) == Place(Need(threads=1))  # asked for by number
    # where a GPU computes, a process keeps one core busy, whatever its threads
    assert find_place(on_gpu(4), [Place(on_gpu(4), ("0",))], NAMES, GPUS) == Place(on_gpu(4), ("1",))


def test_trials_of_one_and_of_two_devices_are_packed_together() -> None:
    both = find_place(on_gpu(8, 2), [], NAMES, GPUS)
    assert both is not None
    assert both.devices == NAMES
    beside = find_place(on_gpu(8), [both], NAMES, GPUS)
    assert beside is not None
    assert beside.devices == ("0",)
    other = find_place(on_gpu(8), [both, beside], NAMES, GPUS)
    assert other is not None
    assert other.devices == ("1",)
    assert find_place(on_gpu(8), [both, beside, other], NAMES, GPUS) is None
    # what nobody has measured has its devices for itself
    assert find_place(on_gpu(None), [beside], NAMES, GPUS) == Place(on_gpu(None), ("1",))
    assert find_place(on_gpu(None, 2), [beside], NAMES, GPUS) is None
    assert find_place(on_gpu(1), [Place(on_gpu(None), ("0",)), other], NAMES[:1], GPUS) is None


def test_nothing_runs_beside_a_trial_whose_speed_is_measured() -> None:
    alone, usual = Need(alone=True), Need(memory=1)
    for room in (CPU, None):
        assert find_place(alone, [Place(usual)], (), room) is None
        assert find_place(usual, [Place(alone)], (), room) is None


needs = st.builds(
    Need,
    ranks=st.integers(1, 2),
    threads=st.integers(1, 6),
    memory=st.none() | st.integers(1, 8 * GB),
    device_memory=st.none() | st.integers(1, 15 * GB),
    alone=st.booleans(),
)


@given(st.lists(needs, max_size=12), st.sampled_from([(), NAMES]))
def test_whatever_is_packed_fits(asked: list[Need], devices: tuple[str, ...]) -> None:
    running: list[Place] = []
    for need in asked:
        place = find_place(need, running, devices, GPUS if devices else CPU)
        if place is not None:
            running.append(place)
    if len(running) < 2:
        return
    assert not any(one.need.alone for one in running)
    room = GPUS if devices else CPU
    assert sum(one.need.memory or 0 for one in running) <= (1 - SPARE) * room.memory
    for name in devices:
        there = [one.need.device_memory for one in running if name in one.devices]
        assert len(there) <= 1 or sum(one or 21 * GB for one in there) <= (1 - SPARE) * 20 * GB


def test_what_was_measured_counts_for_trials_of_the_same_shape(make_order: MakeOrder) -> None:
    (one,) = make_order("ok").plan.trials
    other = one.model_copy(update={"seed": one.seed + 1})
    measured = Measured()
    assert measured.need(one, False).memory is None
    measured.learn(one, 3 * GB, 0)
    measured.learn(other, 2 * GB, 5 * GB)
    measured.learn(other, 0, 0)  # nobody measured it
    assert measured.need(other, True) == Need(1, measured.need(one, False).threads, 3 * GB, 5 * GB + CONTEXT_BYTES, True)


@pytest.mark.parametrize(("options", "most"), [({"alone": frozenset({"ok"})}, 2), ({"room": Room(8, 1)}, 1), ({}, 3)])
def test_a_run_packs_its_trials(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], most: int
) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.2")
    order = make_order("ok", "ok-b", seeds=(1, 2), workers=3, **options)
    at_work: set[str] = set()
    seen: list[set[str]] = []

    def note(event: Event) -> None:
        if isinstance(event, TrialBegan):
            at_work.add(event.trial.id)
        elif isinstance(event, TrialEnded):
            at_work.discard(event.trial.id)
        seen.append(set(at_work))

    assert set(run_study(order, note).states.values()) == {State.COMPLETE}
    assert max(map(len, seen)) == most
    if "alone" in options:
        timed = {trial.id for trial in order.plan.trials if trial.recipe.name == "ok"}
        assert all(len(now) == 1 for now in seen if now & timed)


CLAIMS = {
    "a beats b": set(),
    "a takes less time than b": {"a", "b"},
    "a takes less memory than b": set(),
    "time stays below 2h": {"a", "b", "c"},
}


@pytest.mark.parametrize(("claim", "timed"), CLAIMS.items())
def test_recipes_are_timed_where_a_claim_is_about_their_time(tmp_path: Path, claim: str, timed: set[str]) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(
        "name: timed\ntasks: {demo: {dataset: demo}}\nrecipes: {a: {}, b: {loss: focal}, c: {method: tfidf}}\n"
        f"seeds: [1, 2]\nclaims: [{claim!r}]\n"
    )
    assert timed_recipes(load_study(file)) == timed
