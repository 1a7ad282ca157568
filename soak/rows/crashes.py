"""Row 3: a crash at every write, fsync and rename of the runner, and of the trial's own process."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from soak.context import Context, RowResult
from soak.crashing import CRASHED
from soak.judging import faults_of, results_hash
from soak.stubs import StubStudy

STEPS = {"runner": 19, "trial": 13}
"""The small size tries every so manieth call."""
WALK = {"steps": 4}
LIMITS = {"checkpoint_steps": 2}


def crash_at_every_call(context: Context) -> RowResult:
    """Crash the runner at its first call, then at its second, until it comes through untouched; then so each trial's process.

    Args:
        context: what the row is given.

    Returns:
        What came of it: after each crash the same command once more must complete the study, with the same results.
    """
    result = RowResult()
    expected = _undisturbed(context.place("undisturbed"))
    seeds = context.pick(1, 2)
    ends = dict.fromkeys(STEPS, 0)
    for who, step in STEPS.items():
        at = 1 if context.full else 1 + context.draws(who).randrange(step)
        while _crash(context, who, seeds, at, result, expected[seeds]):
            ends[who] = at
            at += 1 if context.full else step
        result.expect(ends[who] > 0, f"no call of the {who} was reached")
    result.notes.append(
        f"{seeds} stub trial(s) with checkpoints; the last calls that crashed: {ends};"
        " os.fsync, rename, replace and truncate end the process before they act, a write after half of its bytes;"
        " writes are those of Python's files: what C libraries write is not counted"
    )
    return result


def _undisturbed(folder: Path) -> dict[int, str]:
    hashes = {}
    for seeds in (1, 2):
        study = StubStudy(folder / str(seeds) / "run", {"ok": WALK}, seeds, limits=LIMITS)
        study.go()
        hashes[seeds] = results_hash(study.folder)
    return hashes


def _crash(context: Context, who: str, seeds: int, at: int, result: RowResult, expected: str) -> bool:
    """Crash once; whether the call was reached."""
    folder = context.place(f"{who}-{at}")
    jobs = {"ok": {**WALK, "crash_at": at if who == "trial" else 0}}
    study = StubStudy(folder / "run", jobs, seeds, limits=LIMITS, crash_at=at if who == "runner" else 0)
    first = study.go()
    reached = first.exit == CRASHED if who == "runner" else first.exit != 0
    if not reached:
        result.expect(first.exit == 0, f"untouched it ends with {first.exit}: {first.err[-300:]}", folder)
        return False
    second = replace(study, crash_at=0, again_failed=True).go()
    result.tried += 1
    faults = list(faults_of(study.folder, seeds)) if study.folder.plan("final").is_file() else ["no plan was written"]
    if results_hash(study.folder) != expected:
        faults.append(f"other results ({folder})")
    if second.exit or second.traceback:
        faults.append(f"the next start ends with {second.exit}: {second.err[-500:]} ({folder})")
    result.blame(faults, f"{who}, call {at}")
    if not faults and not context.kept:
        shutil.rmtree(folder)
    return True
