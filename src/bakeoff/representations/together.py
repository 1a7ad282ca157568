"""The job `adapters`: several adapters on one copy of their pretrained model, each asked alone and among the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.dataset import open_dataset
from bakeoff.data.limits import sample_rows
from bakeoff.records.adapters import AdapterFound, AdapterOrder, AskedAdapter, SharedBase
from bakeoff.serving.loading import Model, load_model, pooling_of
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Encoded, Encoder, Texts
from bakeoff.serving.shared import AdapterModel, load_together
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training.adapting import base_hash
from bakeoff.training.progress import Progress

SPLIT = "validation"
"""No text of the test set is looked at."""


@dataclass(frozen=True)
class _Answered:
    """What a model says of some texts: the outputs of their rows, and what they come to."""

    outputs: NDArray[np.float32]
    answers: list[object]


def look_at(order: AdapterOrder, progress: Progress) -> list[SharedBase]:
    """Put adapters of one pretrained model on one copy of it, and compare each with itself alone.

    Args:
        order: the adapters.
        progress: the child's log; a wish to stop is heeded after each adapter.

    Returns:
        A finding for each pretrained model (and pooling) that several adapters stand on.
    """
    alike: dict[tuple[str, str, bool | None], list[AskedAdapter]] = {}
    for one in order.adapters:
        alike.setdefault((one.served.base, pooling_of(one.served), one.served.packed), []).append(one)
    return [_together(some, order.examples, progress) for some in alike.values() if len(some) > 1]


def _together(adapters: list[AskedAdapter], examples: int, progress: Progress) -> SharedBase:
    first = adapters[0].served
    models = load_together([one.served for one in adapters])
    assert isinstance(models[0], AdapterModel)
    body = models[0].shared.backbone
    before = base_hash(body)
    texts = [_texts(one, examples) for one in adapters]
    among = [_answer(*pair, progress) for pair in zip(adapters, models, texts, strict=True)]
    # every other adapter was at work in between
    again = [_answer(*pair, progress) for pair in zip(adapters, models, texts, strict=True)]
    found = []
    for one, given, at_first, at_last in zip(adapters, texts, among, again, strict=True):
        alone = _answer(one, load_model(one.served), given, progress)
        found.append(
            AdapterFound(
                trial=one.served.trial,
                examples=len(given.texts.first),
                difference=_apart(alone, at_first),
                largest=float(np.abs(alone.outputs[np.isfinite(alone.outputs)]).max(initial=0.0)),
                changed=sum(a != b for a, b in zip(alone.answers, at_first.answers, strict=True)),
                again=_apart(alone, at_last),
            )
        )
    assert first.recipe.model is not None
    return SharedBase(
        model=first.recipe.model.name,
        pooling=pooling_of(first),
        base_sha256=before,
        base_sha256_after=base_hash(body),
        recorded=all(one.base_sha256 == before for one in adapters),
        adapters=found,
    )


def _texts(one: AskedAdapter, examples: int) -> Encoded:
    dataset, task = open_dataset(Path(one.dataset)), one.served.task
    rows = sample_rows(dataset, SPLIT, min(examples, task.validation_limit or examples), task.data_seed)
    second = dataset.seconds(SPLIT, rows) if dataset.has("seconds") else None
    encoder = Encoder.of(task, load_tokenizer(Path(one.served.folder)))
    return encoder.encode(Texts(dataset.texts(SPLIT, rows), second))


def _answer(one: AskedAdapter, model: Model, given: Encoded, progress: Progress) -> _Answered:
    progress.check()
    predictor = Predictor(one.served, Encoder.of(one.served.task, load_tokenizer(Path(one.served.folder))), model)
    said = predictor.decide(given)
    return _Answered(predictor.outputs(given), list(said.labels if said.answers is None else said.answers))


def _apart(first: _Answered, second: _Answered) -> float:
    known = np.isfinite(first.outputs)
    if not np.array_equal(known, np.isfinite(second.outputs)):
        return float("inf")
    return float(np.abs(first.outputs[known] - second.outputs[known]).max(initial=0.0))
