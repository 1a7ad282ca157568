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
from bakeoff.training.rungs import Pruned, ask
from bakeoff.worker.surfaces import check_stable, score

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
                self._validate()
                if self._progress.due:
                    self._progress.say("step", step=self.step)

    def _validate(self) -> None:
        """Ask whether to go on, at as many validations as the job says."""
        rungs, steps, trial = int(self._job.stub.get("rungs", 0)), int(self._job.stub["steps"]), self._job.trial
        if trial is None or not rungs or self.step % (steps // rungs):
            return
        rung = self.step // (steps // rungs)
        asks = self._job.asks and self.step < steps
        scores = {trial.task.metric: score(trial, self._job.stub, self.step / steps)}
        self._progress.say("validation", step=self.step, scores=scores, rung=rung, rungs=rungs, asks=asks)
        if asks and (reason := ask(self._folder, self._progress, rung)):
            raise Pruned(reason)

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
    shape = (int(job.stub.get("examples", EXAMPLES)), LABELS)
    for split in ("validation", "test"):
        logits = generator.normal(size=shape).astype(np.float32)
        gold = (generator.random(shape) < 0.5).astype(np.uint8)
        if "signal" in job.stub:
            gold = (np.random.default_rng(list(split.encode())).random(shape) < 0.5).astype(np.uint8)
            strength = float(job.stub["signal"]) * score(job.trial, job.stub)
            logits += np.float32(strength) * (2 * gold.astype(np.float32) - 1)
        Outputs([f"{split}-{i}" for i in range(shape[0])], logits, gold).write(product / f"{split}.npz", durable=False)
    manifest = {name: file_entry(product / name) for name in ("test.npz", "validation.npz")}
    reached = float(generator.random()) if "peak" not in job.stub else score(job.trial, job.stub)
    scores = {job.trial.task.metric: reached}
    result = Result(
        trial=job.trial.id,
        definition=job.trial.definition_hash,
        validation=scores,
        training={"steps": steps, "history": [], **({"digest": digest} if digest else {})},
        manifest=manifest,
    )
    result.write(product / "result.json", durable=False)


def run_stub(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Do what `job.stub` says.

    Args:
        job: `seconds` (how long), `steps` and `step_seconds` (what is done then, with checkpoints as the job asks for them),
            `rungs` (validations among the steps), `peak`, `noise` and `diverge_above` (scores by the recipe's settings, see
            `surfaces`), `signal` (how well outputs tell gold that all trials share, times that score) on `examples`,
            `do` (`ok`, `fail`, `exit`, `hang`, `segfault` or `noise`: what comes last), `result` (for `ok`).
        folder: the attempt.
        progress: the child's log.

    Returns:
        Nothing of note.

    Raises:
        RuntimeError: for `fail`.
    """
    progress.say("begin", steps=max(1, int(job.stub.get("steps", 0))))
    if job.trial is not None:
        check_stable(job.trial, job.stub)
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
