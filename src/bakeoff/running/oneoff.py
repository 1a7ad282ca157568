"""A job that belongs to no run: started by itself in a fresh process, its folder in the home."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.errors import JobError
from bakeoff.records.files import move_into_place
from bakeoff.records.paths import AttemptFolder, Home
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import Component, JobSpec
from bakeoff.running.console import last_lines
from bakeoff.running.ending import read_outcome
from bakeoff.running.executors import InlineExecutor
from bakeoff.running.interrupts import Interrupts
from bakeoff.running.processes import describe_exit
from bakeoff.running.warm import WORKER_COMMAND
from bakeoff.running.watching import Cause, Clock, Limits, OnRecord, Stop, watch


def run_job(
    folder: AttemptFolder,
    job: JobSpec,
    worker: tuple[str, ...] = WORKER_COMMAND,
    progress: OnRecord | None = None,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run one job to its end.

    Args:
        folder: its folder.
        job: what to do.
        worker: how the worker is started.
        progress: called with each record of its log; None where nobody wants them.
        environment: variables of its own: secrets, which are never written.

    Returns:
        The outcome, which is complete.

    Raises:
        JobError: if it ended otherwise.
        KeyboardInterrupt: if a signal came meanwhile.
    """
    with Interrupts() as interrupts, InlineExecutor(worker, echo=False) as executor:
        ending = watch(executor, executor.start(folder, job, environment), Limits(), Stop(interrupts, Clock()), progress)
    if ending.cause is Cause.INTERRUPT:
        raise KeyboardInterrupt
    outcome = read_outcome(folder)
    if outcome is None:
        said = "".join(f"\n    {line}" for line in last_lines(folder.console))
        raise JobError(f"the job {job.id} ended without an outcome: {describe_exit(ending.exit)}{said}", str(folder.console))
    if outcome.state is not State.COMPLETE:
        raise JobError(outcome.reason, outcome.where or str(folder.console), outcome.remedy)
    return outcome


def convert_weights(home: Home, source: Path, target: Path, worker: tuple[str, ...] = WORKER_COMMAND) -> None:
    """Turn a file of pickled tensors into safetensors, in a process of its own.

    Args:
        home: where the job's folder is made; it is removed when all went well.
        source: the file with pickled weights.
        target: the file to make.
        worker: how the worker is started.

    Raises:
        JobError: if the file holds more than tensors, or the conversion failed otherwise.
    """
    job = JobSpec(kind="convert", id=f"convert-{secrets.token_hex(4)}", source=str(source))
    folder = AttemptFolder(home.jobs / job.id)
    run_job(folder, job, worker)
    move_into_place(folder.product / "model.safetensors", target)
    shutil.rmtree(folder.root)


def inspect_losses(home: Home, losses: list[Component], worker: tuple[str, ...] = WORKER_COMMAND) -> list[dict[str, Any]]:
    """Compute how losses behave, in a process of its own.

    Args:
        home: where the job's folder is made; it is removed when all went well.
        losses: the losses with their settings.
        worker: how the worker is started.

    Returns:
        For each loss what `bakeoff.losses.inspection.inspect_loss` finds.

    Raises:
        JobError: if a loss could not be made or called.
    """
    job = JobSpec(kind="losses", id=f"losses-{secrets.token_hex(4)}", losses=losses)
    folder = AttemptFolder(home.jobs / job.id)
    found: list[dict[str, Any]] = run_job(folder, job, worker).facts["losses"]
    shutil.rmtree(folder.root)
    return found
