"""Ways to break a classifier that smoke runs and sanity checks have to find."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bakeoff.training.batches import Batch
from bakeoff.training.classifier import Classifier


class Forgetful(Classifier):
    """Keeps its head out of what is saved, as a wrapper that trains adapters does if nobody tells it of the head."""

    def state_dict(self, *arguments: Any, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().state_dict(*arguments, **more)
        return {name: tensor for name, tensor in found.items() if not name.startswith("head.")}

    def load_state_dict(self, state: Any, strict: bool = True, assign: bool = False) -> Any:
        return super().load_state_dict(state, strict=False, assign=assign)


def forget(model: Classifier) -> None:
    model.__class__ = Forgetful


def freeze(model: Classifier) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad = ".layer.1." not in name


def merge_rows(model: Classifier) -> None:
    """Every row gets the mean of all: gradients reach everything, and no two examples can be told apart."""
    forward = model.backbone.forward

    def merged(batch: Batch) -> Tensor:
        rows = forward(batch)
        return rows.mean(dim=0, keepdim=True).expand_as(rows)

    model.backbone.forward = merged  # type: ignore[method-assign]
