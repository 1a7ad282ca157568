"""Fixtures for tests that load models into their own process; a folder's conftest.py takes those that it needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from accelerate.state import AcceleratorState

from kept import Kept, make_run


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models gain nothing from threads, and tests run beside each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Accelerate keeps one state a process; here a process loads models of several precisions."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A run with kept models of every kind of task and method."""
    return make_run(tmp_path_factory.mktemp("a run; 'kept'"))
