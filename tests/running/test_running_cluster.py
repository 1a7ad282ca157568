"""Trials on a Ray cluster: the contract of executors, the results of one machine, and the loss of a seat, a node, the head."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bakeoff.errors import BakeoffError, MissingPackageError, RunError
from bakeoff.records.paths import AttemptFolder, RunFolder
from bakeoff.records.results import Circumstances, State
from bakeoff.records.specs import JobSpec
from bakeoff.running import cluster
from bakeoff.running.cluster import RayExecutor, seating_of
from bakeoff.running.events import Event, Progress, TrialEnded, TrialGoesOn
from bakeoff.running.packing import Room
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study
from bakeoff.running.seat import Seat
from bakeoff.running.watching import Limits
from bakeoff.testing.executors import check_executor
from nodes import Nodes, started_nodes
from waiting import PATIENCE_SECONDS, lives, until

MakeOrder = Callable[..., RunOrder]
WORKER = ("-P", str(Path(__file__).with_name("fake_worker.py")))


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of whoever runs the tests is none of theirs."""
    monkeypatch.delenv(cluster.ADDRESS, raising=False)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "3")


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """A cluster of two nodes with a core each, at `RAY_ADDRESS`."""
    with started_nodes(2) as made:
        monkeypatch.setenv(cluster.ADDRESS, made.address)
        yield made


def results(order: RunOrder) -> list[bytes]:
    return [order.run.trial(trial.id).result.read_bytes() for trial in order.plan.trials]


def seats() -> list[psutil.Process]:
    """The processes that hold a seat now."""
    return [one for one in psutil.process_iter(["name"]) if str(one.info["name"]).startswith("ray::Seat")]


def test_the_contract_of_executors(worker: tuple[str, ...], hostile_path: Path) -> None:
    def make() -> RayExecutor:
        return RayExecutor(seating_of(["bert"], hostile_path / "warm.log", 3, 1, worker), hostile_path / "ray.log")

    check_executor(make, hostile_path)
    assert not seats()


@pytest.mark.cluster
def test_it_gives_what_one_machine_gives_and_survives_the_loss_of_a_seat_and_of_a_node(
    nodes: Nodes, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    end = tmp_path / "the end"
    # what a job's environment holds beside what is carried comes from its node: these were started before
    monkeypatch.setattr(cluster, "CARRIED", (*cluster.CARRIED, "FAKE_UNTIL"))
    monkeypatch.setenv("FAKE_UNTIL", str(end))
    limits = Limits(grace=1.0, retries=5, study=PATIENCE_SECONDS)
    order = make_order("patient", "patient-b", "ok", seeds=(1, 2), executor="ray", workers=2, limits=limits)
    at_work: set[str] = set()
    broken: list[str] = []
    lost: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and "patient" in event.trial:  # others may end before their node does
            at_work.add(event.trial)
        if isinstance(event, TrialGoesOn):
            lost.append(event.trial.id)
            at_work.discard(event.trial.id)
            if broken == ["seat", "node"]:
                end.touch()
        if len(at_work) == 2 and not broken:
            broken.append("seat")
            os.kill(seats()[0].pid, signal.SIGKILL)
        elif len(at_work) == 2 and lost and broken == ["seat"]:
            broken.append("node")
            nodes.lose_one()
            nodes.add()

    summary = run_study(order, listen)
    assert set(summary.states.values()) == {State.COMPLETE}
    assert broken == ["seat", "node"]
    assert len(lost) >= 2
    for trial in order.plan.trials:
        lived = Circumstances.read(order.run.trial(trial.id).circumstances)
        assert lived.executor == "ray"
        assert lived.attempts == 1 + lost.count(trial.id)
    turned = order.plan.model_copy(update={"trials": order.plan.trials[::-1]})
    local = replace(order, run=RunFolder(order.run.root.with_name("local")), plan=turned, executor="local", workers=1)
    run_study(local)
    assert results(local) == results(order)[::-1]


@pytest.mark.cluster
def test_without_its_head_a_run_stops_and_the_same_command_goes_on(
    nodes: Nodes, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cluster, "CARRIED", (*cluster.CARRIED, "FAKE_UNTIL"))
    end = tmp_path / "the end"
    monkeypatch.setenv("FAKE_UNTIL", str(end))
    order = make_order("ok", "patient", executor="ray", limits=Limits(grace=1.0, retries=1, study=PATIENCE_SECONDS))
    done: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialEnded) and event.state is State.COMPLETE:
            done.append(event.trial.id)
        if isinstance(event, Progress) and event.trial == order.plan.trials[1].id and not nodes.stopped:
            nodes.stop()

    with pytest.raises(BakeoffError, match=r"bridge to Ray|Ray cannot be reached"):
        run_study(order, listen)
    assert done == [order.plan.trials[0].id]
    until(lambda: not seats())
    end.touch()
    with started_nodes(1) as again:
        monkeypatch.setenv(cluster.ADDRESS, again.address)
        summary = run_study(order, listen)
    assert set(summary.states.values()) == {State.COMPLETE}
    assert done == [trial.id for trial in order.plan.trials]


@pytest.mark.cluster
def test_more_workers_than_the_cluster_holds_are_refused_with_the_number_that_fits(nodes: Nodes, make_order: MakeOrder) -> None:
    assert nodes.address
    with pytest.raises(RunError, match="room for 2 trials of 1 threads, not 3") as caught:
        run_study(make_order("ok", executor="ray", workers=3))
    assert caught.value.remedy == "--workers 2"


def test_a_cluster_that_nobody_answers_for_is_named(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cluster.ADDRESS, "127.0.0.1:1")
    with pytest.raises(RunError, match="Ray cannot be reached: nobody answers") as caught:
        run_study(make_order("ok", executor="ray"))
    assert caught.value.where == "RAY_ADDRESS=127.0.0.1:1"
    assert "ray status" in caught.value.remedy


def test_what_a_cluster_cannot_run_is_refused_before_anything_begins(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cluster.ADDRESS, "ray://head:10001")
    with pytest.raises(RunError, match="dies with the connection"):
        run_study(make_order("ok", executor="ray"))
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match="not installed") as caught:
        run_study(make_order("ok", executor="ray"))
    assert "bakeoff[ray]" in caught.value.remedy


def test_what_only_one_machine_can_do_is_refused(make_order: MakeOrder) -> None:
    with pytest.raises(RunError, match="not at a cluster") as caught:
        run_study(make_order("ok", executor="ray", room=Room(cores=2, memory=1)))
    assert "--workers 8" in caught.value.remedy
    order = make_order("ok", executor="ray")
    trial = order.plan.trials[0]
    wide = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"devices": 2})})
    with pytest.raises(RunError, match="may not be spread over a cluster") as caught:
        run_study(replace(order, plan=order.plan.model_copy(update={"trials": [wide]})))
    assert caught.value.where == "recipes: ok"


def test_a_seat_refuses_another_version_and_a_disk_that_it_does_not_share(tmp_path: Path) -> None:
    attempt = AttemptFolder(tmp_path / "attempt")
    other = Seat([], str(tmp_path / "warm.log"), list(WORKER), {}, "another hash")
    assert "another version" in other.begin(str(attempt.root), {})["fault"]["what"]
    seat = Seat([], str(tmp_path / "warm.log"), list(WORKER), {}, cluster.source_hash())
    assert "does not see the run folder" in seat.begin(str(attempt.root), {})["fault"]["what"]
    JobSpec(kind="stub", id="j", stub={"do": "hang"}).write(attempt.job)
    begun = seat.begin(str(attempt.root), {})
    seat.close()
    until(lambda: not lives(begun["pid"]))
