"""Rows 12, 16 and 17: divergence, a stop after every step, several workers."""

from __future__ import annotations

import json
from typing import Any

import yaml

from bakeoff.analysis.analyse import analyse
from bakeoff.records.results import State
from soak.context import Context, RowResult
from soak.imports import worker_variables
from soak.judging import faults_of, result_hashes, state_of
from soak.processes import Command, python
from soak.reference import METHODS, materials, recipe
from soak.stubs import StubStudy

FAULTS = ("nan-loss", "nan-gradient", "explosion")


def diverge(context: Context) -> RowResult:
    """Let the loss, the gradients or the size of the loss go wrong from a step on, and let a rate explode.

    Args:
        context: what the row is given.

    Returns:
        What came of it: `diverged` with the step, one attempt whatever may be retried, and no score in the analysis.
    """
    result = RowResult()
    recipes: dict[str, Any] = {"good": {"method": {"name": "tfidf", "min_df": 1}}}
    quick = {"max_skipped": 3}
    for fault in FAULTS if context.full else FAULTS[:2]:
        for after in (0.3, 0.6) if context.full else (0.3,):
            name = f"{fault}-{after}"
            recipes[name] = {"loss": {"name": "faulty", "fault": fault, "after": after}, "training": quick}
    recipes["rate"] = {
        "loss": "bce",
        "training": {**quick, "learning_rate": 1e30, "head_learning_rate": 1e30, "clip_norm": 0.0},
    }
    limits = {"retries": 3, "disk_reserve": "1MB"}
    study = materials().study(context.place("study"), True, {"recipes": recipes, "limits": limits})
    ended = study.go()
    result.expect(ended.exit == 4 and not ended.traceback, f"it ended with {ended.exit}: {ended.err[-500:]}", study.run)
    analysis = analyse(study.folder)
    shown = json.dumps(analysis.model_dump(mode="json"))
    for trial in study.ids:
        if "-good-" in trial:
            continue
        result.tried += 1
        state, attempts = state_of(study.folder, trial), study.folder.trial(trial).attempt_numbers()
        if state.state is not State.DIVERGED or "step" not in state.where:
            result.faults.append(f"{trial} is {state.state}: {state.reason}; {state.where} ({study.run})")
        result.expect(attempts == [1], f"{trial} was tried {len(attempts)} times", study.run)
        result.expect(not study.folder.trial(trial).result.exists(), f"{trial} has a result", study.run)
    result.expect('"nan"' not in _scores(analysis), "a score that is no number is in the analysis", study.run)
    result.expect(bool(shown), "no analysis")
    return result


def _scores(analysis: Any) -> str:
    """Scores of the recipes, as the report has them."""
    return json.dumps([task.model_dump(mode="json").get("recipes") for task in analysis.tasks])


def stop_after_each_step(context: Context) -> RowResult:
    """Stop a training after each of its steps, and in each pass of its evaluations; go on from the checkpoint.

    Args:
        context: what the row is given.

    Returns:
        What came of it: result, outputs and weights have the bytes of the undisturbed training.
    """
    result = RowResult()
    methods = METHODS if context.full else METHODS[:1]
    changes = {
        "keep": "all",
        "limits": {"disk_reserve": "1MB", "trial": None},
        "recipes": {f"bce-{method}": recipe("bce", method, context.pick(1, 2)) for method in methods},
    }
    study = materials().study(context.place("study"), True, changes)
    study.go()
    for method in methods:
        (trial,) = (one for one in study.ids if f"-{method}-" in one)
        place = context.place(f"stops-{method}")
        words = python("soak.stepping", study.folder.trial(trial).root, place, context.pick(3, 0))
        ended = Command(words, context.folder, {**worker_variables(), "BAKEOFF_HOME": str(study.home)}).wait(1800)
        if not result.expect(ended.exit == 0, f"the harness itself ended with {ended.exit}: {ended.err[-1500:]}"):
            return result
        found = json.loads(ended.out.splitlines()[-1])
        result.tried += len(found["stops"])
        result.blame(f"{method}, {stop}: {fault} ({place})" for stop, fault in found["stops"].items() if fault)
        result.notes.append(f"{method}: a training of {found['steps']} steps; evaluations are those of probes too")
    return result


def several_workers(context: Context) -> RowResult:
    """Run the same trials one at a time, two at a time, and in another order.

    Args:
        context: what the row is given.

    Returns:
        What came of it: each trial has the same result however it was run.
    """
    result = RowResult()
    result.notes.append("Ray is not tried: no such executor stands yet")
    if not context.full:
        return _stub_workers(context, result)
    draws, expected = context.draws(), dict[str, str]()
    for number, workers in enumerate(("1", "2", "2", "2")):
        changes: dict[str, Any] = {}
        if number > 1:
            body = materials().study(context.place("body"), False).file.read_text()
            study_body = yaml.safe_load(body)
            names, seeds = list(study_body["recipes"]), list(study_body["seeds"])
            draws.shuffle(names)
            draws.shuffle(seeds)
            changes = {"recipes": {name: study_body["recipes"][name] for name in names}, "seeds": seeds}
        study = materials().study(context.place(number), False, changes)
        ended = study.go("--workers", workers)
        result.tried += 12
        result.blame(faults_of(study.folder, 12), f"{workers} workers, case {number}")
        result.expect(ended.exit == 0, f"it ended with {ended.exit}: {ended.err[-300:]}", study.run)
        found = result_hashes(study.folder)
        expected = expected or found
        result.expect(found == expected, f"{workers} workers, case {number}: other results", study.run)
    return result


def _stub_workers(context: Context, result: RowResult) -> RowResult:
    expected = dict[str, str]()
    for workers in (1, 2):
        names = ("a", "b") if workers == 1 else ("b", "a")
        study = StubStudy(
            context.place(workers) / "run", {name: {"steps": 20, "step_seconds": 0.01} for name in names}, 2, workers
        )
        study.go()
        result.tried += 4
        result.blame(faults_of(study.folder, 4), f"{workers} workers")
        expected = expected or result_hashes(study.folder)
        result.expect(result_hashes(study.folder) == expected, f"{workers} workers: other results", study.run)
    return result
