"""Check safetensors files without torch: the header is sound, and the file is exactly as long as it says.

Format: 8 bytes little-endian header length, a JSON header (name -> dtype, shape, data_offsets), then the tensors' bytes
without gaps. Checked against the format's description in huggingface/safetensors, version 0.8.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from bakeoff.errors import ModelError

LONGEST_HEADER = 100_000_000
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
REMEDY = "the file is torn or is no safetensors file: fetch or export the model again"


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header describes it.

    Attributes:
        dtype: such as `F32`.
        shape: its sizes.
    """

    dtype: str
    shape: tuple[int, ...]


def _refuse(path: Path, what: str) -> ModelError:
    return ModelError(f"not a whole safetensors file: {what}", str(path), REMEDY)


def read_header(path: Path) -> dict[str, Tensor]:
    """Read and check a file's header. Its tensors are not read.

    Args:
        path: the file.

    Returns:
        Its tensors by name.

    Raises:
        ModelError: if the header is not sound or the file's size is not what the header says.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > min(LONGEST_HEADER, size - 8):
                raise _refuse(path, "its header's length is wrong")
            head = stream.read(length)
    except OSError as error:
        raise ModelError(f"cannot read it: {error.strerror}", str(path), "check the file and its permissions") from error
    tensors, spans = _parse(path, head)
    end = 0
    for begin, stop in sorted(spans):
        if begin != end:
            raise _refuse(path, "its tensors leave gaps or overlap")
        end = stop
    if 8 + length + end != size:
        raise _refuse(path, f"it has {size:,} bytes, and its header says {8 + length + end:,}")
    return tensors


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _parse(path: Path, head: bytes) -> tuple[dict[str, Tensor], list[tuple[int, int]]]:
    try:
        header = json.loads(head.decode("utf-8"), object_pairs_hook=_distinct) if head[:1] == b"{" else None
    except (ValueError, RecursionError) as error:
        raise _refuse(path, f"its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise _refuse(path, "its header is no JSON object")
    tensors: dict[str, Tensor] = {}
    spans = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        tensor, span = _tensor(path, name, entry)
        tensors[name] = tensor
        spans.append(span)
    return tensors, spans


def _naturals(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _tensor(path: Path, name: str, entry: Any) -> tuple[Tensor, tuple[int, int]]:
    fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
    dtype, shape, span = fields.get("dtype"), fields.get("shape"), fields.get("data_offsets")
    if dtype not in BITS or not _naturals(shape) or not _naturals(span) or len(span) != 2:
        raise _refuse(path, f"its header does not describe the tensor {name[:80]!r}")
    if (span[1] - span[0]) * 8 != math.prod(shape) * BITS[dtype]:
        raise _refuse(path, f"the tensor {name[:80]!r} has not the size of its shape")
    return Tensor(dtype, tuple(shape)), (span[0], span[1])
