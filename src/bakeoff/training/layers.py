"""The layers of a pretrained model: which one a parameter is in, by its name, and a model with fewer of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import nn

from bakeoff.errors import ModelError

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


def taken(count: int, wanted: int) -> list[int]:
    """Which layers of a model a smaller one begins with: evenly spread, the first and the last among them.

    Args:
        count: layers of the model.
        wanted: layers of the smaller one, at most as many.

    Returns:
        Their numbers, ascending, such as 0, 2, 5 of six.
    """
    return [int(place) for place in np.linspace(0, count - 1, wanted)] if wanted > 1 else [0]


def keep_layers(model: nn.Module, wanted: int) -> None:
    """Take away all but some evenly spread layers.

    Args:
        model: a pretrained model, changed in place with its configuration.
        wanted: how many stay.

    Raises:
        ModelError: if it has fewer layers, or they stand in no list that is known.
    """
    count = count_layers(name for name, _ in model.named_parameters())
    if wanted > count:
        raise ModelError(
            f"the student is to have {wanted} layers, and the model has {count}", "method.layers", f"at most {count}"
        )
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and LAYER.search(f"{name}.0.") and len(module) == count
    ]
    if len(lists) != 1:
        family = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
        raise ModelError(f"which layers of {family} could be left out is not known", "method.layers", "another model")
    ((name, layers),) = lists
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, nn.ModuleList([layers[place] for place in taken(count, wanted)]))
    config: Any = model.config
    config.num_hidden_layers = wanted


def with_layers(configuration: str, layers: int) -> str:
    """A configuration of a model with fewer layers.

    Args:
        configuration: config.json of the pretrained model.
        layers: how many the other one has.

    Returns:
        Its config.json.
    """
    body = json.loads(configuration)
    name = next((key for key in ("num_hidden_layers", "n_layer", "n_layers") if key in body), "num_hidden_layers")
    return json.dumps({**body, name: layers}, indent=2, sort_keys=True) + "\n"
