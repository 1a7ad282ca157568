"""Tiny models, made once, and a log to write to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from bakeoff.testing.models import Family, make_tiny_model
from bakeoff.training.progress import Progress


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models gain nothing from threads, and tests run beside each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Accelerate keeps one state a process; here a process runs trials of several precisions."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family, float], Path]:
    """The folder of a family's tiny model with a dropout."""
    root = tmp_path_factory.mktemp("tiny models")

    def make(family: Family, dropout: float = 0.0) -> Path:
        folder = root / f"{family} {dropout}"
        return folder if folder.is_dir() else make_tiny_model(folder, family, dropout=dropout)

    return make


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    made = Progress(tmp_path / "log.jsonl")
    yield made
    made.close()
