"""Tiny models, made once, and a log to write to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeoff.data.dataset import Dataset
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.testing.models import Family, make_tiny_model
from bakeoff.training.progress import Progress
from bakeoff.training.work import Work
from model_fixtures import fresh_accelerate, one_thread

__all__ = ["fresh_accelerate", "one_thread"]


@pytest.fixture(scope="session")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family, float], Path]:
    """The folder of a family's tiny model with a dropout."""
    root = tmp_path_factory.mktemp("tiny models")

    def make(family: Family, dropout: float = 0.0) -> Path:
        folder = root / f"{family} {dropout}"
        return folder if folder.is_dir() else make_tiny_model(folder, family, dropout=dropout)

    return make


@pytest.fixture
def work_of(model_of: Callable[[Family, float], Path], tmp_path: Path) -> Iterator[Callable[..., Work]]:
    """Makes a trial as its method sees it, with a tiny model and its tokens: `work_of(dataset, trial, "bert")`."""
    logs: list[Progress] = []

    def make(dataset: Dataset, trial: TrialSpec, family: Family, **more: Any) -> Work:
        folder, tokens = model_of(family, 0.1), tmp_path / f"tokens {family}"
        if not tokens.exists():
            build_store(dataset, load_tokenizer(folder), 32, tokens)
        attempt = AttemptFolder(tmp_path / f"attempt {len(logs)}")
        attempt.root.mkdir()
        logs.append(Progress(attempt.log))
        return Work(trial, dataset, folder, tokens, attempt, logs[-1], **more)

    yield make
    for log in logs:
        log.close()


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    made = Progress(tmp_path / "log.jsonl")
    yield made
    made.close()
