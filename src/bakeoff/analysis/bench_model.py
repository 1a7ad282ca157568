"""What `bench.json` holds: what it costs to use the models of a run, and whether every way of it gives the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from bakeoff.analysis.drift_model import Spread
from bakeoff.records.benchmarks import Way
from bakeoff.records.files import read_document, write_document
from bakeoff.records.serving import Number
from bakeoff.records.specs import Spec

BENCH_VERSION = 1


class Agreement(Spec):
    """How answers compare with those of the model as its trial left it, in float32.

    Attributes:
        examples: validation examples that both answered.
        changed: examples whose answer differs.
        largest_difference: largest absolute difference of an output.
        score: the task's metric on these examples.
        low: lower end of the 95 % interval of the difference in score, for these models on fresh examples.
        high: its upper end.
        same_in_every_launch: whether every timed launch gave the same answers to the timed texts.
    """

    examples: int
    changed: int
    largest_difference: Number
    score: Number
    low: Number
    high: Number
    same_in_every_launch: bool


class Variant(Spec):
    """One way to use one trained model.

    Attributes:
        name: the recipe and the way, such as `lora adapter`.
        recipe: the recipe.
        way: how its model is put to use.
        seed: seed of the trial.
        trials: ids of the trials whose models were loaded: one, or one an adapter.
        reference: whether it is what the other ways of its recipe are compared with.
        own_bytes: size on disk of what this way needs.
        base_bytes: size on disk of the pretrained model that it needs beside, which several share; 0 where it needs none.
        launches: how many launches were timed.
        p50: median latency of a request of one text, seconds.
        p95: 95th percentile.
        p99: 99th percentile.
        rows_per_second: throughput, by texts of a request, from 1 on.
        load: seconds from the first byte of the model to the first answer.
        start: seconds from the start of a process, imports included, to the first answer.
        memory: by how many bytes memory grew while the model was loaded.
        peak: largest memory of the process in bytes, libraries included.
        agreement: how its answers compare.
        on_front: whether no other way is both as quick and as good, and better in one of the two.
    """

    name: str
    recipe: str
    way: Way
    seed: int
    trials: list[str]
    reference: bool
    own_bytes: int
    base_bytes: int = 0
    launches: int
    p50: Spread
    p95: Spread
    p99: Spread
    rows_per_second: dict[str, Spread]
    load: Spread
    start: Spread
    memory: Spread
    peak: Spread
    agreement: Agreement
    on_front: bool = False


class Contrast(Spec):
    """One way over another: ratios of launches of the same round.

    Attributes:
        a: the one.
        b: the other.
        latency: median latency of a over that of b.
        throughput: texts a second of a over those of b, by texts of a request.
        memory: memory of a over that of b; "nan" where one of them takes less than a megabyte.
        load: load time of a over that of b.
        changed: examples that a and b answer differently; null where they are different recipes.
        largest_difference: largest absolute difference of an output; "nan" where they are different recipes.
    """

    a: str
    b: str
    latency: Spread
    throughput: dict[str, Spread]
    memory: Spread
    load: Spread
    changed: int | None = None
    largest_difference: Number


class Bench(Spec):
    """`bench.json`.

    Attributes:
        study: the study's name.
        task: the task.
        metric: its metric.
        higher_is_better: direction of the metric.
        threads: CPU threads of each process.
        texts: texts that each launch was timed on.
        warm_up: requests before the first that was timed.
        launches: launches of each way.
        batch_sizes: texts of a request.
        machine: processor, cores, memory, versions.
        busiest: processes that wanted a core when a launch began, at most: beyond the number of cores, others disturbed it.
        variants: the ways.
        contrasts: pairs of ways.
        left_out: what was not measured, and why.
    """

    study: str
    task: str
    metric: str
    higher_is_better: bool
    threads: int
    texts: int
    warm_up: int
    launches: int
    batch_sizes: list[int]
    machine: dict[str, Any]
    busiest: Number
    variants: list[Variant]
    contrasts: list[Contrast]
    left_out: list[str] = Field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write `bench.json`.

        Args:
            path: where.
        """
        write_document(path, "bench", BENCH_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Bench:
        """Read `bench.json`.

        Args:
            path: where.

        Returns:
            What it says.
        """
        return Bench.model_validate(read_document(path, "bench", BENCH_VERSION))
