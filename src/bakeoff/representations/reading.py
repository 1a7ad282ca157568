"""The job `drift`: models read texts; what each layer makes of them is kept, a folder a model, put into place in one rename."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from bakeoff.data.dataset import Dataset, open_dataset
from bakeoff.data.limits import sample_rows
from bakeoff.errors import ModelError
from bakeoff.records.files import move_into_place, set_aside, sha256_file
from bakeoff.records.representations import VECTORS, Reading, ReadingOrder, Representation, stands
from bakeoff.serving.loading import load_classifier
from bakeoff.serving.rows import SPLIT, Encoder
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import TokenStore, encode_chunk, usable
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import USUAL_TOKENS, evaluation_batches
from bakeoff.training.progress import Progress

READ_SPLIT = "validation"
"""Nothing is chosen by it any more, and no text of the test set is looked at."""
WORKING_VECTORS = 24
"""Vectors of a token that a forward pass holds at a time beside those of the layers, about: attention, feed-forward."""


def read_all(order: ReadingOrder, progress: Progress) -> dict[str, Any]:
    """Read with every model of an order; what stands already, whole and made as it is asked for, is left as it is.

    Args:
        order: the models.
        progress: the child's log; a wish to stop is heeded after each chunk.

    Returns:
        How many were `made` and how many `stood`.
    """
    made = 0
    for number, reading in enumerate(order.readings):
        folder = Path(order.folder) / reading.name
        if stands(folder, reading):
            continue
        progress.say("reading", name=reading.name, number=number + 1, readings=len(order.readings))
        if folder.exists():
            set_aside(folder)
        read(reading, folder, order, progress)
        made += 1
    return {"made": made, "stood": len(order.readings) - made}


def read(reading: Reading, folder: Path, order: ReadingOrder, progress: Progress) -> None:
    """Run one model over its texts.

    Args:
        reading: model and texts.
        folder: what is put into place.
        order: chunk and memory.
        progress: the child's log.

    Raises:
        ModelError: if the declared memory does not hold it.
    """
    dataset, task = open_dataset(Path(reading.dataset)), reading.task
    limit = min(reading.examples, task.validation_limit or reading.examples)
    rows = sample_rows(dataset, READ_SPLIT, limit, task.data_seed)
    backbone = _model(reading)
    vectors = _vectors(reading, order, backbone, dataset, rows, progress)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir(parents=True)
    try:
        save_file({f"layer.{place}": layer for place, layer in enumerate(vectors)}, temporary / VECTORS)
        Representation(
            asked=reading.asked,
            layers=len(vectors),
            width=vectors.shape[2],
            ids=dataset.ids(READ_SPLIT, rows),
            clusters=_clusters(dataset.groups(READ_SPLIT, rows)) if dataset.has("groups") else [],
            sha256=sha256_file(temporary / VECTORS),
        ).write(temporary)
        move_into_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _clusters(names: list[str]) -> list[int]:
    """A number for each group of rows; a row without one is a group of its own."""
    keys = [name or f"\0{place}" for place, name in enumerate(names)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]


def _model(reading: Reading) -> Backbone:
    """The body in float32 and evaluation mode, on the CPU or the GPU that is there."""
    if reading.served is None:
        backbone = Backbone(Path(reading.base), "mean")
    else:
        body = load_classifier(reading.served).backbone
        assert isinstance(body, Backbone)
        backbone = body
    backbone.to("cuda" if torch.cuda.is_available() else "cpu")
    return backbone.requires_grad_(False).eval()


def _vectors(
    reading: Reading, order: ReadingOrder, backbone: Backbone, dataset: Dataset, rows: NDArray[np.int64], progress: Progress
) -> NDArray[np.float32]:
    """Vectors of all layers, [K, N, D] float32."""
    tokenizer = Encoder.of(reading.task, load_tokenizer(Path(reading.base))).tokenizer
    found: NDArray[np.float32] | None = None
    budget = USUAL_TOKENS
    for places in _chunks(len(rows), order.chunk):
        chosen = rows[places]
        seconds = usable(dataset.seconds(READ_SPLIT, chosen)) if dataset.has("seconds") else None
        # of a question with a long context, the beginning of the context is read
        chunk = encode_chunk(usable(dataset.texts(READ_SPLIT, chosen)), seconds, tokenizer, reading.task.max_length)
        store = TokenStore.of(chunk, SPLIT)
        for batch in evaluation_batches(store, SPLIT, np.arange(len(chosen)), budget):
            progress.check()
            with torch.inference_mode():
                layers = backbone.layers(batch, reading.pooling).float().cpu().numpy()
            if found is None:
                found = np.empty((len(layers), len(rows), layers.shape[2]), dtype=np.float32)
                budget = _budget(order, found.nbytes, len(layers), layers.shape[2], reading)
            found[:, places[batch.rows]] = layers
        progress.say("step", step=int(places[-1]) + 1, steps=len(rows))
    assert found is not None
    if not np.isfinite(found).all():
        raise ModelError(f"a vector of {reading.name} is not finite", reading.name, "leave this trial out")
    return found


def _chunks(count: int, size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count), dtype=np.int64)


def _budget(order: ReadingOrder, held: int, layers: int, width: int, reading: Reading) -> int:
    """Tokens of a pass that the declared memory allows."""
    used = psutil.Process().memory_info().rss + held
    tokens = int((order.memory_bytes - used) / (4 * width * (layers + WORKING_VECTORS)))
    if tokens < reading.task.max_length:
        raise ModelError(
            f"{order.memory_bytes / 1e9:.1f} GB of memory do not hold {reading.name}: {used / 1e9:.1f} GB are in use already",
            reading.name,
            "raise --memory, or lower --examples",
        )
    return min(USUAL_TOKENS, tokens)
