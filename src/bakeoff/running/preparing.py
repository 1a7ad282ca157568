"""Prepare jobs: each token store that the trials need and that does not stand yet is made once, before the first trial."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import FormatError
from bakeoff.records.files import read_document, set_aside, sha256_file
from bakeoff.records.paths import TOKENS_VERSION
from bakeoff.records.results import State
from bakeoff.records.specs import JobSpec, TrialSpec
from bakeoff.running.deciding import backoff
from bakeoff.running.ending import read_outcome
from bakeoff.running.events import JobBegan, JobEnded
from bakeoff.running.interrupts import Interrupted
from bakeoff.running.plan_run import Materials, RunOrder
from bakeoff.running.processes import describe_exit
from bakeoff.running.stage import Stage
from bakeoff.running.watching import Cause, Ending, Limits, watch


@dataclass(frozen=True)
class Places:
    """Where a trial finds what it reads.

    Attributes:
        dataset: folder of the imported dataset.
        model: folder of the pretrained model; None if the recipe has none.
        tokens: folder of the token store; None if the recipe has no model.
    """

    dataset: Path
    model: Path | None
    tokens: Path | None


def places(order: RunOrder, trial: TrialSpec) -> Places:
    """Where a trial finds what it reads.

    Args:
        order: the run.
        trial: the trial.

    Returns:
        Its folders.
    """
    materials: Materials = order.materials
    dataset = materials.datasets[trial.task.fingerprint]
    if trial.recipe.model is None:
        return Places(dataset, None, None)
    fingerprint = trial.recipe.model.fingerprint
    tokens = order.home.token_store(trial.task.fingerprint, fingerprint, trial.task.max_length)
    return Places(dataset, materials.models[fingerprint], tokens)


def prepare_tokens(stage: Stage, trials: list[TrialSpec]) -> dict[Path, str]:
    """Make the token stores that are missing.

    Args:
        stage: the run.
        trials: what will be run.

    Returns:
        For each store that could not be made, why.

    Raises:
        Interrupted: if the runner was told to stop.
    """
    faults: dict[Path, str] = {}

    def warn(text: str) -> None:
        stage.warn("damaged", text)

    for store, trial in missing_stores(stage.order, trials, warn).items():
        fault = _prepare_with_retries(stage, store, trial)
        if fault:
            faults[store] = fault
    return faults


def missing_stores(order: RunOrder, trials: list[TrialSpec], warn: Callable[[str], None]) -> dict[Path, TrialSpec]:
    """Token stores that do not stand yet, or are damaged: those are set aside.

    Args:
        order: the run.
        trials: what will be run.
        warn: told of each that was set aside.

    Returns:
        For each store the first trial that reads it.
    """
    found: dict[Path, TrialSpec] = {}
    seen: set[Path] = set()
    if order.stub is not None:
        return found
    for trial in trials:
        store = places(order, trial).tokens
        if store is not None and store not in seen:
            seen.add(store)
            if not store.is_dir() or _set_aside_if_damaged(store, warn):
                found[store] = trial
    return found


def _set_aside_if_damaged(store: Path, warn: Callable[[str], None]) -> bool:
    try:
        files = read_document(store / "tokens.json", "tokens", TOKENS_VERSION)["files"]
        fault = next((name for name, digest in files.items() if sha256_file(store / name) != digest), "")
    except (FormatError, KeyError, OSError) as error:
        fault = str(error)
    if fault:
        warn(f"the token store {store} is damaged ({fault}); it was set aside as {set_aside(store).name}, and is made again")
    return bool(fault)


def _prepare_with_retries(stage: Stage, store: Path, trial: TrialSpec) -> str:
    """A job that was lost is the machine's fault, and tried again like a trial; one that says what is wrong is not."""
    for retry in range(stage.order.limits.retries + 1):
        if retry:
            time.sleep(backoff(retry - 1))
        fault, lost = _prepare(stage, store, trial)
        if not lost:
            break
    return fault


def _prepare(stage: Stage, store: Path, trial: TrialSpec) -> tuple[str, bool]:
    """Why the store could not be made (empty if it was), and whether the job was lost."""
    where = places(stage.order, trial)
    assert trial.recipe.model is not None
    job = JobSpec(
        kind="prepare",
        id=f"prepare-{store.name[:10]}",
        families=[trial.recipe.model.family],
        dataset=str(where.dataset),
        model=str(where.model),
        tokens=str(store),
        max_length=trial.task.max_length,
    )
    folder = stage.order.run.job(job.id)
    if folder.root.exists():
        shutil.rmtree(folder.root)
    stage.listener(JobBegan(job.id, f"tokenise {trial.task.dataset} for {trial.recipe.model.name}"))
    handle = stage.executor.start(folder, job)
    # a prepare job logs as it likes, so it has no stall limit
    limits = Limits(trial=stage.order.limits.trial, grace=stage.order.limits.grace)
    ending = watch(stage.executor, handle, limits, stage.stop)
    if ending.cause in (Cause.INTERRUPT, Cause.STUDY):
        raise Interrupted
    outcome = read_outcome(folder)
    fault = ""
    if outcome is None:
        fault = describe_ending(ending)
    elif outcome.state is not State.COMPLETE:
        fault = outcome.reason
    elif not store.is_dir():
        fault = "the job said that it completed, and left no token store"
    stage.listener(JobEnded(job.id, fault, ending.seconds))
    lost = ending.cause is Cause.ITSELF and outcome is None
    return fault and f"{fault} (log: {folder.console})", lost


def describe_ending(ending: Ending) -> str:
    """How a job without an outcome ended.

    Args:
        ending: its end.

    Returns:
        One line.
    """
    return "the time limit passed" if ending.cause is Cause.TIME else describe_exit(ending.exit)
