"""The collective of row 14: a trial of two processes, one of which stands still or dies in the middle."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from bakeoff.records.results import Circumstances, Outputs
from soak.context import Context, RowResult
from soak.judging import faults_of
from soak.processes import children_of, log_of, wait_until
from soak.reference import Study, materials

COLLECTIVE_SECONDS = 10
GRACE_SECONDS = 30
TOLERANCE = 1e-5


def stuck_collective(context: Context, result: RowResult) -> None:
    """Stop, and kill, the second process of a trial of two.

    Args:
        context: what the row is given.
        result: takes what came of it: the trial completes on one device within the limit and half a minute, and says so.
    """
    alone, together = _study(context, "alone", 1), _study(context, "together", 2)
    for study in (alone, together):
        ended = study.go()
        result.expect(ended.exit == 0, f"undisturbed, it ended with {ended.exit}: {ended.err[-500:]}", study.run)
    if not result.faults:
        off = float(np.abs(_outputs(alone) - _outputs(together)).max())
        result.expect(off <= TOLERANCE, f"two processes differ from one by {off:.1e}", together.run)
    for which in (signal.SIGSTOP, signal.SIGKILL):
        study = _study(context, which.name.lower(), 2)
        runner = study.start()
        result.tried += 1
        if not wait_until(lambda study=study: any(study.run.rglob("checkpoints/step-*")), 60):
            result.faults.append(f"{which.name}: no checkpoint was left in a minute ({study.run})")
        for pid in children_of(study.run):
            log = log_of(pid, study.run)
            if log is not None and log.parent.name == "rank-1":
                os.kill(pid, which)
        struck = time.monotonic()
        ended = runner.wait()
        took = time.monotonic() - struck
        faults = faults_of(study.folder, 1)
        if ended.exit or ended.traceback or took > COLLECTIVE_SECONDS + GRACE_SECONDS:
            faults.append(f"it ended with {ended.exit} after {took:.0f} s: {ended.err[-400:]} ({study.run})")
        (trial,) = study.ids
        path = study.folder.trial(trial).circumstances
        if not path.exists() or not Circumstances.read(path).deviations:
            faults.append(f"no deviation is recorded ({path})")
        elif (off := float(np.abs(_outputs(study) - _outputs(alone)).max())) > TOLERANCE:
            faults.append(f"its outputs differ by {off:.1e} ({study.run})")
        if left := children_of(study.run):
            faults.append(f"processes live on: {left}")
        result.notes.append(f"{which.name} of one of two processes: over after {took:.0f} s")
        result.blame(faults, which.name)


def _study(context: Context, name: str, devices: int) -> Study:
    model = materials().make_model("model-without-dropout", 0.0)
    training = {
        "epochs": 3,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "head_learning_rate": 1e-2,
        "precision": "fp32",
        "threads": 2,
    }
    changes = {
        "defaults": {"model": str(model), "training": training},
        "recipes": {"bce": {"loss": "bce", "devices": devices}},
        "limits": {"collective": f"{COLLECTIVE_SECONDS}s", "disk_reserve": "1MB", "checkpoint_steps": 5, "retries": 2},
    }
    return materials().study(context.place(f"collective-{name}"), True, changes)


def _outputs(study: Study) -> np.ndarray:
    (trial,) = study.ids
    return Outputs.read(study.folder.trial(trial).test).outputs
