"""What stands around the conversion of pickled weights: the conversion itself runs in a child that is given to `convert`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bakeoff.errors import ModelError
from bakeoff.hub.modelfiles import INDEX, PICKLE, WEIGHTS
from bakeoff.hub.safetensors import read_header
from bakeoff.records.files import sha256_file, write_bytes

Convert = Callable[[Path, Path], None]
"""Turns the pickled weights in the first file into safetensors in the second: tensors only, in a child without network."""


def convert_weights(source: Path, pickles: tuple[str, ...], target: Path, convert: Convert) -> list[dict[str, str]]:
    """Convert a model's pickled weights and check what came of it.

    Args:
        source: the folder that has them.
        pickles: their names: `pytorch_model.bin`, or its parts.
        target: the folder that gets the safetensors.
        convert: converts one file.

    Returns:
        For each file its name and hash, and those of its result.

    Raises:
        ModelError: if a result is missing or is no whole safetensors file.
    """
    account = []
    for pickle in pickles:
        result = target / _result_name(pickle)
        result.unlink(missing_ok=True)  # of a conversion that was cut
        convert(source / pickle, result)
        if not result.is_file():
            raise ModelError("the conversion left no file", str(source / pickle), "see the console of the conversion")
        read_header(result)
        account.append(
            {
                "source": pickle,
                "source_sha256": sha256_file(source / pickle),
                "result": result.name,
                "result_sha256": sha256_file(result),
            }
        )
    if pickles != (PICKLE,):
        _write_index(target, [entry["result"] for entry in account])
    return account


def _result_name(pickle: str) -> str:
    return WEIGHTS if pickle == PICKLE else pickle.replace("pytorch_model-", "model-").removesuffix(".bin") + ".safetensors"


def _write_index(target: Path, parts: list[str]) -> None:
    weight_map: dict[str, str] = {}
    for part in parts:
        for name in read_header(target / part):
            if name in weight_map:
                raise ModelError(f"the tensor {name!r} is in two parts of the weights", str(target / part), "use another model")
            weight_map[name] = part
    body = {"metadata": {}, "weight_map": weight_map}
    write_bytes(target / INDEX, (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
