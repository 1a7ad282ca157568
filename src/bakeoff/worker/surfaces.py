"""Scores for stub jobs that follow from a recipe's settings: sweeps are tried on them in seconds."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.records.files import sha256_bytes
from bakeoff.records.specs import TrialSpec


class Diverged(Exception):
    """The stub was told to diverge with such settings."""


def setting(trial: TrialSpec, name: str) -> float:
    """A setting of a trial's recipe.

    Args:
        trial: the trial.
        name: dotted, such as `training.learning_rate` or `method.c`.

    Returns:
        Its value.
    """
    part, _, key = name.partition(".")
    body = trial.recipe.model_dump()[part]
    return float(body.get("settings", body)[key])


def score(trial: TrialSpec, what: dict[str, Any], share: float = 1.0) -> float:
    """The score of a trial on a smooth hill over the logarithms of its settings.

    Args:
        trial: the trial.
        what: `peak` (value by dotted setting at which the hill is highest), `noise` (how much seeds differ).
        share: how much of the training is done, from 0 to 1.

    Returns:
        At most 1 plus the noise; a pure function of settings, seed and share.
    """
    peaks: dict[str, float] = what.get("peak", {})
    height = math.exp(-sum(math.log(setting(trial, name) / peak) ** 2 for name, peak in peaks.items()) / 8)
    draw = int(sha256_bytes(f"{trial.definition_hash} {trial.seed}".encode())[:8], 16) / 2**32
    reached = height * (1.0 - math.pow(2.0, -4.0 * share))
    return reached + float(what.get("noise", 0.0)) * (draw - 0.5)


def check_stable(trial: TrialSpec, what: dict[str, Any]) -> None:
    """Diverge where a setting is too large.

    Args:
        trial: the trial.
        what: `diverge_above`: largest value by dotted setting.

    Raises:
        Diverged: if one is larger.
    """
    for name, most in what.get("diverge_above", {}).items():
        if setting(trial, name) > most:
            raise Diverged(f"the stub diverges with {name} above {most:g}")
