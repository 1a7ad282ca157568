"""How much of a pretrained model a method trains: all of it, a low-rank adapter, or its upper layers; the rest stays frozen."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.catalog.methods import DistillSettings, FullSettings, LoraSettings
from bakeoff.errors import ModelError
from bakeoff.records.seeds import derive
from bakeoff.records.specs import Component
from bakeoff.training.backbone import Backbone
from bakeoff.training.dropout import replace_dropout
from bakeoff.training.layers import count_layers, keep_layers, layer_of

ADAPTER = "default"
WRAPPED = ".base_layer."
"""Where PEFT puts a matrix that it adapts."""
ADAPTED = ".lora_"
"""What names of an adapter's weights have in them."""
TARGETS = {
    "bert": ("query", "value"),
    "roberta": ("query", "value"),
    "xlm-roberta": ("query", "value"),
    "electra": ("query", "value"),
    "distilbert": ("q_lin", "v_lin"),
    "deberta": ("in_proj",),
    "deberta-v2": ("query_proj", "value_proj"),
    "modernbert": ("Wqkv",),
    "llama": ("q_proj", "v_proj"),
    "mistral": ("q_proj", "v_proj"),
    "qwen2": ("q_proj", "v_proj"),
    "qwen3": ("q_proj", "v_proj"),
    "gpt2": ("c_attn",),
}
"""Which matrices `targets: auto` adapts: queries and values, as in Hu et al., LoRA, ICLR 2022, section 4.2."""


def adapt(backbone: Backbone, method: Component, seed: int, name: str = ADAPTER) -> None:
    """Freeze and extend a backbone as a method says.

    Args:
        backbone: changed in place.
        method: `full`, `lora` or `distill` with settings; others leave it as it is.
        seed: the trial's seed; it governs an adapter's start.
        name: what an adapter is called; several of different names can stand on one backbone.

    Raises:
        ModelError: if the model has no matrices of the names that the method adapts, or fewer layers than are to be frozen.
    """
    if method.name == "lora":
        _inject(backbone, LoraSettings.model_validate(method.settings), seed, name)
    elif method.name == "full":
        settings = FullSettings.model_validate(method.settings)
        _freeze(backbone, settings.frozen_layers)
        backbone.layer_decay = settings.layer_decay
    elif method.name == "distill":
        keep_layers(backbone.model, DistillSettings.model_validate(method.settings).layers)


def _inject(backbone: Backbone, settings: LoraSettings, seed: int, name: str) -> None:
    import peft

    targets = _targets(backbone, settings.targets)
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        fan_in_fan_out=backbone.family == "gpt2",
        bias="none",
    )
    with torch.random.fork_rng(devices=[]):  # the adapter's start belongs to the seed, and to nothing drawn before
        torch.manual_seed(derive(seed, "adapter"))
        try:
            peft.inject_adapter_in_model(config, backbone.model, adapter_name=name)
        except ValueError as error:
            raise ModelError(f"the adapter does not fit: {error}", backbone.family, "name other targets") from error
    replace_dropout(backbone.model)


def _targets(backbone: Backbone, targets: str | list[str]) -> str | list[str]:
    if targets == "all-linear":
        return _linear_names(backbone)
    names = list(TARGETS.get(backbone.family, ())) if targets == "auto" else list(targets)
    known = {name.rpartition(".")[2] for name, _ in backbone.model.named_modules()}
    missing = [name for name in names if name not in known]
    if missing or not names:
        linear = _linear_names(backbone)
        what = (
            f"the model has no module called {missing[0]}" if missing else f"nothing is known of the family {backbone.family}"
        )
        raise ModelError(what, "method.targets", f"some of {', '.join(linear)}; or all-linear")
    return names


def _linear_names(backbone: Backbone) -> list[str]:
    """Last parts of the names of linear layers; where an adapter stands already, of the layer that it adapts."""
    found = [name for name, module in backbone.model.named_modules() if isinstance(module, nn.Linear) and ".lora_" not in name]
    return sorted({name.removesuffix(".base_layer").rpartition(".")[2] for name in found})


def _freeze(backbone: Backbone, layers: int) -> None:
    """Freeze the embeddings and the first layers; none for 0."""
    if not layers:
        return
    found = count_layers(name for name, _ in backbone.model.named_parameters())
    if layers > found:
        raise ModelError(f"{layers} layers are to be frozen, and the model has {found}", "method.frozen_layers", "fewer")
    for name, parameter in backbone.model.named_parameters():
        layer = layer_of(name)
        if layer is not None and layer < layers:
            parameter.requires_grad_(False)


def trained_tensors(module: nn.Module) -> dict[str, Tensor]:
    """What a training changes: every tensor but frozen parameters, which come from the model's files.

    Args:
        module: any module.

    Returns:
        Tensors by name, on the CPU.
    """
    frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items() if name not in frozen}


def load_trained(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put back what `trained_tensors` gave.

    Args:
        module: the same module, its frozen parameters as they were.
        tensors: by name.

    Raises:
        ModelError: if tensors are missing that are no frozen parameters, or some do not belong.
    """
    frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    report = module.load_state_dict(tensors, strict=False)
    wrong = [name for name in report.missing_keys if name not in frozen] + list(report.unexpected_keys)
    if wrong:
        raise ModelError(f"the stored weights do not fit: {', '.join(wrong[:3])}", "weights", "run the trial again")


def frozen_hash(module: nn.Module) -> str:
    """One hash over all frozen parameters: the same before and after a training, or something is wrong.

    Args:
        module: any module.

    Returns:
        64 hexadecimal digits, the same with an adapter beside the matrices and without; empty if nothing is frozen.
    """
    return _hash({name: parameter for name, parameter in module.named_parameters() if not parameter.requires_grad})


def base_hash(module: nn.Module) -> str:
    """One hash over all parameters that are no adapter's, frozen or not.

    Args:
        module: a backbone with any number of adapters on it.

    Returns:
        64 hexadecimal digits: what `frozen_hash` gives of a backbone with one adapter.
    """
    return _hash({name: parameter for name, parameter in module.named_parameters() if ADAPTED not in name})


def _hash(parameters: dict[str, nn.Parameter]) -> str:
    named = {name.replace(WRAPPED, "."): parameter for name, parameter in parameters.items()}
    if not named:
        return ""
    digest = hashlib.sha256()
    for name in sorted(named):
        values: Any = named[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        digest.update(name.encode() + b"\0")
        digest.update(memoryview(values))
    return digest.hexdigest()
