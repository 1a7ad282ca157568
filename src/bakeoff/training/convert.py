"""Turn pickled weights into safetensors, once, tensors only, without network."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from bakeoff.errors import ModelError
from bakeoff.records.files import sha256_file


def forbid_network() -> None:
    """From now on this process opens no connection."""

    class Closed(socket.socket):
        def connect(self, address: Any) -> None:
            raise ModelError("the conversion opens no connection", str(address))

    socket.socket = Closed  # type: ignore[misc]


def convert_weights(source: Path, target: Path) -> dict[str, Any]:
    """Convert one file.

    Args:
        source: `pytorch_model.bin` or a shard of it; loaded with torch's tensors-only unpickler.
        target: the safetensors file to write.

    Returns:
        `source_sha256`, `result_sha256`, `tensors`.

    Raises:
        ModelError: if the file is missing or holds anything but tensors.
    """
    forbid_network()
    if not source.is_file():
        raise ModelError("the file is missing", str(source), "fetch the model again")
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; all mean that the file is not to be trusted
        raise ModelError(
            f"the weights are not plain tensors: {type(error).__name__}", str(source), "use another model"
        ) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise ModelError("the file holds something other than tensors by name", str(source), "use another model")
    # tied weights share memory, which safetensors refuses: each gets its own copy
    tensors = {str(name): tensor.contiguous().clone() for name, tensor in loaded.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target, metadata={"format": "pt"})
    return {"source_sha256": sha256_file(source), "result_sha256": sha256_file(target), "tensors": len(tensors)}
