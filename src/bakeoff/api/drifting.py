"""Drift of a run: read with its base and tuned models, measured, answered, and shown."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.api.runs import find_run
from bakeoff.api.served import CLASSIFIER, find_base, served_trial
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.analysis.drift_model import Drift
    from bakeoff.analysis.drifting import Claimed, TaskLayers
    from bakeoff.analysis.folder import TrialRecord
    from bakeoff.records.paths import RunFolder
    from bakeoff.records.representations import Reading
    from bakeoff.records.specs import Pooling

MOST_EXAMPLES = 750
MEMORY_BYTES = 4_000_000_000


@dataclass(frozen=True)
class DriftOptions:
    """How drift is measured.

    Attributes:
        pooling: how token vectors become one: `first`, `mean` or `last`; None takes each recipe's own.
        layers: layers that are averaged over, 0 for the embeddings; None means all but those.
        examples: validation examples at most; more are drawn from, stratified.
        chunk: examples that are read at a time.
        threads: CPU threads; None means all cores.
        memory_bytes: memory that reading may use.
        claims: sentences, such as "lora drifts at least 20% less than full on sst2".
        tasks: tasks; empty means all.
    """

    pooling: Pooling | None = None
    layers: Sequence[int] | None = None
    examples: int = MOST_EXAMPLES
    chunk: int = 200
    threads: int | None = None
    memory_bytes: int = MEMORY_BYTES
    claims: Sequence[str] = ()
    tasks: Sequence[str] = ()


def drift(
    run: str | Path | None = None, options: DriftOptions | None = None, told: Callable[[str], None] = lambda _: None
) -> tuple[Drift, RunFolder]:
    """Measure how far training moved what models make of texts; a measurement that was interrupted goes on.

    Args:
        run: a run whose models were kept, as for `find_run`.
        options: how it is measured.
        told: told what is done.

    Returns:
        The drift, which also stands in `drift.json` and `drift.html`, and the run.

    Raises:
        RunError: if no model was kept, or a claim names what was not read.
        JobError: if reading failed.
    """
    from bakeoff.analysis.drift_model import Drift
    from bakeoff.analysis.drifting import answer, measure_task, parse_claim
    from bakeoff.report.drift_page import write_drift_page

    asked, folder = options or DriftOptions(), find_run(run)
    claims = [parse_claim(text) for text in asked.claims]
    records, left_out = _readable(folder, asked.tasks)
    claims += _declared(folder, records, claims)
    readings = {
        (record.spec.id, tuned): _reading(folder, record, tuned, asked) for record in records for tuned in (False, True)
    }
    _read(folder, list({one.name: one for one in readings.values()}.values()), asked, told)
    tasks, averaged = [], {}
    for task in dict.fromkeys(record.spec.task.name for record in records):
        told(f"comparing layers on {task}")
        one, drifts = measure_task(_layers(folder, task, records, readings), asked.layers)
        tasks.append(one)
        averaged[task] = drifts
    found = Drift(
        study=_study_name(folder),
        pooling=asked.pooling or "",
        tasks=tasks,
        claims=answer(claims, averaged),
        left_out=left_out,
    )
    found.write(folder.drift)
    write_drift_page(folder, found)
    return found, folder


def _declared(folder: RunFolder, records: list[TrialRecord], asked: list[Claimed]) -> list[Claimed]:
    """What the study itself claims of drift, as far as it can be answered."""
    from bakeoff.analysis.drift_claims import declared
    from bakeoff.analysis.drifting import Claimed
    from bakeoff.study.claims_checking import vocabulary
    from bakeoff.study.claims_parsing import parse_claim
    from bakeoff.study.loading import load_study

    study = load_study(folder.study)
    recipes = {name: [task for task in study.tasks if recipe.is_on(task)] for name, recipe in study.recipes.items()}
    known = vocabulary(recipes, {name: (task.kind, task.metric) for name, task in study.tasks.items()})
    read = {(record.spec.task.name, record.spec.recipe.name) for record in records}
    found = [
        Claimed(one.words, one.recipe, one.rival, one.share, one.task)
        for one in declared(parse_claim(text, known) for text in study.claims)
        if {(one.task, one.recipe), (one.task, one.rival)} <= read
    ]
    return [one for one in found if one not in asked]


def _study_name(folder: RunFolder) -> str:
    from bakeoff.analysis.folder import chosen_phase, read_plans

    plans = read_plans(folder)
    return plans[chosen_phase(plans)].study


def _readable(folder: RunFolder, tasks: Sequence[str]) -> tuple[list[TrialRecord], list[str]]:
    """Complete trials whose trained models were kept; and what is left out, with the reason."""
    from bakeoff.analysis.folder import chosen_phase, read_plans, read_trial
    from bakeoff.catalog import registry

    plans = read_plans(folder)
    trials = plans[chosen_phase(plans)].trials
    known = list(dict.fromkeys(trial.task.name for trial in trials))
    for task in tasks:
        if task not in known:
            raise RunError(f"the run has no task {task!r}", str(folder.root), f"one of {', '.join(known)}")
    found: list[TrialRecord] = []
    left_out: dict[str, None] = {}
    for trial in trials:
        method = registry.method(trial.recipe.method.name)
        if (tasks and trial.task.name not in tasks) or trial.recipe.model is None:
            continue
        if not method.trains or method.features:
            left_out[f"{trial.recipe.name}: {method.name} leaves the model as it is"] = None
            continue
        if trial.made_of:
            left_out[f"{trial.recipe.name}: {method.name} does not begin with the layers of its pretrained model"] = None
            continue
        record = read_trial(folder, trial)
        if record.result is None:
            left_out[f"{trial.id}: it is not complete"] = None
        elif not (record.folder.model / CLASSIFIER).is_file():
            left_out[f"{trial.id}: its model was not kept"] = None
        else:
            found.append(record)
    if not found:
        remedy = "set `keep: all` in the study and run it with --new: a model that was removed cannot be had back"
        raise RunError("no trained model was kept, so nothing can be read", str(folder.root), remedy)
    return found, list(left_out)


def _reading(folder: RunFolder, record: TrialRecord, tuned: bool, asked: DriftOptions) -> Reading:
    from bakeoff.data.store import find_dataset
    from bakeoff.records.paths import Home
    from bakeoff.records.representations import Reading

    spec = record.spec
    recipe, task = spec.recipe, spec.task
    assert recipe.model is not None
    own = recipe.pooling if recipe.pooling in ("first", "mean", "last") else "first" if recipe.pooling else "mean"
    pooling: Pooling = asked.pooling or ("mean" if task.kind == "qa" else own)
    return Reading(
        name=f"{spec.id}-{pooling}" if tuned else f"base-{task.name}-{recipe.model.fingerprint[:10]}-{pooling}",
        served=served_trial(folder, record) if tuned else None,
        base=str(find_base(folder, recipe)),
        task=task,
        dataset=str(find_dataset(Home.default(), task.dataset, task.fingerprint).folder),
        examples=asked.examples,
        pooling=pooling,
    )


def _read(folder: RunFolder, readings: list[Reading], asked: DriftOptions, told: Callable[[str], None]) -> None:
    """Have the models read in a process of its own, unless everything stands already."""
    from bakeoff.records.environment import available_cores
    from bakeoff.records.representations import ReadingOrder, stands
    from bakeoff.records.specs import JobSpec
    from bakeoff.running.oneoff import run_job

    missing = [one for one in readings if not stands(folder.representations / one.name, one)]
    if not missing:
        return
    told(f"reading with {len(missing)} of {len(readings)} models; stopped in between, the same command goes on")
    job = folder.job(f"drift-{os.getpid()}")
    job.root.mkdir(parents=True)
    order = ReadingOrder(
        folder=str(folder.representations),
        readings=missing,
        threads=asked.threads or available_cores(),
        chunk=asked.chunk,
        memory_bytes=asked.memory_bytes,
    )
    order.write(job.order)
    run_job(job, JobSpec(kind="drift", id=job.root.name))
    shutil.rmtree(job.root)


def _layers(folder: RunFolder, task: str, records: list[TrialRecord], readings: dict[tuple[str, bool], Reading]) -> TaskLayers:
    from bakeoff.analysis.drifting import Layers, TaskLayers
    from bakeoff.records.files import number

    of_task = [record for record in records if record.spec.task.name == task]
    opened: dict[str, Layers] = {}

    def layers(record: TrialRecord, tuned: bool) -> Layers:
        name = readings[record.spec.id, tuned].name
        if name not in opened:
            opened[name] = Layers.open(folder.representations / name)
        return opened[name]

    base = {record.spec.recipe.name: layers(record, False) for record in of_task}
    tuned: dict[str, dict[int, Layers]] = {name: {} for name in base}
    scores: dict[str, dict[int, float]] = {name: {} for name in base}
    for record in of_task:
        assert record.result is not None
        name, seed = record.spec.recipe.name, record.spec.seed
        tuned[name][seed] = layers(record, True)
        scores[name][seed] = number(record.result.validation.get(record.spec.task.metric, "nan"))
    return TaskLayers(of_task[0].spec.task, base, tuned, scores)
