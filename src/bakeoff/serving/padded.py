"""Models that read padded rows: those of transformers' own, and ONNX graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import MissingPackageError
from bakeoff.serving.stock import Pooled
from bakeoff.training.batches import Batch

GRAPH = "model.onnx"
PROVIDER = "CPUExecutionProvider"
QUIET = 3


def _inputs(batch: Batch, padding: int, segments: bool) -> dict[str, torch.Tensor]:
    ids, mask = batch.padded(padding)
    found = {"input_ids": ids, "attention_mask": mask}
    if segments:
        kinds = batch.padded_segments()
        found["token_type_ids"] = torch.zeros_like(ids) if kinds is None else kinds
    return found


def _hide_padding(outputs: NDArray[np.float32], batch: Batch) -> NDArray[np.float32]:
    """Of a model that points at tokens: -inf behind a row's last."""
    if outputs.ndim == 2:
        return outputs
    behind = np.arange(outputs.shape[-1]) >= batch.lengths[:, None]
    return np.where(behind[:, None, :], np.float32(-np.inf), outputs)


@dataclass(frozen=True)
class PaddedModel:
    """A stock model of transformers.

    Attributes:
        pooled: the model with its pooling.
        padding: id of the token that fills rows.
        segments: whether it is told segments apart.
    """

    pooled: Pooled
    padding: int
    segments: bool

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Outputs of a batch (see `loading.Model`).

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, L], or [B, 2, T].
        """
        with torch.inference_mode():
            values = self.pooled(**_inputs(batch, self.padding, self.segments))
        return _hide_padding(values.float().numpy(), batch)


@dataclass(frozen=True)
class OnnxModel:
    """A graph that onnxruntime runs.

    Attributes:
        session: an `onnxruntime.InferenceSession`.
        padding: id of the token that fills rows.
        segments: whether it takes segments.
    """

    session: Any
    padding: int
    segments: bool

    @staticmethod
    def open(path: Path, padding: int, threads: int) -> OnnxModel:
        """Open a graph.

        Args:
            path: the file.
            padding: id of the token that fills rows.
            threads: CPU threads.

        Returns:
            The model.

        Raises:
            MissingPackageError: if onnxruntime is not installed.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingPackageError("onnxruntime", "running ONNX models", "export") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, QUIET
        session = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDER])
        return OnnxModel(session, padding, "token_type_ids" in {given.name for given in session.get_inputs()})

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Outputs of a batch (see `loading.Model`).

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, L], or [B, 2, T].
        """
        given = {name: tensor.numpy() for name, tensor in _inputs(batch, self.padding, self.segments).items()}
        (values,) = self.session.run(None, given)
        return _hide_padding(np.asarray(values, dtype=np.float32), batch)
