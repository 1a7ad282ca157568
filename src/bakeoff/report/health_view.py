"""The section on how training went, trial by trial."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.trial_model import GradientHealth, TrialAnalysis

DEAD_SHARE = 0.1
"""Share of dead steps from which a trial is said to have stalled."""
STANDSTILL = 1e-6
"""A step's change beside the weights at or below which they stand still."""


def health_view(trials: list[TrialAnalysis]) -> list[dict[str, Any]]:
    """What the page shows of the health of training.

    Args:
        trials: trials of a task.

    Returns:
        A row a trial that trained a network or of which something was said: the trial, its health, and what is wrong in words.
    """
    rows = []
    for trial in trials:
        stalls = [*(_stalls(trial.health) if trial.health is not None else []), *trial.warnings]
        if trial.health is not None or stalls:
            rows.append({"trial": trial, "health": trial.health, "stalls": stalls})
    return rows


def _stalls(health: GradientHealth) -> list[str]:
    found = []
    if health.constant_since is not None:
        found.append(f"dead: outputs were the same for every example from step {health.constant_since} to the end")
    if health.flat_since is not None:
        found.append(f"stalled: the loss was that of a constant answer from step {health.flat_since} to the end")
    if health.dead_share >= DEAD_SHARE:
        found.append(f"stalled: {health.dead_share:.0%} of its steps had next to no gradient")
    if health.body_update is not None and health.body_update <= STANDSTILL:
        found.append(f"standstill: a step changed the body by {health.body_update:.1g} of its weights")
    if health.exploding_share > 0:
        found.append(f"gradients exploded in {health.exploding_share:.1%} of its steps")
    if health.skipped_steps:
        found.append(f"{health.skipped_steps} steps were skipped: loss or gradient was not finite")
    return found
