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

from bakeoff.data.dataset import Dataset, open_dataset
from bakeoff.records.benchmarks import ANSWERS, BenchOrder
from bakeoff.records.environment import available_cores
from bakeoff.records.files import canonical_json, sha256_bytes, sha256_file
from bakeoff.records.results import Outputs
from bakeoff.serving.exporting import answered, rows_of
from bakeoff.serving.loading import Model
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Encoder, Texts
from bakeoff.serving.shared import load_together
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training.batches import Batch
from bakeoff.training.progress import Progress

READ_SPLIT = "validation"
"""No text of the test set is looked at."""


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

    @staticmethod
    def of(dataset: Dataset, template: Outputs, most: int, seed: int) -> Asked:
        """Examples drawn from those that a trial was validated on.

        Args:
            dataset: holds them.
            template: the trial's stored outputs.
            most: examples at most.
            seed: what they are drawn by: every launch draws the same.

        Returns:
            The examples.
        """
        whole = most >= len(template.ids)
        places = np.arange(len(template.ids)) if whole else np.random.default_rng(seed).permutation(len(template.ids))[:most]
        rows = rows_of([template.ids[place] for place in places], dataset.ids(READ_SPLIT))
        second = dataset.seconds(READ_SPLIT, rows) if dataset.has("seconds") else None
        kept = template if template.answers is not None else template.of(places)
        return Asked(Texts(dataset.texts(READ_SPLIT, rows), second), kept)

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


def measure_launch(order: BenchOrder, folder: Path, progress: Progress) -> dict[str, Any]:
    """Load the models of an order and measure.

    Args:
        order: models, texts and settings.
        folder: where answers that are checked are written.
        progress: the child's log; a wish to stop is heeded between requests.

    Returns:
        What a `bakeoff.records.benchmarks.Launch` says, but for what was asked and what the process used at most.
    """
    began, busy, process = datetime.now(UTC), os.getloadavg()[0], psutil.Process()
    opening = time.perf_counter()
    asked = _asked(order)
    (first,) = asked.requests(1)[:1]
    opened = time.perf_counter() - opening  # whoever serves has its texts from elsewhere
    before, start = process.memory_info().rss, time.perf_counter()
    predictors = _load(order)
    for predictor in predictors:
        predictor.predict(first)
    facts: dict[str, Any] = {
        "began": began.isoformat(timespec="seconds"),
        "busy": busy,
        "cores": available_cores(),
        "load_seconds": time.perf_counter() - start,
        "start_seconds": max(0.0, time.time() - process.create_time() - opened),
        "memory_bytes": process.memory_info().rss - before,
    }
    return facts | (_check(predictors, asked, folder) if order.checks else _time(order, predictors, asked, progress))


def _asked(order: BenchOrder) -> Asked:
    dataset, template = open_dataset(Path(order.dataset)), Outputs.read(Path(order.validation))
    most = order.examples if order.checks else order.texts
    if order.checks and template.answers is not None:
        most = len(template.ids)  # stored answers of a part of the questions are none
    return Asked.of(dataset, template, most, order.models[0].task.data_seed)


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
    rates: dict[str, float] = {}
    for size in order.batch_sizes:
        progress.check()
        if size <= len(requests):
            rates[str(size)] = _rate(predictors, asked.requests(size))
    return {"latencies": latencies, "rows_per_second": rates, "said": sha256_bytes(canonical_json(said).encode())}


def _rate(predictors: list[Predictor], requests: list[Texts]) -> float:
    """Texts a second over requests of several texts; the first request is asked once before."""
    predictors[0].predict(requests[0])
    start = time.perf_counter()
    for place, request in enumerate(requests):
        predictors[place % len(predictors)].predict(request)
    return sum(len(request.first) for request in requests) / (time.perf_counter() - start)
