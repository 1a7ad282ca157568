"""Prepare jobs: each store of tokens or features that trials need, and that does not stand yet, is made once before them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bakeoff.errors import FormatError
from bakeoff.records.files import read_document, set_aside, sha256_file
from bakeoff.records.paths import FEATURES_VERSION, TOKENS_VERSION, features_key
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
from bakeoff.study.methods import reads_features

Kind = Literal["tokens", "features"]
NAMES: dict[Kind, str] = {"tokens": "token store", "features": "feature store"}
VERSIONS: dict[Kind, int] = {"tokens": TOKENS_VERSION, "features": FEATURES_VERSION}


@dataclass(frozen=True)
class Places:
    """Where a trial finds what it reads.

    Attributes:
        dataset: folder of the imported dataset.
        model: folder of the pretrained model; None if the recipe has none.
        tokens: folder of the token store; None if the recipe has no model.
        features: folder of the feature store; None if the method reads none.
    """

    dataset: Path
    model: Path | None
    tokens: Path | None
    features: Path | None = None


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
    task = trial.task
    tokens = order.home.token_store(task.fingerprint, fingerprint, task.max_length, task.stride, task.long_text)
    features = None
    if reads_features(trial.recipe):
        features = order.home.features / features_key(tokens.name, _asked(trial))
    return Places(dataset, materials.models[fingerprint], tokens, features)


def _asked(trial: TrialSpec) -> dict[str, Any]:
    """What a feature store hangs on beside the tokens; threads, because they change how sums are rounded."""
    task, training = trial.task, trial.recipe.training
    return {
        "pooling": trial.recipe.pooling,
        "precision": training.precision if training else "fp32",
        "threads": training.threads if training else 1,
        "rows": [task.train_limit, task.validation_limit, task.test_limit, task.data_seed],
    }


def prepare_stores(stage: Stage, trials: list[TrialSpec]) -> dict[str, str]:
    """Make the stores that are missing: of tokens, and then of features, which are made of them.

    Args:
        stage: the run.
        trials: what will be run.

    Returns:
        For each trial of which a store could not be made, why, by its id.

    Raises:
        Interrupted: if the runner was told to stop.
    """
    faults: dict[str, str] = {}

    def warn(text: str) -> None:
        stage.warn("damaged", text)

    for kind in NAMES:
        whole = [trial for trial in trials if trial.id not in faults]
        for store, trial in missing_stores(stage.order, whole, kind, warn).items():
            fault = _prepare_with_retries(stage, kind, store, trial)
            if fault:
                faults |= {one.id: fault for one in whole if _store(stage.order, one, kind) == store}
    return faults


def lacks_stores(order: RunOrder, trials: list[TrialSpec]) -> bool:
    """Whether a store that trials read does not stand.

    Args:
        order: the run.
        trials: what will be run.

    Returns:
        True if one is to be made before they begin.
    """
    stores = (_store(order, trial, kind) for trial in trials for kind in NAMES)
    return order.stub is None and any(store is not None and not store.is_dir() for store in stores)


def _store(order: RunOrder, trial: TrialSpec, kind: Kind) -> Path | None:
    where = places(order, trial)
    return where.tokens if kind == "tokens" else where.features


def missing_stores(order: RunOrder, trials: list[TrialSpec], kind: Kind, warn: Callable[[str], None]) -> dict[Path, TrialSpec]:
    """Stores that do not stand yet, or are damaged: those are set aside.

    Args:
        order: the run.
        trials: what will be run.
        kind: of stores.
        warn: told of each that was set aside.

    Returns:
        For each store the first trial that reads it.
    """
    found: dict[Path, TrialSpec] = {}
    seen: set[Path] = set()
    if order.stub is not None:
        return found
    for trial in trials:
        store = _store(order, trial, kind)
        if store is not None and store not in seen:
            seen.add(store)
            if not store.is_dir() or _set_aside_if_damaged(store, kind, warn):
                found[store] = trial
    return found


def _set_aside_if_damaged(store: Path, kind: Kind, warn: Callable[[str], None]) -> bool:
    try:
        files = read_document(store / f"{kind}.json", kind, VERSIONS[kind])["files"]
        fault = next((name for name, digest in files.items() if sha256_file(store / name) != digest), "")
    except (FormatError, KeyError, OSError) as error:
        fault = str(error)
    if fault:
        aside = set_aside(store).name
        warn(f"the {NAMES[kind]} {store} is damaged ({fault}); it was set aside as {aside}, and is made again")
    return bool(fault)


def _prepare_with_retries(stage: Stage, kind: Kind, store: Path, trial: TrialSpec) -> str:
    """A job that was lost is the machine's fault, and tried again like a trial; one that says what is wrong is not."""
    for retry in range(stage.order.limits.retries + 1):
        if retry:
            time.sleep(backoff(retry - 1))
        fault, lost = _prepare(stage, kind, store, trial)
        if not lost:
            break
    return fault


def _job(order: RunOrder, kind: Kind, store: Path, trial: TrialSpec) -> JobSpec:
    where = places(order, trial)
    assert trial.recipe.model is not None
    tokens = kind == "tokens"
    return JobSpec(
        kind="prepare" if tokens else "features",
        id=f"{'prepare' if tokens else 'features'}-{store.name[:10]}",
        families=[trial.recipe.model.family],
        trial=None if tokens else trial,
        dataset=str(where.dataset),
        model=str(where.model),
        tokens=str(where.tokens),
        features="" if tokens else str(store),
        max_length=trial.task.max_length,
        stride=trial.task.stride,
        long_text=trial.task.long_text,
    )


def _prepare(stage: Stage, kind: Kind, store: Path, trial: TrialSpec) -> tuple[str, bool]:
    """Why the store could not be made (empty if it was), and whether the job was lost."""
    job = _job(stage.order, kind, store, trial)
    assert trial.recipe.model is not None
    folder = stage.order.run.job(job.id)
    if folder.root.exists():
        shutil.rmtree(folder.root)
    verb = "tokenise {} for {}" if kind == "tokens" else "compute features of {} with {}"
    stage.listener(JobBegan(job.id, verb.format(trial.task.dataset, trial.recipe.model.name)))
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
        fault = f"the job said that it completed, and left no {NAMES[kind]}"
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
