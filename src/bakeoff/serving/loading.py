"""A trained model from its files: verified, built as its trial built it, and ready to give outputs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from bakeoff.catalog import registry
from bakeoff.errors import ModelError
from bakeoff.records.files import sha256_file
from bakeoff.records.serving import Form, Served
from bakeoff.records.specs import Pooling, Precision
from bakeoff.serving.padded import GRAPH, OnnxModel
from bakeoff.training.adapting import ADAPTER, adapt, load_trained
from bakeoff.training.arithmetic import check_precision
from bakeoff.training.backbone import Backbone, load_config
from bakeoff.training.batches import Batch
from bakeoff.training.classifier import Classifier
from bakeoff.training.packing import LENGTH_STEP
from bakeoff.training.spans import SpanFinder

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
CLASSIFIER = "classifier.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
PEFT_PREFIX = "base_model.model."
"""What PEFT puts before the names of an adapter's weights."""
HEADS = ("classifier", "score", "qa_outputs")
"""What classes of transformers call the one linear layer that is their head."""


class Model(Protocol):
    """Whatever gives outputs of a batch."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Outputs of a batch, [B, L] in its order; of one that points at tokens [B, 2, T], -inf behind a row's last."""


@dataclass(frozen=True)
class TorchModel:
    """A classifier that torch runs.

    Attributes:
        classifier: in evaluation mode, on its device.
        autocast: gives the precision's context.
    """

    classifier: Classifier
    autocast: Callable[[], Any]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Outputs of a batch (see `Model`).

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, L], or [B, 2, T].
        """
        with torch.inference_mode(), self.autocast():
            values: Tensor = self.classifier(batch)
        return np.asarray(values.float().cpu().numpy(), dtype=np.float32)


def verify(served: Served) -> None:
    """See that every file is the one that was named, before anything is read from it.

    Args:
        served: the model.

    Raises:
        ModelError: if one is missing, is a link that leaves the folder, or has another hash.
    """
    folder = Path(served.folder)
    for name, digest in served.sha256.items():
        path = folder / name
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"{name} of the model {served.name} is missing", str(folder), "export or train it again")
        if sha256_file(path) != digest:
            raise ModelError(f"{name} of the model {served.name} was changed", str(path), "export or train it again")


def load_classifier(served: Served) -> Classifier:
    """A trial's model, as it stood at its best checkpoint.

    Args:
        served: a model in the form `trained`.

    Returns:
        The classifier on the CPU, in evaluation mode; it runs packed where its family can.

    Raises:
        ModelError: if its files were changed, are missing, or do not fit.
    """
    verify(served)
    recipe, blank = served.recipe, not served.base
    backbone = Backbone(Path(served.folder if blank else served.base), pooling_of(served), packed=served.packed, blank=blank)
    if registry.method(recipe.method.name).features:
        backbone.requires_grad_(False)
    else:
        adapt(backbone, recipe.method, served.seed)
    model = head_on(backbone, served)
    load_trained(model, load_file(Path(served.folder) / CLASSIFIER))
    return model.eval()


def load_merged(served: Served) -> Classifier:
    """An exported model of transformers' own as a classifier of ours, which runs without padding where its family can.

    Args:
        served: a model in the form `merged`.

    Returns:
        The classifier on the CPU, in evaluation mode.

    Raises:
        ModelError: if its files were changed, are missing, or do not fit.
    """
    verify(served)
    folder = Path(served.folder)
    backbone = Backbone(folder, pooling_of(served), packed=served.packed)
    model = head_on(backbone, served)
    head = {}
    for path in sorted(folder.glob("*.safetensors")):
        head.update({name: tensor for name, tensor in load_file(path).items() if name.rpartition(".")[0] in HEADS})
    if len(head) != 2:
        raise ModelError("the export has no head, or more than one", str(folder), "export it again")
    model.head.load_state_dict({name.rpartition(".")[2]: tensor for name, tensor in head.items()})
    return model.eval()


def adapter_tensors(served: Served) -> dict[str, Tensor]:
    """Weights of an adapter and its head by the names that they have in a classifier.

    Args:
        served: a model with an adapter, verified; `trained` or exported as `adapter`.

    Returns:
        Tensors by name.
    """
    tensors: dict[str, Tensor] = {}
    if served.form == "trained":
        tensors.update(load_file(Path(served.folder) / CLASSIFIER))
        return tensors
    for name, tensor in load_file(Path(served.folder) / ADAPTER_FILE).items():
        part = name.removeprefix(PEFT_PREFIX)
        owner, _, kind = part.rpartition(".")
        if owner in HEADS:
            tensors[f"head.{kind}"] = tensor
            continue
        # the stock model's own name for its body stands first
        inner = part.partition(".")[2]
        layer, found, rest = inner.partition(".lora_")
        tensors[f"backbone.model.{layer}{found}{rest.partition('.')[0]}.{ADAPTER}.weight"] = tensor
    return tensors


def load_adapter(served: Served) -> Classifier:
    """An exported adapter on its pretrained model, apart.

    Args:
        served: a model in the form `adapter`.

    Returns:
        The classifier on the CPU, in evaluation mode.

    Raises:
        ModelError: if its files were changed, are missing, or do not fit.
    """
    verify(served)
    backbone = Backbone(Path(served.base), pooling_of(served), packed=served.packed)
    adapt(backbone, served.recipe.method, served.seed)
    model = head_on(backbone, served)
    load_trained(model, adapter_tensors(served))
    return model.eval()


def pooling_of(served: Served) -> Pooling:
    """How a model pools.

    Args:
        served: the model.

    Returns:
        The recipe's pooling; `first` for what points at tokens: it pools nothing.
    """
    return "first" if served.task.kind == "qa" else served.recipe.pooling or "mean"


def head_on(backbone: Backbone, served: Served) -> Classifier:
    """A new head on a backbone.

    Args:
        backbone: what it stands on.
        served: the model; its head's weights are still to be loaded.

    Returns:
        The classifier.
    """
    if served.task.kind == "qa":
        return SpanFinder(backbone, served.seed)
    return Classifier(backbone, len(served.decision.labels), served.seed)


TORCH_FORMS: dict[Form, Callable[[Served], Classifier]] = {
    "trained": load_classifier,
    "merged": load_merged,
    "adapter": load_adapter,
}


def load_model(served: Served, precision: Precision | None = None, threads: int = 1) -> Model:
    """A model ready for use.

    Args:
        served: the model.
        precision: of its arithmetic; None means its recipe's. ONNX graphs have theirs.
        threads: CPU threads of ONNX graphs; torch has its own setting.

    Returns:
        The model on this machine's device.

    Raises:
        ModelError: if its files were changed or do not fit, or another precision is asked of a graph.
    """
    if served.form not in TORCH_FORMS:
        return _load_graph(served, precision, threads)
    classifier = TORCH_FORMS[served.form](served)
    assert isinstance(classifier.backbone, Backbone)
    trained = served.recipe.training.precision if served.recipe.training else "fp32"
    classifier.backbone.small_step = LENGTH_STEP
    device, autocast = arithmetic(precision or trained, classifier.backbone.family)
    classifier.to(device)
    return TorchModel(classifier, autocast)


def arithmetic(precision: Precision, family: str) -> tuple[torch.device, Callable[[], Any]]:
    """Device and precision of a model that is only asked.

    Accelerate, which training uses, knows one precision a process; here models of several may stand side by side.

    Args:
        precision: of its arithmetic.
        family: the model's architecture.

    Returns:
        The device, and what gives the precision's context: the one that training has.

    Raises:
        ModelError: if the family overflows in the precision, or the machine has none of it.
    """
    check_precision(precision, family)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if precision == "fp32":
        return device, nullcontext
    return device, partial(torch.autocast, device.type, TYPES[precision])


def _load_graph(served: Served, precision: Precision | None, threads: int) -> OnnxModel:
    verify(served)
    if precision not in (None, "fp32"):
        raise ModelError(f"a graph computes in the precision that it was exported with, not in {precision}", served.name)
    padding = load_config(Path(served.folder)).pad_token_id or 0
    return OnnxModel.open(Path(served.folder) / GRAPH, padding, threads)
