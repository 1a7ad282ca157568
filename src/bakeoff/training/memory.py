"""A lack of memory: how it is recognised, and what the runner is told of it. Without torch."""

from __future__ import annotations

import errno
from typing import Any


class LackOfMemory(Exception):
    """A pass did not fit.

    Args:
        reason: what the allocator said.
        facts: `phase` (`loading`, `training` or `evaluation`), `micro_batch_size`, `evaluation_tokens`.
    """

    def __init__(self, reason: str, facts: dict[str, Any]) -> None:
        self.facts = facts
        super().__init__(reason)


WORDS = (
    "DefaultCPUAllocator",  # torch's CPU allocator
    "std::bad_alloc",  # any C++ code below torch
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""What a plain `RuntimeError` has in its text."""


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice.

    Args:
        error: what was raised.

    Returns:
        True for Python's, torch's, and the system's.
    """
    if isinstance(error, MemoryError | LackOfMemory):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    of_torch = type(error).__module__.split(".")[0] == "torch" and type(error).__name__ == "OutOfMemoryError"
    return of_torch or (isinstance(error, RuntimeError) and any(words in str(error) for words in WORDS))
