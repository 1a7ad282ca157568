"""`api.bench` end to end, its jobs in this process: every way measured and compared, kept, gone on with, shown."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState

from bakeoff import api
from bakeoff.analysis.bench_model import Bench
from bakeoff.errors import RunError
from bakeoff.records.benchmarks import BenchOrder, Launch
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, Outputs, State
from bakeoff.records.specs import JobSpec
from bakeoff.running import oneoff
from bakeoff.training.progress import Progress
from bakeoff.worker.jobs import JOBS
from kept import Kept, make_run

OPTIONS = {"launches": 2, "texts": 6, "warm_up": 1, "batch_sizes": (3, 64), "threads": 1}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_run(tmp_path_factory.mktemp("kept"), tasks=("tiny", "questions"), recipes=("full", "lora"), adapters=(2, 3))


@pytest.fixture(autouse=True)
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BenchOrder]]:
    """Jobs run here: starting a process takes longer than they do. What was launched, in order."""
    orders: list[BenchOrder] = []

    def run(folder: AttemptFolder, job: JobSpec, *_: Any) -> Outcome:
        if job.kind == "bench":
            orders.append(BenchOrder.read(folder.order))
        log = Progress(folder.log)
        facts: dict[str, Any] = JOBS[job.kind](job, folder, log)
        log.close()
        return Outcome(state=State.COMPLETE, facts=facts, peak_bytes=10**8)

    monkeypatch.setattr(oneoff, "run_job", run)
    yield orders
    torch.use_deterministic_algorithms(False)
    AcceleratorState._reset_state(reset_partial_state=True)


def bench(kept: Kept, told: list[str] | None = None, **options: Any) -> Bench:
    found, folder = api.bench(
        kept.run.root, api.BenchOptions(**{**OPTIONS, **options}), (told if told is not None else []).append
    )
    assert Bench.read(folder.bench) == found
    return found


WITHOUT_GRAPHS = ("whole", "whole-bf16", "adapter", "adapters-2", "adapters-3")


def test_every_way_is_measured_launch_after_launch_in_turns(kept: Kept, launched: list[BenchOrder]) -> None:
    told: list[str] = []
    found = bench(kept, told, task="tiny", ways=WITHOUT_GRAPHS)
    names = [one.name for one in found.variants]
    assert names == [
        "full whole",
        "full whole-bf16",
        "lora adapter",
        "lora adapters-2",
        "lora adapters-3",
        "lora merged",
        "lora merged-bf16",
    ]
    assert [one.checks for one in launched] == [True] * 7 + [False] * 14
    rounds = [
        [(order.models[0].trial, order.models[0].form, len(order.models), order.precision) for order in part]
        for part in (launched[7:14], launched[14:])
    ]
    assert len(set(rounds[0])) == 7 and rounds[0] != rounds[1]
    assert rounds[0][1:] + rounds[0][:1] == rounds[1], "each round begins with another way"
    assert any("about 1 min left" in line for line in told)
    assert not list(kept.run.jobs.glob("bench-*"))
    for one in found.variants:
        assert one.launches == 2 and len(one.p50.values) == 2
        assert 0 < one.p50.mean <= one.p95.mean <= one.p99.mean < one.start.mean
        assert list(one.rows_per_second) == ["1", "3"], "of 6 texts there is no request of 64"
        assert one.peak.mean == 10**8
        assert one.own_bytes > 0
        assert one.agreement.same_in_every_launch
    by_name = {one.name: one for one in found.variants}
    assert [one.name for one in found.variants if one.reference] == ["full whole", "lora adapter"]
    assert by_name["lora adapter"].base_bytes > 0 == by_name["lora merged"].base_bytes
    assert len(set(by_name["lora adapters-3"].trials)) == 3
    for name in ("lora adapters-2", "lora adapters-3", "lora merged"):
        assert by_name[name].agreement.changed == 0
        assert by_name[name].agreement.largest_difference < 1e-4
    assert any(one.on_front for one in found.variants)


def test_what_was_measured_stands_and_what_was_not_is_gone_on_with(kept: Kept, launched: list[BenchOrder]) -> None:
    ways = ("adapter", "whole")
    before = bench(kept, task="tiny", recipes=("lora",), ways=ways)
    launched.clear()
    assert bench(kept, task="tiny", recipes=("lora",), ways=ways) == before.model_copy(
        update={"machine": before.machine, "left_out": before.left_out}
    )
    assert launched == []
    files = sorted(kept.run.launches.glob("*-adapter/[12].json"))
    files[0].unlink()
    files[1].write_text("{", encoding="utf8")
    told: list[str] = []
    bench(kept, told, task="tiny", recipes=("lora",), ways=ways)
    assert [one.checks for one in launched] == [False, False]
    assert "4 of 6 launches stand already" in told
    launched.clear()
    answers = next(kept.run.launches.glob("*-adapter/answers.npz"))
    answers.write_bytes(answers.read_bytes()[:-1])
    bench(kept, task="tiny", recipes=("lora",), ways=ways)
    assert [one.checks for one in launched] == [True], "answers that were changed are given again"
    launched.clear()
    bench(kept, task="tiny", recipes=("lora",), ways=ways, texts=5)
    assert [one.checks for one in launched] == [False] * 4 or [one.checks for one in launched] == [True] * 2 + [False] * 4


def test_questions_and_graphs_are_measured_too(kept: Kept) -> None:
    found = bench(kept, task="questions", recipes=("full",), ways=("onnx",), launches=1, batch_sizes=())
    assert [one.name for one in found.variants] == ["full whole", "full onnx"]
    graph = found.variants[1]
    assert graph.agreement.changed == 0 and graph.agreement.examples == len(Outputs.read(_stored(kept)).ids)
    assert math.isinf(graph.p50.high), "one launch says nothing of others"
    (contrast,) = found.contrasts
    assert (contrast.a, contrast.b, contrast.changed) == ("full onnx", "full whole", 0)


def _stored(kept: Kept) -> Path:
    return next(kept.run.trials.glob("questions-full-*/validation.npz"))


def test_the_page_and_its_figures_say_what_was_measured(kept: Kept) -> None:
    found = bench(kept, task="tiny", ways=("whole", "adapter"))
    page = kept.run.bench_page.read_text(encoding="utf8")
    assert page.count("<svg") == 3 and page.count("<desc") == 3
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")
    for one in found.variants:
        assert page.count(f">{one.name}</th>") >= 3
    with (kept.run.figures / "bench-latency-tiny.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * len(found.variants)
    assert float(rows[0]["p50 ms"]) == pytest.approx(1e3 * found.variants[0].p50.values[0])
    for kind in ("front", "latency", "throughput"):
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (kept.run.figures / f"bench-{kind}-tiny.{suffix}").stat().st_size


def test_what_cannot_be_measured_is_said(kept: Kept) -> None:
    with pytest.raises(RunError, match="several tasks"):
        bench(kept)
    with pytest.raises(RunError, match="no recipe 'other' on tiny"):
        bench(kept, task="tiny", recipes=("other",))
    with pytest.raises(RunError, match="no way 'fast'"):
        bench(kept, task="tiny", ways=("fast",))


def test_a_launch_is_read_as_it_was_written(kept: Kept) -> None:
    bench(kept, task="tiny", recipes=("full",), ways=("whole",))
    path = next(kept.run.launches.glob("tiny-full-*-whole/1.json"))
    launch = Launch.read(path)
    launch.write(path)
    assert Launch.read(path) == launch
    assert launch.number == 1 and len(launch.latencies) == 6 and launch.said and not launch.answers_sha256
