"""A lack of memory is told from other failures, whoever says it."""

from __future__ import annotations

import errno
import resource

import pytest

from bakeoff.training.memory import is_lack_of_memory

UNNAMED = RuntimeError("could not create a primitive")


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (RuntimeError("unable to mmap 8640008 bytes from file <model.safetensors>: Cannot allocate memory (12)"), True),
        (ValueError("DefaultCPUAllocator"), False),
    ],
)
def test_who_says_it(error: Exception, lacks: bool) -> None:
    assert is_lack_of_memory(error) is lacks


@pytest.mark.parametrize("limit", [resource.RLIM_INFINITY, 1 << 40])
def test_an_unnamed_failure_is_a_lack_of_memory_only_where_memory_is_limited(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, resource.RLIM_INFINITY))
    assert is_lack_of_memory(UNNAMED) is (limit != resource.RLIM_INFINITY)
