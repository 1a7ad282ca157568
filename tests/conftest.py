"""What every test shares: an own home folder, no network, and paths as hostile as a user's can be."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Before anything imports these libraries: they read the variables once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
from hypothesis import settings

# A slow machine is not a fault, so examples have no deadline; the same examples come every time.
settings.register_profile("bakeoff", deadline=None, derandomize=True)
settings.load_profile("bakeoff")

HOSTILE_NAME = "a b 'quoted' \"twice\" ; echo pwned $(touch pwned) `id` %s {0} *é"
"""A folder name that breaks whatever pastes a path into a shell, a format string, a glob or a URL."""


@pytest.fixture(scope="session", autouse=True)
def bakeoff_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home folder of this session: `$BAKEOFF_HOME` and the hub's cache point into a temporary folder."""
    home = tmp_path_factory.mktemp("bakeoff-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_HOME", str(home))
        patch.setenv("HF_HOME", str(home / "huggingface"))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        yield home


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """Training flushes denormal numbers to 0, which the process keeps; whoever is tested next may want them."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture
def hostile_path(tmp_path: Path) -> Path:
    """An empty folder whose name has spaces, quotes and shell syntax."""
    folder = tmp_path / HOSTILE_NAME
    folder.mkdir()
    return folder
