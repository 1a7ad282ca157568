"""Adapters of a run, looked at together: the base stays what it was, and each says among the others what it says alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.api.runs import find_run
from bakeoff.api.served import CLASSIFIER, served_trial
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.analysis.folder import TrialRecord
    from bakeoff.records.adapters import Adapters, AskedAdapter
    from bakeoff.records.paths import RunFolder

METHOD = "lora"
EXAMPLES = 64


def adapters(run: str | Path | None = None, examples: int = EXAMPLES, threads: int | None = None) -> tuple[Adapters, RunFolder]:
    """Put a run's adapters on one copy of their pretrained model, and compare each with itself alone.

    Args:
        run: a run whose models were kept, as for `find_run`.
        examples: validation texts that each is asked, at most.
        threads: CPU threads; None means all cores.

    Returns:
        What was found, which also stands in `adapters.json`, and the run.

    Raises:
        RunError: if fewer than two adapters were kept.
        JobError: if the job failed.
    """
    from bakeoff.records.adapters import AdapterOrder, Adapters
    from bakeoff.records.environment import available_cores
    from bakeoff.records.specs import JobSpec
    from bakeoff.running.oneoff import run_job

    folder = find_run(run)
    records, left_out = _kept(folder)
    job = folder.job(f"adapters-{os.getpid()}")
    job.root.mkdir(parents=True)
    asked = [_asked(folder, record) for record in records]
    AdapterOrder(adapters=asked, examples=examples, threads=threads or available_cores()).write(job.order)
    outcome = run_job(job, JobSpec(kind="adapters", id=job.root.name))
    shutil.rmtree(job.root)
    found = Adapters.model_validate({**outcome.facts, "left_out": left_out})
    together = {one.trial for base in found.bases for one in base.adapters}
    alone = [f"{one.spec.id}: no other adapter stands on its base" for one in records if one.spec.id not in together]
    found = found.model_copy(update={"left_out": [*left_out, *alone]})
    found.write(folder.adapters)
    return found, folder


def _kept(folder: RunFolder) -> tuple[list[TrialRecord], list[str]]:
    """Complete trials with an adapter that was kept; and what is left out, with the reason."""
    from bakeoff.analysis.folder import chosen_phase, read_plans, read_trial

    plans = read_plans(folder)
    found: list[TrialRecord] = []
    left_out: list[str] = []
    for trial in plans[chosen_phase(plans)].trials:
        if trial.recipe.method.name != METHOD:
            continue
        record = read_trial(folder, trial)
        if record.result is None:
            left_out.append(f"{trial.id}: it is not complete")
        elif not (record.folder.model / CLASSIFIER).is_file():
            left_out.append(f"{trial.id}: its model was not kept")
        else:
            found.append(record)
    if len(found) < 2:
        remedy = "a recipe with `method: lora`, and `keep: all` in the study"
        raise RunError(f"adapters that were kept: {len(found)}; it takes two to stand together", str(folder.root), remedy)
    return found, left_out


def _asked(folder: RunFolder, record: TrialRecord) -> AskedAdapter:
    from bakeoff.data.store import find_dataset
    from bakeoff.records.adapters import AskedAdapter
    from bakeoff.records.paths import Home

    assert record.result is not None
    task = record.spec.task
    return AskedAdapter(
        served=served_trial(folder, record),
        dataset=str(find_dataset(Home.default(), task.dataset, task.fingerprint).folder),
        base_sha256=record.result.training["base_sha256"],
    )
