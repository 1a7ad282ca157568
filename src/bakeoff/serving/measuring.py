"""The job `bench`: one launch of a model that is put to use. It checks its answers, or measures what answering costs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from bakeoff.records.benchmarks import ANSWERS, BenchOrder
from bakeoff.records.environment import available_cores
from bakeoff.records.files import canonical_json, sha256_bytes, sha256_file
from bakeoff.records.results import Outputs
from bakeoff.serving.exporting import answered
from bakeoff.serving.loading import Model
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Encoder, Texts
from bakeoff.serving.shared import load_together
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training.batches import Batch
from bakeoff.training.progress import Progress


@dataclass(frozen=True)
class InTurns:
    """A model that answers after others on the same pretrained model have: each batch switches adapters.

    Attributes:
        model: the one whose answers count.
        others: those that are asked before.
    """

    model: Model
    others: Sequence[Model]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Outputs of a batch (see `loading.Model`).

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, L], or [B, 2, T].
        """
        for other in self.others:
            other.logits(batch)
        return self.model.logits(batch)


@dataclass(frozen=True)
class Asked:
    """What is asked of a model.

    Attributes:
        texts: validation texts.
        template: the trial's stored outputs of them.
    """

    texts: Texts
    template: Outputs

    def requests(self, size: int) -> list[Texts]:
        """The texts in requests.

        Args:
            size: texts of a request.

        Returns:
            The requests; what is left over is no request.
        """
        first, second = self.texts.first, self.texts.second
        starts = range(0, len(first) - size + 1, size)
        return [Texts(first[at : at + size], None if second is None else second[at : at + size]) for at in starts]


def drawn(order: BenchOrder, stored: Outputs) -> Outputs:
    """The examples that a launch asks of those that a trial was validated on; every launch draws the same.

    Args:
        order: how many there are to be.
        stored: the trial's outputs of all.

    Returns:
        Outputs of those that were drawn. To compare answers to questions, all are: stored answers cannot be parted.
    """
    most = order.examples if order.checks else order.texts
    if len(stored.ids) <= most or (order.checks and stored.answers is not None):
        return stored
    places = np.random.default_rng(order.models[0].task.data_seed).permutation(len(stored.ids))[:most]
    if stored.answers is None:
        return stored.of(places)
    return replace(stored, ids=[stored.ids[place] for place in places])


def measure_launch(order: BenchOrder, asked: Asked, folder: Path, progress: Progress) -> dict[str, Any]:
    """Load the models of an order and measure.

    Args:
        order: models and settings.
        asked: what was drawn.
        folder: where answers that are checked are written.
        progress: the child's log; a wish to stop is heeded between requests.

    Returns:
        What a `bakeoff.records.benchmarks.Launch` says, but for what was asked and what the process used at most.
    """
    began, busy, process = datetime.now(UTC), os.getloadavg()[0], psutil.Process()
    (first,) = asked.requests(1)[:1]
    before, start = process.memory_info().rss, time.perf_counter()
    predictors = _load(order)
    for predictor in predictors:
        predictor.predict(first)
    facts: dict[str, Any] = {
        "began": began.isoformat(timespec="seconds"),
        "busy": busy,
        "cores": available_cores(),
        "load_seconds": time.perf_counter() - start,
        "start_seconds": max(0.0, time.time() - process.create_time()),
        "memory_bytes": process.memory_info().rss - before,
    }
    return facts | (_check(predictors, asked, folder) if order.checks else _time(order, predictors, asked, progress))


def _load(order: BenchOrder) -> list[Predictor]:
    """The models, each behind a tokenizer of its own, as a server holds them."""
    models = load_together(order.models, order.precision, order.threads)
    return [
        Predictor(served, Encoder.of(served.task, load_tokenizer(Path(served.folder))), model)
        for served, model in zip(order.models, models, strict=True)
    ]


def _check(predictors: list[Predictor], asked: Asked, folder: Path) -> dict[str, Any]:
    """Answer all examples; the hash of what is written."""
    first, *others = predictors
    turning = replace(first, model=InTurns(first.model, [other.model for other in others]))
    path = folder / ANSWERS
    path.parent.mkdir(parents=True, exist_ok=True)
    answered(turning, turning.encoder.encode(asked.texts), asked.template).write(path)
    return {"answers_sha256": sha256_file(path)}


def _time(order: BenchOrder, predictors: list[Predictor], asked: Asked, progress: Progress) -> dict[str, Any]:
    """Time requests of one text, then of batches; several models are asked in turns."""
    requests, latencies, said = asked.requests(1), [], []
    for place in range(order.warm_up):
        predictors[place % len(predictors)].predict(requests[place % len(requests)])
    for place, request in enumerate(requests):
        progress.check()
        predictor = predictors[place % len(predictors)]
        start = time.perf_counter()
        answer = predictor.predict(request)
        latencies.append(time.perf_counter() - start)
        said.append(answer.plain(scores=False))
    rates = {"1": len(requests) / sum(latencies)}
    for size in order.batch_sizes:
        progress.check()
        if 1 < size <= len(requests):
            rates[str(size)] = _rate(predictors, asked.requests(size))
    return {"latencies": latencies, "rows_per_second": rates, "said": sha256_bytes(canonical_json(said).encode())}


def _rate(predictors: list[Predictor], requests: list[Texts]) -> float:
    """Texts a second over requests of several texts; the first request is asked once before."""
    predictors[0].predict(requests[0])
    start = time.perf_counter()
    for place, request in enumerate(requests):
        predictors[place % len(predictors)].predict(request)
    return sum(len(request.first) for request in requests) / (time.perf_counter() - start)
