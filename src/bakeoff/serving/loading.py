"""A trained model from its files: verified, built as its trial built it, and ready to give outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from bakeoff.records.serving import Served
from bakeoff.records.specs import Pooling, Precision
from bakeoff.training.adapting import adapt, load_trained
from bakeoff.training.arithmetic import accelerator_for
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import Batch
from bakeoff.training.classifier import Classifier
from bakeoff.training.spans import SpanFinder

CLASSIFIER = "classifier.safetensors"


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
    points = served.task.kind == "qa"
    # what points at tokens pools nothing
    pooling: Pooling = "first" if points else recipe.pooling or "mean"
    backbone = Backbone(Path(served.folder if blank else served.base), pooling, packed=served.packed, blank=blank)
    if registry.method(recipe.method.name).features:
        backbone.requires_grad_(False)
    else:
        adapt(backbone, recipe.method, served.seed)
    outputs = len(served.decision.labels)
    model = SpanFinder(backbone, served.seed) if points else Classifier(backbone, outputs, served.seed)
    load_trained(model, load_file(Path(served.folder) / CLASSIFIER))
    return model.eval()


def load_model(served: Served, precision: Precision | None = None) -> TorchModel:
    """A model ready for use.

    Args:
        served: the model.
        precision: of its arithmetic; None means its recipe's.

    Returns:
        The model on this machine's device.
    """
    classifier = load_classifier(served)
    assert isinstance(classifier.backbone, Backbone)
    trained = served.recipe.training.precision if served.recipe.training else "fp32"
    accelerator = accelerator_for(precision or trained, classifier.backbone.family)
    classifier.to(accelerator.device)
    return TorchModel(classifier, accelerator.autocast)
