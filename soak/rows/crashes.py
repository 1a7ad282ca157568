"""Row 3: a crash at every write, fsync and rename of the runner, and of the trial's own process."""

from __future__ import annotations

import shutil
from pathlib import Path

from soak.context import Context, RowResult
from soak.crashing import CRASHED
from soak.judging import faults_of, results_hash
from soak.stubs import StubStudy

STEP = 17
"""The small size tries every so manieth call."""


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
    ends = {"runner": 0, "trial": 0}
    for who in ends:
        at = 1 if context.full else 1 + context.draws(who).randrange(STEP)
        while _crash(context, who, seeds, at, result, expected[seeds]):
            ends[who] = at
            at += 1 if context.full else STEP
        result.expect(ends[who] > 0, f"no call of the {who} was reached")
    result.notes.append(
        f"{seeds} stub trial(s); last call that crashed: the runner's {ends['runner']}th, a trial's {ends['trial']}th;"
        " os.fsync, rename, replace and truncate end the process before they act, a write after half of its bytes"
    )
    return result


def _undisturbed(folder: Path) -> dict[int, str]:
    hashes = {}
    for seeds in (1, 2):
        study = StubStudy(folder / str(seeds) / "run", seeds=seeds)
        study.go()
        hashes[seeds] = results_hash(study.folder)
    return hashes


def _crash(context: Context, who: str, seeds: int, at: int, result: RowResult, expected: str) -> bool:
    """Crash once; whether the call was reached."""
    folder = context.place(f"{who}-{at}")
    jobs = {"ok": {"crash_at": at}} if who == "trial" else {"ok": {}}
    study = StubStudy(folder / "run", jobs=jobs, seeds=seeds, crash_at=at if who == "runner" else 0)
    first = study.go()
    reached = first.exit == CRASHED if who == "runner" else first.exit != 0
    if not reached:
        result.expect(first.exit == 0, f"untouched it ends with {first.exit}: {first.err[-300:]}", folder)
        return False
    second = StubStudy(study.run, jobs=jobs, seeds=seeds, again_failed=True).go()
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
