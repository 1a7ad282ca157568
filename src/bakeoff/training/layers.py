"""Which layer of a pretrained model a parameter is in, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable

EMBEDDINGS = -1
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")


def layer_of(name: str) -> int | None:
    """The layer of a parameter.

    Args:
        name: the parameter's name within the model.

    Returns:
        From 0; -1 for the embeddings below them; None for what belongs to no layer, such as a norm after the last.
    """
    match = LAYER.search(name)
    if match:
        return int(match.group(1))
    return EMBEDDINGS if any(part in name for part in ("embed", "wte", "wpe")) else None


def count_layers(names: Iterable[str]) -> int:
    """How many layers a model has.

    Args:
        names: of its parameters.

    Returns:
        The number of distinct layers, embeddings not counted.
    """
    return len({layer for name in names if (layer := layer_of(name)) is not None and layer != EMBEDDINGS})
