"""ONNX graphs of trained classifiers: exported with dynamic batch and length, and with weights in 8 bits."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.errors import MissingPackageError, ModelError
from bakeoff.training.backbone import Backbone
from bakeoff.training.classifier import Classifier
from bakeoff.training.pooling import pool_padded
from bakeoff.training.spans import SpanFinder

NEEDED_FOR = "exporting ONNX models"
WHOLE_BYTES = 1_900_000_000
"""Weights beyond this stand in a file beside the graph: a protobuf holds 2 GB."""
SAMPLE = (2, 7)
"""Rows and tokens of the example that the graph is traced with."""


class Graph(nn.Module):
    """A classifier that reads padded rows and nothing else: what is traced.

    Args:
        classifier: without adapters, its backbone padded.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        backbone = classifier.backbone
        assert isinstance(backbone, Backbone)
        self.model, self.head = backbone.model, classifier.head
        self.pooling, self.points = backbone.pooling, isinstance(classifier, SpanFinder)

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
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        if self.points:
            return self.head(hidden).transpose(1, 2)  # type: ignore[no-any-return]
        vectors = pool_padded(hidden, attention_mask, self.pooling)
        if self.pooling == "pooler":
            vectors = self.model.pooler(vectors[:, None])
        return self.head(vectors)  # type: ignore[no-any-return]


def export_graph(classifier: Classifier, segments: bool, path: Path) -> None:
    """Write a classifier as an ONNX graph.

    Args:
        classifier: without adapters, in evaluation mode; it is padded afterwards.
        segments: whether the model is told segments apart.
        path: the file.

    Raises:
        MissingPackageError: if onnx or onnxscript is not installed.
        ModelError: if torch cannot trace the model.
    """
    _need("onnx", "onnxscript")
    classifier.backbone.set_packed(False)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    sample = tuple(torch.ones(SAMPLE, dtype=torch.int64) for _ in names)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in classifier.parameters())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the tracer, about its own ways
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            program: Any = torch.onnx.export(
                Graph(classifier).eval(),
                sample,
                dynamo=True,
                input_names=names,
                output_names=["logits"],
                dynamic_shapes={name: {0: "batch", 1: "tokens"} for name in names},
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ModelError(f"torch cannot export this model: {error}", "onnx", "export it as merged") from error
        program.save(str(path), external_data=weights > WHOLE_BYTES)


def quantise(source: Path, target: Path) -> None:
    """Turn the weights of a graph into 8 bits, a scale a column; activations are quantised as they come.

    Args:
        source: a graph in float32.
        target: the file to write.

    Raises:
        MissingPackageError: if onnxruntime is not installed.
        ModelError: if the graph is too large for it.
    """
    _need("onnx", "onnxruntime")
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if source.stat().st_size > WHOLE_BYTES or source.with_name(f"{source.name}.data").exists():
        raise ModelError("its weights do not fit into one file", str(source), "export it as onnx")
    model = onnx.load(str(source))
    # shapes that the tracer left contradict those that the quantiser infers
    del model.graph.value_info[:]
    stripped = source.with_name(f".{source.name}.stripped")
    onnx.save(model, str(stripped))
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # its advice to pre-process is about shapes of images
    try:
        quantize_dynamic(str(stripped), str(target), weight_type=QuantType.QInt8, per_channel=True)
    finally:
        logging.disable(before)
        stripped.unlink()


def _need(*packages: str) -> None:
    from importlib.util import find_spec

    for package in packages:
        if find_spec(package) is None:
            raise MissingPackageError(package, NEEDED_FOR, "export")
