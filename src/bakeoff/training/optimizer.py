"""Fused AdamW with clipping, overflow skipping and loss scaling, none of which waits for the device.

torch's fused AdamW divides the gradients by `grad_scale` and leaves everything as it is where `found_inf` is 1. Both are
tensors, so clipping costs no pass of its own and a non-finite step is skipped without asking the device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.records.specs import TrainingSpec
from bakeoff.training.classifier import Classifier
from bakeoff.training.embedding import TokenTable
from bakeoff.training.schedule import rate_factor

SCALE_START = 2.0**16
SCALE_GROWTH_STEPS = 2000


def parameter_groups(model: Classifier, loss: nn.Module, spec: TrainingSpec) -> list[dict[str, Any]]:
    """Body and head, with and without weight decay, and the layers of the body where their rates differ.

    Args:
        model: the classifier.
        loss: the loss; what it learns goes with the head.
        spec: rates and decay.

    Returns:
        Groups for AdamW with their `peak` rate; norms and biases (anything of one dimension) are not decayed.
    """
    head = {id(parameter) for part in (model.head, loss) for parameter in part.parameters()}
    body = {id(parameter): model.backbone.rate_factor(name) for name, parameter in model.backbone.named_parameters()}
    groups: dict[tuple[bool, bool, float], list[Any]] = {}
    for parameter in (*model.parameters(), *loss.parameters()):
        if parameter.requires_grad:
            kind = id(parameter) in head, parameter.ndim > 1, body.get(id(parameter), 1.0)
            groups.setdefault(kind, []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": spec.head_learning_rate if is_head else spec.learning_rate * factor,
            "peak": spec.head_learning_rate if is_head else spec.learning_rate * factor,
            "weight_decay": spec.weight_decay if is_matrix else 0.0,
        }
        for (is_head, is_matrix, factor), parameters in groups.items()
    ]


class Optimizer:
    """One optimizer step at a time.

    Args:
        model: the classifier.
        loss: the loss, on the same device.
        spec: hyperparameters.
        total_steps: of the whole training, for the schedule.
        scaled: whether the loss is scaled (fp16).

    Attributes:
        loss_scale: factor that the loss is multiplied with before the backward pass, [] float32 on the device.
    """

    def __init__(self, model: Classifier, loss: nn.Module, spec: TrainingSpec, total_steps: int, scaled: bool) -> None:
        self.spec = spec
        self.total_steps = total_steps
        self.scaled = scaled
        self.table: TokenTable | None = model.backbone.token_table
        self.adamw = torch.optim.AdamW(parameter_groups(model, loss, spec), fused=True)
        self.parameters = [p for group in self.adamw.param_groups for p in group["params"]]
        parts = (("model", model), ("loss", loss))
        names = {id(p): f"{part}.{name}" for part, module in parts for name, p in module.named_parameters()}
        self._named = {names[id(p)]: p for p in self.parameters}
        device = model.head.weight.device
        self.loss_scale = torch.tensor(SCALE_START if scaled else 1.0, device=device)
        self.good_steps = torch.zeros((), device=device)

    def clear(self) -> None:
        """Forget all gradients; the token table's stays allocated and is zeroed where it was touched."""
        if self.table is not None:
            self.table.clear()
        for parameter in self.parameters:
            if not self._is_table(parameter):
                parameter.grad = None

    def _is_table(self, parameter: nn.Parameter) -> bool:
        return self.table is not None and parameter is self.table.weight

    def gradient_norm(self) -> Tensor:
        """Norm of the whole gradient, without the loss scale.

        Returns:
            [] float32; not finite if any element is not.
        """
        gradients = [p.grad for p in self.parameters if not self._is_table(p) and p.grad is not None]
        if self.table is not None and self.table.weight.grad is not None and self.table.touched:
            dense = self.table.weight.grad
            # finding the rows would make the host wait for a GPU, which sums the whole table in no time
            gradients.append(dense if dense.is_cuda else dense.index_select(0, self.table.rows()))
        norms = torch._foreach_norm(gradients)
        norm: Tensor = torch.linalg.vector_norm(torch.stack(norms)) / self.loss_scale
        return norm

    def step(self, step: int) -> Tensor:
        """Clip, skip if not finite, update.

        Args:
            step: from 0; it gives the rate.

        Returns:
            The gradient's norm before clipping, [] float32; the step was skipped if it is not finite.
        """
        norm = self.gradient_norm()
        factor = rate_factor(step, self.total_steps, self.spec.warmup, self.spec.schedule)
        for group in self.adamw.param_groups:
            group["lr"] = group["peak"] * factor
        clip = torch.clamp(norm / self.spec.clip_norm, min=1.0) if self.spec.clip_norm > 0 else torch.ones_like(norm)
        bad = (~torch.isfinite(norm)).to(torch.float32)
        self.adamw.grad_scale = clip * self.loss_scale  # type: ignore[attr-defined]
        self.adamw.found_inf = bad  # type: ignore[attr-defined]
        self.adamw.step()
        if self.scaled:
            self._rescale(bad)
        return norm

    def state(self) -> dict[str, Tensor]:
        """What it has gathered: both moments and the step of each parameter that had a gradient, and the loss scale.

        Returns:
            Tensors by name, on the CPU.
        """
        found = {"loss_scale": self.loss_scale, "good_steps": self.good_steps}
        for name, parameter in self._named.items():
            for key, value in self.adamw.state.get(parameter, {}).items():
                found[f"{name}/{key}"] = value
        return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave.

        Args:
            state: tensors by name.
        """
        self.loss_scale = torch.empty_like(self.loss_scale).copy_(state["loss_scale"])
        self.good_steps = torch.empty_like(self.good_steps).copy_(state["good_steps"])
        self.adamw.state.clear()
        for key, tensor in state.items():
            name, _, part = key.rpartition("/")
            if name:
                parameter = self._named[name]
                # laid out as the optimizer lays it out, in memory of its own: the file may be mapped
                like = torch.empty_like(parameter) if tensor.ndim else torch.empty((), device=parameter.device)
                self.adamw.state[parameter][part] = like.copy_(tensor)

    def _rescale(self, bad: Tensor) -> None:
        """Halve the loss scale after an overflow, double it after 2,000 good steps."""
        self.good_steps = (self.good_steps + 1) * (1 - bad)
        grown = (self.good_steps >= SCALE_GROWTH_STEPS).to(torch.float32)
        self.loss_scale = self.loss_scale * torch.where(bad > 0, 0.5, 1.0 + grown)
        self.good_steps = self.good_steps * (1 - grown)
