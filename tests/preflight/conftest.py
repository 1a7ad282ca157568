"""What tests of readiness share: a home of its own, a model of random weights, and a set-up that is ready."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from preflight_setups import STUDY, Setup

from bakeoff.preflight.machine import Machine, read_machine
from bakeoff.records.paths import Home


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights with 64 positions."""
    from bakeoff.testing.models import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("models") / "bert", "bert", context=64)


@pytest.fixture
def bare_machine() -> Machine:
    """This machine without variables that a check would name, and without GPUs."""
    return dataclasses.replace(read_machine(), environment={}, torch_cuda="", memory_free=64 * 10**9)


@pytest.fixture
def setup(
    hostile_path: Path, tmp_path: Path, tiny_model: Path, bare_machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> Setup:
    """A set-up that is ready, in a hostile folder."""
    shutil.copytree(tiny_model, hostile_path / "model")
    home = Home(tmp_path / "home")
    monkeypatch.setenv("BAKEOFF_HOME", str(home.root))
    monkeypatch.chdir(hostile_path)
    return Setup(hostile_path, home, STUDY, bare_machine)
