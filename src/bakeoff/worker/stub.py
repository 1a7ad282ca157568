"""Jobs that train nothing: the runner is tried with them in seconds."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import numpy as np

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result, file_entry
from bakeoff.records.specs import JobSpec
from bakeoff.training.progress import Progress

EXAMPLES, LABELS = 8, 3
TICK_SECONDS = 0.02


def write_product(job: JobSpec, folder: AttemptFolder) -> None:
    """A valid product with made-up outputs that depend on the trial's id alone.

    Args:
        job: a job with a trial.
        folder: the attempt.
    """
    assert job.trial is not None
    product = folder.product
    product.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(list(job.trial.id.encode()))
    for split in ("validation", "test"):
        logits = generator.normal(size=(EXAMPLES, LABELS)).astype(np.float32)
        gold = (generator.random((EXAMPLES, LABELS)) < 0.5).astype(np.uint8)
        Outputs([f"{split}-{i}" for i in range(EXAMPLES)], logits, gold).write(product / f"{split}.npz")
    manifest = {name: file_entry(product / name) for name in ("test.npz", "validation.npz")}
    scores = {job.trial.task.metric: float(generator.random())}
    result = Result(
        trial=job.trial.id,
        definition=job.trial.definition_hash,
        validation=scores,
        training={"steps": 1, "history": []},
        manifest=manifest,
    )
    result.write(product / "result.json")


def run_stub(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Do what `job.stub` says.

    Args:
        job: `seconds` (how long), `do` (`ok`, `fail`, `exit`, `hang`, `segfault` or `noise`), `result` (for `ok`).
        folder: the attempt.
        progress: the child's log.

    Returns:
        Nothing of note.

    Raises:
        RuntimeError: for `fail`.
    """
    progress.say("begin", steps=1)
    until = time.monotonic() + float(job.stub.get("seconds", 0.0))
    while time.monotonic() < until:
        progress.check()
        time.sleep(min(TICK_SECONDS, max(0.0, until - time.monotonic())))
    match job.stub.get("do", "ok"):
        case "fail":
            raise RuntimeError("the stub was told to fail")
        case "exit":
            os._exit(0)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(3600)
        case "noise":
            for _ in range(int(job.stub.get("lines", 100_000))):
                sys.stderr.write("noise " * 16 + "\n")
    if job.stub.get("result", True) and job.trial is not None:
        write_product(job, folder)
    return {}
