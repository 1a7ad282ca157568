"""The two early warnings come early, once, with numbers, and not without reason; and the sampler writes what it sees."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bakeoff.records.files import read_lines
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Circumstances, State
from bakeoff.running import monitoring, runner
from bakeoff.running.events import Event, Warned
from bakeoff.running.foresight import DiskTrend, Pace, Plans
from bakeoff.running.monitoring import Sample, Sampler, Watched, take_sample
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study
from bakeoff.running.watching import Limits

MakeOrder = Callable[..., RunOrder]


def warnings_of(pace: Pace, seconds_a_step: float, steps: int = 1000, first: int = 0) -> list[tuple[int, str]]:
    found = [(0, pace.take({"event": "begin", "steps": steps}, 0.0))]
    for step in range(first + 10, steps + 1, 10):
        found.append((step, pace.take({"event": "step", "step": step}, (step - first) * seconds_a_step)))
    return [(step, text) for step, text in found if text]


def test_a_trial_that_will_not_finish_is_named_early_and_once() -> None:
    said = warnings_of(Pace(limit=1000.0), seconds_a_step=2.0)
    assert [step for step, _ in said] == [30]
    assert said[0][1].startswith(
        "at its present pace (0.5 steps a second) it needs 2000 s, and its limit is 1000 s: 30 of 1000 steps are made after 60"
    )
    assert "limits.trial" in said[0][1]


def test_a_trial_that_is_hopelessly_slow_is_named_before_a_share_of_its_steps_is_made() -> None:
    pace = Pace(60.0)
    pace.take({"event": "begin", "steps": 20_000}, 0.0)
    said = [seconds for seconds in range(1, 60) if pace.take({"event": "step", "step": 5 * seconds}, float(seconds))]
    assert said == [6]


def test_one_that_will_is_not() -> None:
    assert warnings_of(Pace(limit=1000.0), seconds_a_step=0.9) == []
    assert warnings_of(Pace(limit=None), seconds_a_step=9.0) == []


def test_the_pace_of_a_trial_that_goes_on_is_that_of_its_new_steps() -> None:
    assert warnings_of(Pace(limit=1000.0, spent=500.0), seconds_a_step=0.9, first=500) == []
    assert warnings_of(Pace(limit=1000.0, spent=500.0), seconds_a_step=1.1, first=500) != []


def test_a_slow_trial_is_warned_of_while_it_runs(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from bakeoff.running import foresight

    # a trial of a million steps; the test needs not wait for two in a hundred of them
    monkeypatch.setattr(foresight, "LEAST_SHARE", 0.0)
    monkeypatch.setenv("FAKE_UNTIL", str(tmp_path / "the end"))
    order = make_order("patient", limits=Limits(trial=3600, grace=0.2))
    said: list[Warned] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            said.append(event)
            (tmp_path / "the end").touch()

    assert run_study(order, listen).counts == {State.COMPLETE: 1}
    assert [(event.kind, event.trial) for event in said] == [("time", order.plan.trials[0].id)]
    assert read_lines(order.run.warnings)[0]["kind"] == "time"


def trend(free: list[int], reserve: int = 10**9) -> DiskTrend:
    clock = iter(range(0, 10_000, 30))
    amounts = iter(free)
    return DiskTrend(Path("/d"), reserve, lambda _: next(amounts), lambda: float(next(clock)))


def test_a_disk_on_which_the_plan_has_no_room_is_named_at_once() -> None:
    disk = trend([10 * 10**9] * 3)
    assert disk.warning(Plans(8, 10**9)) == ""
    text = disk.warning(Plans(10, 10**9))
    assert text.startswith("the disk will not last: 10 trials to come leave about 1 GB each, 10 GB in all, and 10 GB are free")
    assert disk.warning(Plans(10, 10**9)) == ""


def test_a_disk_that_others_fill_is_named_before_the_run_ends() -> None:
    falling = [20 * 10**9 - number * 10**9 for number in range(5)]
    disk = trend(falling)
    said = [disk.warning(Plans(3, 0.0, 3600.0)) for _ in falling]
    assert [bool(text) for text in said] == [False, False, True, False, False]
    assert "2 GB went in the last 60 s; at that pace its reserve of 1 GB is reached in 510 s" in said[2]
    assert not any(trend(falling).warning(Plans(3, 0.0, 100.0)) for _ in range(1))
    calm = trend([20 * 10**9] * 5)
    assert [calm.warning(Plans(3, 0.0, 3600.0)) for _ in range(5)] == [""] * 5


def test_samples_stand_in_the_attempt_and_their_peaks_in_its_circumstances(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    end, taken = tmp_path / "the end", []

    def count(watched: Watched, common: Sample) -> None:
        take_sample(watched, common)
        taken.append(watched)
        if len(taken) == 3:
            end.touch()

    monkeypatch.setattr(monitoring, "take_sample", count)
    monkeypatch.setattr(runner, "Sampler", partial(Sampler, every_seconds=0.1))
    monkeypatch.setenv("FAKE_UNTIL", str(end))
    order = make_order("patient")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id)
    samples = [json.loads(line) for line in folder.attempt(1).monitor.read_text().splitlines()]
    assert len(samples) >= 3
    assert all(sample["rss_bytes"] > 10**6 and sample["disk_free_bytes"] > 0 for sample in samples)
    peaks = Circumstances.read(folder.circumstances).peaks
    assert peaks["rss_bytes"] == max(sample["rss_bytes"] for sample in samples)
    assert peaks["ram_free_bytes"] == min(sample["ram_free_bytes"] for sample in samples)


def test_processor_time_is_that_of_the_processes(tmp_path: Path) -> None:
    watched = Watched(AttemptFolder(tmp_path), [os.getpid(), 2**22 + 1])
    take_sample(watched, {})
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    take_sample(watched, {"ram_free_bytes": 5})
    last = json.loads((tmp_path / "monitor.jsonl").read_text().splitlines()[-1])
    assert 0 < last["cpu_percent"] <= 120  # the system counts in hundredths of a second
    assert last["ram_free_bytes"] == watched.peaks["ram_free_bytes"] == 5


def test_a_folder_that_takes_no_sample_ends_nothing(tmp_path: Path) -> None:
    watched = Watched(AttemptFolder(tmp_path / "gone"), [os.getpid()])
    take_sample(watched, {"ram_free_bytes": 5})
    assert not (tmp_path / "gone").exists()
    take_sample(watched, {"ram_free_bytes": 3})  # the sampler goes on, and peaks are kept all the same
    assert watched.peaks["ram_free_bytes"] == 3
