"""What is checked on the real model and real rows before a step is made."""

from __future__ import annotations

import torch

from bakeoff.training.batches import Batch
from bakeoff.training.classifier import Classifier
from bakeoff.training.memory import is_lack_of_memory

TOLERANCE = 1e-4
"""Largest difference of logits, relative to their size, between packed and padded batches in float32."""


def packed_difference(model: Classifier, batch: Batch) -> float:
    """How far packed and padded logits of a batch are apart, in float32 without dropout.

    Args:
        model: the classifier; its mode and packing are restored.
        batch: some real rows.

    Returns:
        Largest absolute difference over the largest absolute logit.
    """
    was_training, was_packed = model.training, model.backbone.packed
    model.eval()
    with torch.no_grad():
        model.backbone.set_packed(True)
        packed = model(batch)
        model.backbone.set_packed(False)
        padded = model(batch)
    model.backbone.set_packed(was_packed)
    model.train(was_training)
    real = ~torch.isneginf(padded)  # where a row has no token, both are -inf
    packed, padded = packed[real], padded[real]
    scale = max(float(padded.abs().max()), 1e-6)
    return float((packed - padded).abs().max()) / scale


def settle_packing(model: Classifier, batch: Batch) -> str:
    """Keep the packed path only if it gives what the padded one gives.

    Args:
        model: the classifier; switched to padded batches if the check fails.
        batch: some real rows.

    Returns:
        A note for the result if the model runs padded: why; else an empty string.
    """
    if not model.backbone.packed:
        note = model.backbone.note
        return f"{note}: padded batches are used" if note else ""
    try:
        difference = packed_difference(model, batch)
    except (TypeError, ValueError, RuntimeError) as error:
        # a family that takes the interface's word and not the layout: it says so, and runs as it always could
        if is_lack_of_memory(error):
            raise
        model.backbone.set_packed(False)
        return f"the model does not run packed ({type(error).__name__}: {str(error)[:200]}): padded batches are used"
    if difference <= TOLERANCE:
        return ""
    model.backbone.set_packed(False)
    return f"packed and padded logits differ by {difference:.1e}: padded batches are used"
