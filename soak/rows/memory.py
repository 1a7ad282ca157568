"""Row 13: a limit of memory that kills passes of 32 and allows 8, by rlimit and by a cgroup."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.records.results import Circumstances, Outputs, Result
from soak.context import Context, RowResult
from soak.judging import faults_of
from soak.processes import PATIENCE_SECONDS, Ended, children_of, wait_until
from soak.reference import Study, materials

TOLERANCE = 1e-5
SEARCHED, TRIES = 9, 10
STEP_BYTES = 64 << 20
"""About what passes of 32 need more than passes of 8: the unit of the search."""
RLIMIT_BYTES = 240 << 20
"""Less than a heap grows by at once (`glibc.malloc.top_pad`): with more, what fits depends on what lay in it before."""
BATCH, SMALL = 32, 8
FORCED = f"micro-batch {SMALL} in place of {BATCH}: memory"
SMALLER = tuple(f"micro-batch {size} " for size in (4, 2, 1))
CGROUP = Path("/sys/fs/cgroup/memory")
MAKE_WIDE = """
import sys, torch, transformers; from bakeoff.testing import models
models.LAYERS, models.WIDTH, models.HEADS = 8, 128, 8
models.make_tiny_model(__import__("pathlib").Path(sys.argv[1]), "bert", dropout=0.0)
"""


def lack_of_memory(context: Context) -> RowResult:
    """Limit the memory of a trial, so that passes of 32 examples do not fit and passes of 8 do; and kill one without a reason.

    Args:
        context: what the row is given.

    Returns:
        What came of it: the trial completes with batches of 32, results within 1e-5, and says what it did otherwise.
    """
    result = RowResult()
    undisturbed, step = _study(context, "undisturbed", BATCH), STEP_BYTES
    ended = undisturbed.go()
    if not result.expect(ended.exit == 0, f"undisturbed, it ended with {ended.exit}: {ended.err[-500:]}", undisturbed.run):
        return result
    expected = _product(undisturbed)
    if context.full:
        small = _study(context, "small", SMALL)
        small.go()
        peaks = [_peak(study) for study in (undisturbed, small)]
        result.notes.append(f"peak with passes of {BATCH}: {peaks[0] >> 20} MiB, of {SMALL}: {peaks[1] >> 20} MiB")
        step = max(peaks[0] - peaks[1], step)
    for how, variable in (("cgroup", "SOAK_CGROUP"), ("rlimit", "SOAK_DATA_BYTES")):
        if how == "cgroup" and not (context.full and _may_make_groups()):
            result.notes.append("not tried by a cgroup: none may be made here, or the size is small")
            continue
        _search_limit(context, result, how, variable, step, expected)
    _killed_for_nothing(context, result, expected)
    return result


def _study(context: Context, name: str, micro: int, retries: int = 0) -> Study:
    model = materials().root / "wide"
    if not model.exists():
        from soak.processes import ROOT, environment

        subprocess.run(
            [sys.executable, "-c", MAKE_WIDE, str(model)], check=True, env=environment(), cwd=ROOT, capture_output=True
        )
    training = {
        "epochs": 1,
        "batch_size": BATCH,
        "micro_batch_size": micro,
        "learning_rate": 1e-3,
        "head_learning_rate": 1e-2,
        "precision": "fp32",
        "threads": 1,
    }
    task = {
        "dataset": "demo",
        "metric": "f1_macro",
        "max_length": 64,
        "train_limit": 192 if context.full else 96,
        "validation_limit": 40,
        "test_limit": 40,
    }
    changes: Mapping[str, Any] = {
        "tasks": {"demo": task},
        "defaults": {"model": str(model), "training": training},
        "recipes": {"bce": {"loss": "bce"}},
        "limits": {"retries": retries, "disk_reserve": "1MB", "checkpoint_steps": 2 if context.full else 1},
    }
    return materials().study(context.place(name), True, changes)


def _product(study: Study) -> tuple[Result, Outputs]:
    (trial,) = study.ids
    folder = study.folder.trial(trial)
    return Result.read(folder.result), Outputs.read(folder.test)


def _peak(study: Study) -> int:
    (trial,) = study.ids
    return Circumstances.read(study.folder.trial(trial).circumstances).peak_bytes


def _own_group() -> Path:
    """Our memory cgroup of version 1, below which the runner gets one of its own: it looks at the counter of that."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line.split(":", 2)[2] for line in lines if ":memory:" in line), "/nowhere")
    return CGROUP / own.lstrip("/")


def _may_make_groups() -> bool:
    try:
        with _group(1 << 30):
            return True
    except OSError:
        return False


@contextmanager
def _group(limit: int) -> Iterator[Path]:
    group = _own_group() / f"soak-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit))
        yield group
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text().strip(), 60)
        group.rmdir()


def _search_limit(
    context: Context, result: RowResult, how: str, variable: str, step: int, expected: tuple[Result, Outputs]
) -> None:
    """Look for a limit that strikes and leaves room: too high and nothing happens, too low and not even one example fits."""
    low, high = 0, 6 * step if how == "cgroup" else min(6 * step, RLIMIT_BYTES)
    for number in range(SEARCHED):
        limit = (low + high) // 2
        study = _study(context, f"{how}-{number}", BATCH)
        if how == "cgroup":
            with _group(limit) as group:
                # the runner lives in the same group, as it does on a machine that limits a whole job
                before = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group))
                ended = study.start(before=before, extra={variable: str(group)}).wait()
        else:
            ended = study.go(extra={variable: str(limit)})
        (trial,) = study.ids
        folder = study.folder.trial(trial)
        said = Circumstances.read(folder.circumstances).deviations if folder.circumstances.exists() else []
        if ended.exit == 0 and FORCED in said:
            result.tried += 1
            faults = _faults(study, ended, expected) + _untold(study)
            off = float(np.abs(_product(study)[1].outputs - expected[1].outputs).max())
            more = f"{limit >> 20} MiB more than at the fork"
            result.notes.append(f"{how}, {more}: {'; '.join(said)}; {len(folder.attempt_numbers())} attempts, off by {off:.1e}")
            result.blame(faults, how)
            return
        generous = ended.exit == 0 and not any(text.startswith(SMALLER) for text in said)
        low, high = (low, limit) if generous else (limit, high)
    result.faults.append(f"{how}: no limit found between {low >> 20} and {high >> 20} MiB that kills passes of 16 and allows 8")


def _untold(study: Study) -> list[str]:
    """Where a deviation is not told that the circumstances record."""
    ended = study.command("report", str(study.run)).wait()
    faults = [f"`report` ended with {ended.exit}: {ended.err[-400:]} ({study.run})"] if ended.exit else []
    for path in (study.folder.analysis, study.folder.report):
        if not path.exists() or FORCED not in path.read_text(encoding="utf-8"):
            faults.append(f"the deviation is not told ({path})")
    return faults


def _faults(study: Study, ended: Ended, expected: tuple[Result, Outputs]) -> list[str]:
    if ended.exit or ended.traceback:
        return [f"it ended with {ended.exit}: {ended.out[-400:]} {ended.err[-400:]} ({study.run})"]
    faults = faults_of(study.folder, 1)
    result, test = _product(study)
    if (off := float(np.abs(test.outputs - expected[1].outputs).max())) > TOLERANCE:
        faults.append(f"outputs differ by {off:.1e} ({study.run})")
    for name, score in expected[0].validation.items():
        if isinstance(score, float) and abs(score - result.validation[name]) > TOLERANCE:
            faults.append(f"{name} differs by {abs(score - result.validation[name]):.1e} ({study.run})")
    return faults


def _killed_for_nothing(context: Context, result: RowResult, expected: tuple[Result, Outputs]) -> None:
    """SIGKILL that no lack of memory explains: tried again unchanged, bitwise the same."""
    for number in range(TRIES):
        study = _study(context, f"killed-{number}", BATCH, retries=2)
        runner = study.start()
        wait_until(lambda study=study, runner=runner: _at_work(study) or not runner.running, PATIENCE_SECONDS)
        for pid in children_of(study.run):
            os.kill(pid, signal.SIGKILL)
        ended = runner.wait()
        (trial,) = study.ids
        if len(study.folder.trial(trial).attempt_numbers()) > 1:
            break  # else it was over before it could be killed
    result.tried += 1
    faults = _faults(study, ended, expected)
    if said := Circumstances.read(study.folder.trial(trial).circumstances).deviations:
        faults.append(f"it deviates: {said} ({study.run})")
    if _product(study)[0] != expected[0]:
        faults.append(f"the result is another one ({study.run})")
    if len(study.folder.trial(trial).attempt_numbers()) < 2:
        faults.append("it could not be met alive")
    result.blame(faults, "kill -9")


def _at_work(study: Study) -> bool:
    return any(study.run.rglob("checkpoints/step-*"))
