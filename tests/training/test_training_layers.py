"""Rates a layer: the last one has the recipe's, each below it a share; without decay nothing is different."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.losses.base import Loss
from bakeoff.records.specs import Component
from bakeoff.training.adapting import adapt
from bakeoff.training.backbone import Backbone
from bakeoff.training.classifier import Classifier
from bakeoff.training.layers import count_layers, layer_of
from bakeoff.training.optimizer import parameter_groups
from tiny import training

FAMILIES = ("bert", "roberta", "deberta-v2", "llama")


def peaks(folder: Path, decay: float) -> dict[str, float]:
    """The peak rate of every parameter."""
    backbone = Backbone(folder, "mean")
    adapt(backbone, Component(name="full", version=1, settings={"layer_decay": decay}), 1)
    model = Classifier(backbone, 3, 1)
    groups = parameter_groups(model, Loss(), training(learning_rate=1.0, head_learning_rate=7.0))
    by_id = {id(parameter): group["peak"] for group in groups for parameter in group["params"]}
    return {name: by_id[id(parameter)] for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_has_a_share_of_the_rate_of_the_one_above(model_of: Callable[..., Path], family: str) -> None:
    found = peaks(model_of(family), 0.5)
    by_layer: dict[int | None, set[float]] = {}
    for name, peak in found.items():
        if not name.startswith("head"):
            by_layer.setdefault(layer_of(name), set()).add(peak)
    assert by_layer.pop(None, {1.0}) == {1.0}
    assert by_layer == {-1: {0.25}, 0: {0.5}, 1: {1.0}}
    assert found["head.weight"] == found["head.bias"] == 7.0


def test_without_decay_there_are_the_groups_that_there_were(model_of: Callable[..., Path]) -> None:
    model = Classifier(Backbone(model_of("bert"), "mean"), 3, 1)
    groups = parameter_groups(model, Loss(), training())
    assert [(group["peak"], group["weight_decay"]) for group in groups] == [
        (1e-3, 0.01),
        (1e-3, 0.0),
        (1e-2, 0.01),
        (1e-2, 0.0),
    ]


def test_layers_by_name() -> None:
    names = ["encoder.layer.3.x", "h.0.attn.w", "layers.1.mlp.w", "wte.weight", "norm.weight", "embeddings.word.weight"]
    assert [layer_of(name) for name in names] == [3, 0, 1, -1, None, -1]
    assert count_layers(names) == 3
