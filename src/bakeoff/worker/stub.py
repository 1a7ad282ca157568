"""Jobs that train nothing: the runner is tried with them in seconds."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.records.files import canonical_json, read_document, sha256_bytes, write_document
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result, file_entry
from bakeoff.records.specs import JobSpec
from bakeoff.training.checkpoints import Checkpoints, newest
from bakeoff.training.progress import Progress

STUB_STATE_VERSION = 1
EXAMPLES, LABELS = 8, 3
TICK_SECONDS = 0.02


class Walk:
    """Steps that do nothing but remember all steps before: what they come to shows whether one was lost or made twice.

    Args:
        job: `job.stub` says `steps` (how many), `step_seconds` (how long one takes).
        folder: the attempt; each step made appends a record to its `steps.jsonl`.
        progress: the child's log.
    """

    def __init__(self, job: JobSpec, folder: AttemptFolder, progress: Progress) -> None:
        self._job, self._folder, self._progress = job, folder, progress
        self.step, self.digest = 0, sha256_bytes(job.id.encode())
        trial, definition = (job.trial.id, job.trial.definition_hash) if job.trial else (job.id, self.digest)
        places = (job.checkpoint_seconds, job.checkpoint_steps)
        self._checkpoints = Checkpoints(folder.checkpoints, trial, definition, *places)

    def take_up(self) -> None:
        """Go on from the newest checkpoint that validates."""
        found, passed = newest([Path(place) for place in self._job.resume], self._checkpoints.definition, read_walk)
        for text in passed:
            self._progress.say("note", text=f"passed over {text}")
        if found:
            self.step, self.digest = found.step, found.state
            self._progress.say("resume", step=found.step, attempt=found.attempt, trained=False)
        self._checkpoints.begin(self.step)

    def make(self) -> None:
        """Make all steps that are left.

        Raises:
            Preempted: if a stop was asked for; a checkpoint of the last step stands then.
        """
        with (self._folder.root / "steps.jsonl").open("a", encoding="utf-8", buffering=1) as made:
            while self.step < int(self._job.stub.get("steps", 0)):
                if self._progress.stop_asked or self._checkpoints.due(self.step):
                    self._checkpoints.write(self.step, self._fill)
                self._progress.check()
                time.sleep(float(self._job.stub.get("step_seconds", 0.0)))
                self.step, self.digest = self.step + 1, sha256_bytes(f"{self.digest} {self.step + 1}".encode())
                made.write(canonical_json({"step": self.step}) + "\n")
                if self._progress.due:
                    self._progress.say("step", step=self.step)

    def _fill(self, folder: Path) -> None:
        write_document(folder / "state.json", "stub-state", STUB_STATE_VERSION, {"digest": self.digest})


def read_walk(folder: Path) -> str:
    """Read what a stub's checkpoint remembers.

    Args:
        folder: the checkpoint.

    Returns:
        The digest of the steps done.
    """
    return str(read_document(folder / "state.json", "stub-state", STUB_STATE_VERSION)["digest"])


def write_product(job: JobSpec, folder: AttemptFolder, steps: int = 1, digest: str = "") -> None:
    """A valid product with made-up outputs that depend on the trial's id alone.

    Args:
        job: a job with a trial.
        folder: the attempt.
        steps: how many were made.
        digest: what they came to; empty for none.
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
        training={"steps": steps, "history": [], **({"digest": digest} if digest else {})},
        manifest=manifest,
    )
    result.write(product / "result.json")


def run_stub(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Do what `job.stub` says.

    Args:
        job: `seconds` (how long), `steps` and `step_seconds` (what is done then, with checkpoints as the job asks for them),
            `do` (`ok`, `fail`, `exit`, `hang`, `segfault` or `noise`: what comes last), `result` (for `ok`).
        folder: the attempt.
        progress: the child's log.

    Returns:
        Nothing of note.

    Raises:
        RuntimeError: for `fail`.
    """
    progress.say("begin", steps=max(1, int(job.stub.get("steps", 0))))
    walk = Walk(job, folder, progress)
    walk.take_up()
    until = time.monotonic() + float(job.stub.get("seconds", 0.0))
    while time.monotonic() < until:
        progress.check()
        time.sleep(min(TICK_SECONDS, max(0.0, until - time.monotonic())))
    if job.stub.get("steps"):
        walk.make()
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
        write_product(job, folder, *((walk.step, walk.digest) if job.stub.get("steps") else ()))
    return {}
