"""What the tests of this folder share: parts of study files, and settings of cards."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from bakeoff.catalog.cards import Settings
from bakeoff.errors import Fault
from bakeoff.study.model import Study

TASKS = "tasks: {demo: {dataset: demo}}\n"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
Load = Callable[..., Study]
FaultsOf = Callable[..., list[Fault]]


class PairSettings(Settings):
    """Two numbers.

    Attributes:
        gamma: one.
        clip: another.
    """

    gamma: float = Field(default=2.0, ge=0)
    clip: float = 0.05


class RankSettings(Settings):
    rank: int = Field(default=8, ge=1)
