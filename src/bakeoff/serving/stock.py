"""A trained classifier as a model of transformers' own, so that anyone can load it without Bakeoff.

Where the library has a class that pools as the recipe does, that is taken. Elsewhere its class for token classification
stands in: a linear head commutes with pooling, so the mean (or first, or last) of the logits of tokens is the logit of the
mean (first, last) vector, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor, nn

from bakeoff.errors import ModelError
from bakeoff.records.serving import Served
from bakeoff.training.backbone import Backbone, load_config
from bakeoff.training.classifier import Classifier
from bakeoff.training.pooling import pool_padded

Purpose = Literal["sequence", "token", "question"]
CLASSES: dict[Purpose, Any] = {
    "sequence": transformers.AutoModelForSequenceClassification,
    "token": transformers.AutoModelForTokenClassification,
    "question": transformers.AutoModelForQuestionAnswering,
}
NAMES: dict[Purpose, str] = {purpose: kind.__name__ for purpose, kind in CLASSES.items()}
MERGED_POOLERS = ("bert",)
"""Families whose class for sequences puts nothing but the checkpoint's pooler between the first token and the head."""


@dataclass(frozen=True)
class Stock:
    """Which class of transformers a classifier becomes.

    Attributes:
        purpose: what the class is for.
        kind: the class of the family.
        prefix: what the names of the backbone's weights begin with.
        head: what the names of the head's weights begin with.
        config: the configuration, labels included.
    """

    purpose: Purpose
    kind: Any
    prefix: str
    head: str
    config: Any

    def rename(self, name: str) -> str:
        """What a weight of ours is called there.

        Args:
            name: its name in the classifier: `backbone.model.…` or `head.…`.

        Returns:
            Its name in the stock model.
        """
        part = name.removeprefix("backbone.model.")
        return f"{self.prefix}.{part}" if part != name else f"{self.head}.{name.removeprefix('head.')}"


def stock_of(served: Served, folder: Path) -> Stock:
    """The class that a model becomes.

    Args:
        served: the model.
        folder: holds the configuration of its backbone.

    Returns:
        The class with its configuration.

    Raises:
        ModelError: if the library has none for the family that computes what the classifier does.
    """
    config = load_config(folder)
    points = served.task.kind == "qa"
    pooler = served.recipe.pooling == "pooler" and not points
    purpose: Purpose = "question" if points else "sequence" if pooler and config.model_type in MERGED_POOLERS else "token"
    labels = ["start", "end"] if points else served.decision.labels
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: place for place, label in enumerate(labels)}
    if purpose == "sequence":
        config.problem_type = (
            "multi_label_classification" if served.task.kind == "multilabel" else "single_label_classification"
        )
    remedy = "export it as onnx: that needs no class of the library's"
    try:
        kind = CLASSES[purpose]._model_mapping[type(config)]
    except KeyError as error:
        raise ModelError(f"transformers has no {NAMES[purpose]} for {config.model_type}", served.name, remedy) from error
    with torch.device("meta"):
        names = list(kind(config).state_dict())
    prefix = kind.base_model_prefix
    own = sorted(name for name in names if not name.startswith(f"{prefix}."))
    head = own[0].rpartition(".")[0] if own else ""
    if own != [f"{head}.bias", f"{head}.weight"] or (pooler and purpose != "sequence"):
        problem = f"{kind.__name__} of transformers computes something else between body and head than this recipe does"
        raise ModelError(problem, served.name, remedy)
    return Stock(purpose, kind, prefix, head, config)


def make_stock(stock: Stock, classifier: Classifier) -> Any:
    """The classifier as a stock model.

    Args:
        stock: the class.
        classifier: without adapters (see `merge_adapters`).

    Returns:
        A `PreTrainedModel` in float32 and evaluation mode, with weights of its own.

    Raises:
        ModelError: if a weight has no place there, or one of its own would be left as it was made.
    """
    model = stock.kind._from_config(stock.config, dtype=torch.float32)
    weights = {stock.rename(name): tensor for name, tensor in classifier.state_dict().items()}
    report = model.load_state_dict(weights, strict=False)
    wrong = [*report.missing_keys, *report.unexpected_keys]
    if wrong:
        raise ModelError(f"weights do not fit {stock.kind.__name__}: {', '.join(wrong[:3])}", "export", "export it as onnx")
    return model.eval()


def merge_adapters(classifier: Classifier) -> int:
    """Add adapters to the weights that they adapt, and take them away.

    Args:
        classifier: changed in place.

    Returns:
        How many layers had one.
    """
    backbone = classifier.backbone
    assert isinstance(backbone, Backbone)
    layers = [(name, layer) for name, layer in backbone.model.named_modules() if hasattr(layer, "lora_A")]
    for name, layer in layers:
        layer.merge(safe_merge=True)
        parent, _, last = name.rpartition(".")
        setattr(backbone.model.get_submodule(parent), last, layer.get_base_layer())
    return len(layers)


class Pooled(nn.Module):
    """What turns the outputs of a stock model into those of the classifier.

    Args:
        model: the stock model.
        purpose: what its class is for.
        pooling: of the recipe.
    """

    def __init__(self, model: nn.Module, purpose: Purpose, pooling: Any) -> None:
        super().__init__()
        self.model, self.purpose, self.pooling = model, purpose, pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """Outputs of right-padded rows.

        Args:
            input_ids: [B, T].
            attention_mask: 1 for a real token, [B, T].
            token_type_ids: segments, [B, T]; None for models that know one alone.

        Returns:
            [B, L]; for questions [B, 2, T].
        """
        more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, **more)
        if self.purpose == "question":
            return torch.stack((found.start_logits, found.end_logits), dim=1)
        logits: Tensor = found.logits
        return logits if self.purpose == "sequence" else pool_padded(logits, attention_mask, self.pooling)
