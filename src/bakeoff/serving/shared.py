"""Several models at once; adapters that stand on one pretrained model share it in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.records.serving import Served
from bakeoff.records.specs import Precision
from bakeoff.serving.loading import Model, adapter_tensors, arithmetic, head_on, load_model, pooling_of, verify
from bakeoff.training.adapting import ADAPTER, adapt, load_trained
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import Batch
from bakeoff.training.classifier import Classifier
from bakeoff.training.packing import LENGTH_STEP


class SharedBackbone:
    """A pretrained model with several adapters, of which one at a time is at work.

    Args:
        backbone: without adapters.

    Attributes:
        backbone: with those that were added.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._layers: list[Any] = []
        self._at_work = ""

    def add(self, served: Served, name: str) -> Classifier:
        """Add an adapter with its head.

        Args:
            served: a model with an adapter, on this very pretrained model.
            name: what it is called here.

        Returns:
            The adapter's classifier, which shares the backbone.
        """
        with warnings.catch_warnings():
            # several adapters on one model are what this is for
            warnings.filterwarnings("ignore", "Already found a `peft_config`")
            adapt(self.backbone, served.recipe.method, served.seed, name)
        classifier = head_on(self.backbone, served)
        tensors = {key.replace(f".{ADAPTER}.", f".{name}."): tensor for key, tensor in adapter_tensors(served).items()}
        load_trained(classifier, tensors)
        # frozen: what the next one does not bring is not missing
        classifier.requires_grad_(False)
        self._layers = [module for module in self.backbone.model.modules() if hasattr(module, "lora_A")]
        self._at_work = ""
        return classifier.eval()

    def use(self, name: str) -> None:
        """Let one adapter work.

        Args:
            name: its name.
        """
        if name != self._at_work:
            for layer in self._layers:
                # PEFT's `set_adapter` also tells every matrix of every adapter whether it is trained; here nothing is
                layer._active_adapter = [name]
            self._at_work = name


@dataclass(frozen=True)
class AdapterModel:
    """One adapter of several on a backbone. Only one thread may use a backbone.

    Attributes:
        shared: the backbone.
        name: of the adapter.
        classifier: with the adapter's head.
        autocast: gives the precision's context.
    """

    shared: SharedBackbone
    name: str
    classifier: Classifier
    autocast: Callable[[], Any]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Outputs of a batch (see `loading.Model`).

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, L], or [B, 2, T].
        """
        self.shared.use(self.name)
        with torch.inference_mode(), self.autocast():
            values: Tensor = self.classifier(batch)
        return np.asarray(values.float().cpu().numpy(), dtype=np.float32)


def load_together(models: list[Served], precision: Precision | None = None, threads: int = 1) -> list[Model]:
    """Load several models.

    Args:
        models: which; those with adapters on one pretrained model, pooled alike, share it.
        precision: as for `load_model`.
        threads: likewise.

    Returns:
        The models, in their order.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, served in enumerate(models):
        if served.recipe.method.name == "lora" and served.form in ("trained", "adapter"):
            alike.setdefault((served.base, pooling_of(served), str(served.packed)), []).append(place)
    shared = {place for places in alike.values() if len(places) > 1 for place in places}
    found: dict[int, Model] = {
        place: load_model(served, precision, threads) for place, served in enumerate(models) if place not in shared
    }
    for places in alike.values():
        if len(places) > 1:
            found |= zip(places, _share([models[place] for place in places], precision), strict=True)
    return [found[place] for place in range(len(models))]


def _share(models: list[Served], precision: Precision | None) -> list[Model]:
    first = models[0]
    for served in models:
        verify(served)
    shared = SharedBackbone(Backbone(Path(first.base), pooling_of(first), packed=first.packed))
    shared.backbone.small_step = LENGTH_STEP
    loaded: list[Model] = []
    for number, served in enumerate(models):
        name = f"adapter{number}"
        classifier = shared.add(served, name)
        trained = served.recipe.training.precision if served.recipe.training else "fp32"
        device, autocast = arithmetic(precision or trained, shared.backbone.family)
        classifier.to(device)
        loaded.append(AdapterModel(shared, name, classifier, autocast))
    return loaded
