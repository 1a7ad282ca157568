"""What an adapter has become: its size against what the recipe declares, each layer's change, and whether it can be merged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.catalog.methods import LoraSettings
from bakeoff.errors import ModelError
from bakeoff.training.adapting import ADAPTER
from bakeoff.training.batches import Batch
from bakeoff.training.body import Body

TOLERANCE = 1e-4
"""Largest difference of an output between merged and unmerged weights, relative to the largest output, in float32."""
EXAMINED_ROWS = 16


def adapted(module: nn.Module) -> dict[str, Any]:
    """The layers that have an adapter.

    Args:
        module: any module.

    Returns:
        PEFT's layers by name.
    """
    return {name: layer for name, layer in module.named_modules() if ADAPTER in getattr(layer, "lora_A", {})}


def declared(layers: dict[str, Any], settings: LoraSettings) -> int:
    """Parameters that an adapter should have by the recipe: rank × (inputs + outputs) a matrix, and DoRA's magnitudes.

    Args:
        layers: what is adapted.
        settings: of the method.

    Returns:
        How many.
    """
    sizes = [(layer.in_features, layer.out_features) for layer in layers.values()]
    return sum(settings.rank * (inputs + outputs) + settings.dora * outputs for inputs, outputs in sizes)


def change(layer: Any) -> Tensor:
    """What an adapter adds to a matrix in the directions that it has: the singular values of scale · B · A.

    Args:
        layer: an adapted layer.

    Returns:
        [rank] float64, falling, on the CPU.
    """
    # B · A is [outputs, inputs]; of its factors' triangles, [rank, rank], the product has the same singular values
    first, second = layer.lora_A[ADAPTER].weight.detach(), layer.lora_B[ADAPTER].weight.detach()
    right = torch.linalg.qr(first.double().cpu().T, mode="r").R
    left = torch.linalg.qr(second.double().cpu(), mode="r").R
    values: Tensor = torch.linalg.svdvals(layer.scaling[ADAPTER] * left @ right.T)
    return values


def effective_rank(values: Tensor) -> float:
    """How many directions a change has: the exponential of the entropy of its singular values (Roy and Vetterli, 2007).

    Args:
        values: singular values, [rank].

    Returns:
        From 1 to the rank; 0 for a change that is none.
    """
    total = float(values.sum())
    if total == 0.0:
        return 0.0
    return float(torch.exp(torch.special.entr(values / total).sum()))


@contextlib.contextmanager
def merged(layers: dict[str, Any]) -> Iterator[None]:
    """Add adapters to the weights of the base; afterwards these are bitwise what they were.

    Args:
        layers: what is adapted.

    Yields:
        Nothing.
    """
    before = {name: layer.get_base_layer().weight.detach().clone() for name, layer in layers.items()}
    try:
        for layer in layers.values():
            layer.merge(adapter_names=[ADAPTER])
        yield
    finally:
        for name, layer in layers.items():
            layer.merged_adapters.clear()
            with torch.no_grad():
                # to subtract what was added would leave the rounding
                layer.get_base_layer().weight.copy_(before[name])


def merged_difference(body: Body, batch: Batch) -> float:
    """How far a body's vectors with merged and unmerged weights are apart, in float32 without dropout.

    Args:
        body: has adapters; its mode and weights are restored.
        batch: some real rows.

    Returns:
        Largest absolute difference over the largest absolute value.
    """
    was_training = body.training
    body.eval()
    with torch.no_grad():
        apart = body(batch)
        with merged(adapted(body)):
            together = body(batch)
    body.train(was_training)
    return float((apart - together).abs().max()) / max(float(apart.abs().max()), 1e-6)


def examine(body: Body, batch: Batch, settings: dict[str, Any]) -> dict[str, Any]:
    """Look at a trained adapter.

    Args:
        body: has adapters.
        batch: some validation rows.
        settings: of the method, as plain data.

    Returns:
        `adapter_parameters` and `declared_parameters`, `share` of the body's parameters, `merged_difference`, its `tolerance`
        and whether it is within that (`mergeable`), and `layers`: of each the Frobenius norm of its change, that beside the
        weights', and its effective rank.

    Raises:
        ModelError: if the adapter is not as large as the recipe says.
    """
    layers, chosen = adapted(body), LoraSettings.model_validate(settings)
    trained = sum(parameter.numel() for parameter in body.parameters() if parameter.requires_grad)
    should = declared(layers, chosen)
    if trained != should:
        problem = f"the adapter has {trained:,} parameters, and its recipe declares {should:,}"
        raise ModelError(problem, "method", "please report this as a bug")
    described = []
    for name, layer in layers.items():
        values = change(layer)
        norm, weight = float(values.norm()), float(layer.get_base_layer().weight.detach().double().norm())
        described.append({"name": name, "norm": norm, "relative": norm / weight, "effective_rank": effective_rank(values)})
    difference = merged_difference(body, batch)
    return {
        "adapter_parameters": trained,
        "declared_parameters": should,
        "share": trained / sum(parameter.numel() for parameter in body.parameters()),
        "merged_difference": difference,
        "tolerance": TOLERANCE,
        "mergeable": difference <= TOLERANCE,
        "layers": described,
    }
