"""What one trial's folder tells beside its scores: curves, duration, machine, deviations, how to run it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bakeoff.analysis.folder import TrialRecord
from bakeoff.analysis.trial_model import Finding, GradientHealth, SplitScores, TrialAnalysis, Tuning, Validated
from bakeoff.errors import FormatError
from bakeoff.records.files import number, read_lines
from bakeoff.records.paths import TrialFolder
from bakeoff.records.results import Circumstances

CURVE_POINTS = 200
SHARES = ("dead_share", "exploding_share", "norm_median", "norm_p95", "norm_max")
PARTS = ("head", "body")


@dataclass(frozen=True)
class Scored:
    """What was found in the outputs of a trial that completed.

    Attributes:
        validation: its scores on validation.
        test: its scores on test; None while test stays closed.
        tuning: what was tuned on its validation outputs; None if nothing was.
        findings: what was recognised in its outputs.
    """

    validation: SplitScores
    test: SplitScores | None
    tuning: Tuning | None
    findings: list[Finding]


def describe_trial(record: TrialRecord, scored: Scored | None) -> TrialAnalysis:
    """One trial's part of the analysis.

    Args:
        record: the trial.
        scored: what was found in its outputs; None if it is not complete.

    Returns:
        Its part.
    """
    notes: list[str] = []
    steps, losses, warnings = _curve(record.folder, notes)
    circumstances = _circumstances(record.folder, notes)
    state = record.state
    facts: dict[str, Any] = {}
    if circumstances is not None:
        facts = {
            "seconds": circumstances.seconds,
            "peak_bytes": circumstances.device_peak_bytes or circumstances.peak_bytes,
            "attempts": circumstances.attempts,
            "machine": flatten(circumstances.machine),
            "environment": flatten(circumstances.environment),
            "deviations": list(circumstances.deviations),
        }
    return TrialAnalysis(
        id=record.spec.id,
        task=record.spec.task.name,
        recipe=record.spec.recipe.name,
        seed=record.spec.seed,
        **{key: getattr(state, key) for key in ("state", "reason", "where", "remedy", "attempt", "last_lines", "log")},
        again=state.again or again_command(record),
        **{} if scored is None else {field.name: getattr(scored, field.name) for field in fields(Scored)},
        health=_health(record, notes),
        warnings=warnings,
        history=_history(record, notes),
        curve_steps=steps,
        curve_loss=losses,
        notes=notes,
        **facts,
    )


def again_command(record: TrialRecord) -> str:
    """The command that runs one trial again, to be typed in the run folder.

    Args:
        record: the trial.

    Returns:
        A line for a POSIX shell.
    """
    return shlex.join(["bakeoff", "run", "study.yaml", "--run-dir", ".", "--only", f"id={record.spec.id}", "--again-failed"])


def flatten(facts: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested facts as text by dotted key.

    Args:
        facts: dictionaries, lists, text and numbers, nested.
        prefix: what stands before every key.

    Returns:
        Text by key; empty lists and dictionaries are left out.
    """
    flat: dict[str, str] = {}
    for key, value in facts.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        elif isinstance(value, list | tuple):
            if value:
                flat[f"{prefix}{key}"] = ", ".join(str(item) for item in value)
        else:
            flat[f"{prefix}{key}"] = _as_text(value)
    return flat


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _circumstances(folder: TrialFolder, notes: list[str]) -> Circumstances | None:
    if not folder.circumstances.exists():
        return None
    try:
        return Circumstances.read(folder.circumstances)
    except (FormatError, ValueError) as error:
        notes.append(f"circumstances.json cannot be read: {_first_line(error)}")
        return None


def _history(record: TrialRecord, notes: list[str]) -> list[Validated]:
    entries = record.result.training.get("history", []) if record.result is not None else []
    history = []
    for entry in entries:
        try:
            scores = {str(name): number(value) for name, value in entry.get("validation", {}).items()}
            epoch, loss = entry.get("epoch"), entry.get("loss")
            history.append(Validated(step=int(entry["step"]), epoch=epoch, loss=loss, scores=scores))
        except (FormatError, ValueError, KeyError, TypeError, AttributeError) as error:
            notes.append(f"an entry of the training history cannot be read: {_first_line(error)}")
    return history


def _health(record: TrialRecord, notes: list[str]) -> GradientHealth | None:
    told = record.result.training.get("health") if record.result is not None else None
    if told is None:
        return None
    try:
        facts: dict[str, Any] = {key: told[key] for key in ("skipped_steps", *SHARES)}
        for part in PARTS:
            facts[f"{part}_update"] = _median([step[part] for step in told["update_ratio"] if part in step])
        return GradientHealth(constant_since=told.get("constant"), flat_since=told.get("flat"), **facts)
    except (FormatError, ValueError, KeyError, TypeError, AttributeError) as error:
        notes.append(f"the health of its training cannot be read: {_first_line(error)}")
        return None


def _median(values: list[Any]) -> float | None:
    return float(np.median([number(value) for value in values])) if values else None


def _curve(folder: TrialFolder, notes: list[str]) -> tuple[list[int], list[float], list[str]]:
    """The logged training loss, and warnings; where a later attempt made a step again, its loss stands."""
    losses: dict[int, float] = {}
    warnings: dict[str, None] = {}
    for attempt in folder.attempt_numbers():
        try:
            for line in read_lines(folder.attempt(attempt).log):
                if line.get("event") == "step" and "loss" in line:
                    losses[int(line["step"])] = number(line["loss"])
                elif line.get("event") == "warning" and "text" in line:
                    warnings[str(line["text"])] = None
        except (FormatError, ValueError, KeyError, TypeError, AttributeError) as error:
            notes.append(f"log.jsonl of attempt {attempt} cannot be read to its end: {_first_line(error)}")
    steps = sorted(losses)
    if len(steps) > CURVE_POINTS:
        steps = [steps[index] for index in np.linspace(0, len(steps) - 1, CURVE_POINTS).round().astype(int)]
    return steps, [losses[step] for step in steps], list(warnings)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
