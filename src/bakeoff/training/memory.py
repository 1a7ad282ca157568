"""A lack of memory: how it is recognised, and what the runner is told of it. Without torch."""

from __future__ import annotations

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


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice.

    Args:
        error: what was raised.

    Returns:
        True for Python's, torch's and its CPU allocator's, which is a plain `RuntimeError`.
    """
    of_torch = type(error).__name__ == "OutOfMemoryError" and type(error).__module__.split(".")[0] == "torch"
    return isinstance(error, MemoryError | LackOfMemory) or of_torch or "DefaultCPUAllocator" in str(error)
