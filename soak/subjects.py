"""What the rows that kill and stop are tried on: the reference study at full size, a stub that makes steps at the small one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soak.context import Context
from soak.judging import faults_of
from soak.processes import children_of
from soak.reference import Study, materials
from soak.stubs import StubStudy

Subject = StubStudy | Study

CHECKPOINT_STEPS = 20
STUB_JOB = {"steps": 100, "step_seconds": 0.01}
STUB_TRIALS = 2


def subject(context: Context, name: object, limits: Mapping[str, Any] | None = None) -> Subject:
    """A study that has not run.

    Args:
        context: the row's.
        name: of its folder.
        limits: limits that are not as usual.

    Returns:
        12 real trials of some seconds, or 2 stub trials of one second; both with checkpoints, and retried for ever.
    """
    asked = {"checkpoint_steps": CHECKPOINT_STEPS, "retries": 1000, **(limits or {})}
    if not context.full:
        return StubStudy(context.place(name) / "run", {"ok": STUB_JOB}, STUB_TRIALS, limits=asked)
    return materials().study(
        context.place(name), False, {"limits": {"trial": "1h", "stall": "5m", "disk_reserve": "1MB", **asked}}
    )


def undisturbed(context: Context) -> str:
    """H of that study when nothing is done to it.

    Args:
        context: the row's.

    Returns:
        The hash.
    """
    if context.full:
        return materials().undisturbed(small=False)
    study = subject(context, "undisturbed")
    study.go()
    return study.hash


def ended_well(context: Context, study: Subject, expected: str) -> list[str]:
    """Give the same command once more, and look at what stands then.

    Args:
        context: the row's.
        study: the study.
        expected: H.

    Returns:
        What is wrong, a line a fault.
    """
    ended = study.go()
    faults = faults_of(study.folder, 12 if context.full else STUB_TRIALS)
    if ended.exit or ended.traceback:
        faults.append(f"it ended with {ended.exit}: {ended.err[-500:]} ({study.run})")
    if study.hash != expected:
        faults.append(f"H is another one ({study.run})")
    if left := children_of(study.run):
        faults.append(f"processes live on: {left}")
    return faults
