"""The size of a pretrained model by its configuration and the headers of its weights, without loading it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import ModelError
from bakeoff.hub.modelfiles import CONFIG, folder_files
from bakeoff.hub.safetensors import Tensor, read_header

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
WIDTH = ("hidden_size", "d_model", "n_embd", "dim")
SIZES = (*LAYERS, *WIDTH, "vocab_size", "max_position_embeddings", "n_positions")
"""Keys of a configuration that are whole numbers wherever they stand."""
EMBEDDINGS = ("word_embeddings.weight", "embed_tokens.weight", "wte.weight", "tok_embeddings.weight", "shared.weight")
POOLER = "pooler.dense.weight"
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer")
"""Families whose first position is the padding id + 1: that many positions are never used."""


@dataclass(frozen=True)
class ModelShape:
    """How large a model is.

    Attributes:
        family: its `model_type`.
        layers: how many; 0 if its configuration does not say.
        width: of its vectors; 0 likewise.
        vocabulary: rows of its token table by the configuration; 0 likewise.
        parameters: numbers in its weights.
        embedded: rows and columns of its token table in the weights; None if none of the known names is there.
        blocks: layers that the weights have; 0 if their names do not tell.
        context: tokens that a row may have at most; None if its configuration does not say.
        pooler: whether the weights have a pooler's dense layer.
        config: its configuration.
    """

    family: str
    layers: int
    width: int
    vocabulary: int
    parameters: int
    embedded: tuple[int, int] | None
    blocks: int
    context: int | None
    config: dict[str, Any]
    pooler: bool = False

    @property
    def body(self) -> int:
        """Numbers in its weights without the token table: what is multiplied for each token."""
        table = math.prod(self.embedded) if self.embedded else self.vocabulary * self.width
        return max(self.parameters - table, 1)


def read_shape(folder: Path) -> ModelShape:
    """Read the size of a model.

    Args:
        folder: its folder, with safetensors.

    Returns:
        Its shape.

    Raises:
        ModelError: if configuration or weights cannot be read.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"config.json cannot be read: {error}", str(folder / CONFIG), "fetch or export the model again"
        ) from error
    if not isinstance(config, dict):
        raise ModelError("config.json is no JSON object", str(folder / CONFIG), "fetch or export the model again")
    tensors: dict[str, Tensor] = {}
    for name in folder_files(folder).weights:
        if name.endswith(".safetensors"):
            tensors |= read_header(folder / name)
    return ModelShape(
        family=str(config.get("model_type") or ""),
        layers=_first(config, LAYERS),
        width=_first(config, WIDTH),
        vocabulary=_first(config, ("vocab_size",)),
        parameters=sum(math.prod(tensor.shape) for tensor in tensors.values()),
        embedded=_embedded(tensors),
        blocks=_blocks(tensors),
        context=_context(config),
        config=config,
        pooler=any(name.endswith(POOLER) for name in tensors),
    )


def _first(config: dict[str, Any], keys: tuple[str, ...]) -> int:
    return next((config[key] for key in keys if type(config.get(key)) is int), 0)


def _embedded(tensors: dict[str, Tensor]) -> tuple[int, int] | None:
    for name, tensor in tensors.items():
        if name.endswith(EMBEDDINGS) and len(tensor.shape) == 2:
            return tensor.shape[0], tensor.shape[1]
    return None


def _blocks(tensors: dict[str, Tensor]) -> int:
    """Number of layers by names such as `encoder.layer.5.attention.…`; what is below that is the layer's own matter."""
    numbers = {int(part) for name in tensors for part in name.split(".")[:4] if part.isdigit()}
    return max(numbers) + 1 if numbers and numbers == set(range(max(numbers) + 1)) else 0


def _context(config: dict[str, Any]) -> int | None:
    positions = _first(config, ("max_position_embeddings", "n_positions", "max_sequence_length"))
    if positions and config.get("model_type") in POSITIONS_AFTER_PADDING:
        padding = config.get("pad_token_id")
        positions -= (padding if isinstance(padding, int) else 1) + 1
    return positions or None
