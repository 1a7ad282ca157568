"""A lack of memory: how it is recognised, and what the runner is told of it. Without torch."""

from __future__ import annotations

import errno
import resource
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
    "Cannot allocate memory",  # the system's words, where a file of weights is mapped
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""What a plain `RuntimeError` has in its text."""
UNNAMED = ("could not create a primitive", "could not execute a primitive")
"""What oneDNN says when it gets no memory, and of other failures too."""


def limited() -> bool:
    """Whether this process may not have all the memory that it asks for.

    Returns:
        Whether a limit of address space or data is set, as by `ulimit -v`.
    """
    limits = (resource.getrlimit(which)[0] for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice.

    Args:
        error: what was raised.

    Returns:
        True for Python's, torch's, and the system's; for oneDNN's, which names no cause, where memory is limited.
    """
    if isinstance(error, MemoryError | LackOfMemory):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    of_torch = type(error).__module__.split(".")[0] == "torch" and type(error).__name__ == "OutOfMemoryError"
    if of_torch or not isinstance(error, RuntimeError):
        return of_torch
    return any(words in str(error) for words in (*WORDS, *(UNNAMED if limited() else ())))
