"""What a mix means for a task's sources: which are trained on, and which validation examples may choose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.records.specs import MixSpec


def trained_sources(mix: MixSpec | None, names: Sequence[str]) -> list[str]:
    """The sources that a recipe is trained on.

    Args:
        mix: the recipe's; None means all, as they are.
        names: the sources of the task.

    Returns:
        Those of them, in the order of the task.
    """
    if mix is None:
        return list(names)
    if mix.shares is not None:
        return [name for name in names if mix.shares.get(name, 0.0) > 0]
    return [name for name in names if mix.sources is None or name in mix.sources]


def choosing(mix: MixSpec | None, names: Sequence[str], sources: NDArray[np.int32]) -> NDArray[np.bool_]:
    """The validation examples that choose checkpoint and thresholds: a source that is not trained on is not looked at.

    Args:
        mix: the recipe's; None means all sources.
        names: the sources of the task.
        sources: source of each validation example, [N].

    Returns:
        True for those that do, [N]; for all, where none of the trained sources has any.
    """
    if mix is None or mix.choose == "all":
        return np.ones(len(sources), dtype=np.bool_)
    trained = trained_sources(mix, names)
    found = np.isin(sources, [number for number, name in enumerate(names) if name in trained])
    return found if found.any() else np.ones(len(sources), dtype=np.bool_)
