"""A worker without torch, for tests: it keeps the protocol of `bakeoff.worker`, and does what a recipe's name says.

`ok`, `fail`, `exit`, `hang`, `deaf` (a hang that ignores SIGTERM), `segfault`, `noise`, `spawn` (a hang with a grandchild),
`torn` (a result whose file differs), `other` (the result of another trial), `silent` (exit 0 without an outcome), `killed`
(always by SIGKILL), `tight` (memory for micro-batches of 8), `wide` (memory for evaluations of 1,000 tokens), `io` and `full`
(errors of the disk), `slow` (an hour), `patient` (steps until the file `$FAKE_UNTIL` stands). `once` before one of them: only
in the first attempt, which leaves a checkpoint; later ones are well.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.records.files import append_line, write_document
from bakeoff.records.kept import write_kept
from bakeoff.records.paths import TOKENS_VERSION, AttemptFolder
from bakeoff.records.results import Outcome, Outputs, Result, State, file_entry
from bakeoff.records.specs import JobSpec

STEPS = 4
ENDLESS = 1_000_000
STEP_SECONDS = 0.02


def leave_product(job: JobSpec, folder: AttemptFolder, score: float) -> None:
    assert job.trial is not None
    outputs = Outputs([f"id{n}" for n in range(8)], np.zeros((8, 3), np.float32), np.ones((8, 3), np.uint8))
    for split in ("validation", "test"):
        outputs.write(folder.product / f"{split}.npz")
    if job.keep_model:
        (folder.product / "model").mkdir()
        (folder.product / "model" / "model.safetensors").write_bytes(b"weights")
        write_kept(folder.product / "model")
    manifest = {name: file_entry(folder.product / name) for name in ("validation.npz", "test.npz")}
    history = [{"step": STEPS, "epoch": 1.0, "loss": 0.1, "validation": {"f1_macro": score}}]
    training: dict[str, Any] = {"steps": STEPS, "examples": 8, "tokens": 80, "history": history}
    result = Result(
        trial=job.trial.id,
        definition=job.trial.definition_hash,
        validation={"f1_macro": score},
        training=training,
        manifest=manifest,
    )
    result.write(folder.product / "result.json")


def train(job: JobSpec, folder: AttemptFolder, seconds: float) -> None:
    assert job.trial is not None
    score = job.trial.seed / 100
    append_line(folder.log, {"event": "begin", "steps": STEPS, "examples": 8, "tokens": 80})
    for step in range(1, STEPS + 1):
        time.sleep(seconds / STEPS)
        append_line(folder.log, {"event": "step", "step": step, "loss": 0.1, "examples": step * 2, "seconds": 0.01 * step})
    append_line(folder.log, {"event": "validation", "step": STEPS, "epoch": 1.0, "scores": {"f1_macro": score}})
    append_line(folder.log, {"event": "end"})
    leave_product(job, folder, score)


def go_on_until(job: JobSpec, folder: AttemptFolder, end: Path) -> None:
    assert job.trial is not None
    append_line(folder.log, {"event": "begin", "steps": ENDLESS, "examples": 8, "tokens": 80})
    began, step = time.monotonic(), 0
    while not end.exists():
        time.sleep(STEP_SECONDS)
        step += 1
        append_line(folder.log, {"event": "step", "step": step, "loss": 0.1, "seconds": time.monotonic() - began})
    leave_product(job, folder, job.trial.seed / 100)


def spoil(job: JobSpec, folder: AttemptFolder, how: str) -> None:
    train(job, folder, 0)
    if how == "torn":
        (folder.product / "test.npz").write_bytes(b"torn")
    else:
        result = Result.read(folder.product / "result.json")
        result.model_copy(update={"definition": "0" * 64}).write(folder.product / "result.json")


def hang(how: str) -> None:
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("hears nothing now", flush=True)
    if how == "spawn":
        child = subprocess.Popen(["sleep", "600"])
        print(f"grandchild {child.pid}", flush=True)
    time.sleep(600)


def short_of_memory(job: JobSpec, how: str) -> Outcome | None:
    if how == "tight" and (job.micro_batch_size or 32) > 8:
        return Outcome(state=State.OOM, reason="out of memory")
    if how == "wide" and (job.evaluation_tokens or 4096) > 1000:
        return Outcome(state=State.OOM, reason="out of memory", facts={"phase": "evaluation"})
    return None


def act(job: JobSpec, folder: AttemptFolder, how: str, seconds: float) -> Outcome | None:
    print(f"doing {how}", flush=True)
    if how.startswith("once "):
        how = how.removeprefix("once ") if folder.root.name == "1" else "ok"
        folder.checkpoints.mkdir()
        (folder.checkpoints / "step-00000001").write_text(folder.root.name)
    if how == "killed":
        append_line(folder.log, {"event": "begin", "steps": STEPS, "examples": 8, "tokens": 80})
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    if how in ("io", "full"):
        name = {"io": "EIO", "full": "ENOSPC"}[how]
        return Outcome(state=State.FAILED, reason=f"the disk says {name}", where="a/path", facts={"errno": name})
    if (short := short_of_memory(job, how)) is not None:
        return short
    if how in ("hang", "deaf", "spawn"):
        hang(how)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        os._exit(3)
    if how == "silent":
        return None
    if how == "fail":
        return Outcome(state=State.FAILED, reason="told to fail", where="step 3", remedy="do not tell it so")
    if how == "noise":
        for _ in range(400):
            os.write(2, b"noise\n" * 10_000)
        os.write(2, b"the last line\n")
        return None
    if how in ("torn", "other"):
        spoil(job, folder, how)
    elif how == "patient":
        go_on_until(job, folder, Path(os.environ["FAKE_UNTIL"]))
    elif how == "slow":
        train(job, folder, 3600)
    elif job.kind == "train":
        train(job, folder, seconds)
    else:
        time.sleep(seconds)
    return Outcome(state=State.COMPLETE, seconds=seconds, peak_bytes=1, machine={"threads": 1}, imported=["late"])


def run_job(root: str) -> None:
    folder = AttemptFolder(Path(root))
    job = JobSpec.read(folder.job)
    if job.kind == "prepare":
        if "unpreparable" in job.model:
            Outcome(state=State.FAILED, reason="no tokenizer").write(folder.outcome)
            return
        if "unsteady" in job.model and not (marker := Path(job.tokens).with_name("tried")).exists():
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        write_document(Path(job.tokens) / "tokens.json", "tokens", TOKENS_VERSION, {"files": {}})
        Outcome(state=State.COMPLETE).write(folder.outcome)
        return
    if job.kind == "convert":
        if "unsafe" in job.source:
            Outcome(state=State.FAILED, reason="it holds more than tensors", where=job.source).write(folder.outcome)
            return
        if "deadly" in job.source:
            os.kill(os.getpid(), signal.SIGSEGV)
        folder.product.mkdir()
        (folder.product / "model.safetensors").write_bytes(Path(job.source).read_bytes() + b" converted")
        Outcome(state=State.COMPLETE).write(folder.outcome)
        return
    how = str(job.stub.get("do", "ok")) if job.kind == "stub" else str(job.trial and job.trial.recipe.name)
    outcome = act(job, folder, how.split("-")[0], float(job.stub.get("seconds", os.environ.get("FAKE_SECONDS", "0"))))
    if outcome is not None:
        outcome.write(folder.outcome)


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    console = os.open(request["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(console, 1)
    os.dup2(console, 2)
    os.environ.update(request["environment"])
    status = 1
    try:
        run_job(request["folder"])
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)


def warm(families: list[str]) -> None:
    print(f"importing {families}", file=sys.stderr, flush=True)
    if "broken" in families:
        print("ImportError: cannot import name 'broken'", file=sys.stderr, flush=True)
        say({"ready": False, "error": "ImportError"})
        sys.exit(1)
    if "slow" in families:
        time.sleep(600)
    say({"ready": True, "pid": os.getpid(), "modules": len(sys.modules)})
    children: dict[int, str] = {}
    partial = b""
    while True:
        if select.select([0], [], [], 0.02)[0]:
            block = os.read(0, 65536)
            if not block:
                for pid in children:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
                return
            *lines, partial = (partial + block).split(b"\n")
            for line in lines:
                request = json.loads(line)["fork"]
                pid = fork(request)
                children[pid] = request["id"]
                say({"forked": {"id": request["id"], "pid": pid}})
        for pid in list(children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                say({"ended": {"id": children.pop(pid), "pid": pid, "exit": os.waitstatus_to_exitcode(status)}})


if __name__ == "__main__":
    if sys.argv[1] == "warm":
        warm(sys.argv[2:])
    else:
        run_job(sys.argv[2])
