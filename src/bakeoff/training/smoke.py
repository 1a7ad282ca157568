"""A smoke run: the real method on real rows for two steps, its model loaded again, and what a step costs here."""

from __future__ import annotations

import gc
import importlib
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from bakeoff.catalog import registry
from bakeoff.errors import ModelError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result, verify_manifest
from bakeoff.training.adapting import load_trained, trained_tensors
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.loop import Trainer
from bakeoff.training.material import open_material
from bakeoff.training.order import batch_of, epoch_order
from bakeoff.training.sanity import Fault, check_sanity
from bakeoff.training.work import Work

STEPS = 2
ROWS = 16
MEASURED_SECONDS, MEASURED_STEPS, WARM_STEPS = 8.0, 40, 2
EVALUATED_ROWS = 512
Assemble = Callable[[Work], tuple[Trainer, str]]


def run_smoke(work: Work, parts: list[str]) -> dict[str, Any]:
    """Try a recipe.

    Args:
        work: the trial, whole.
        parts: what to do, of `measure`, `steps` and `sanity`.

    Returns:
        `faults` by part, each with what, found, needed and remedy; and facts by part.
    """
    assemble = _assembler(work)
    facts: dict[str, Any] = {}
    faults: dict[str, list[Fault]] = {}
    # first, while the process holds nothing else: its peak is a trial's
    # what a step on cached features costs is nothing beside the job that makes them, which is no part of a trial
    cached = registry.method(work.trial.recipe.method.name).features
    if "measure" in parts and assemble is not None and not cached and work.ranks.leads and work.ranks.count == 1:
        facts["measure"] = measure(work, assemble)
    if "steps" in parts:
        facts["steps"], faults["steps"] = two_steps(work, assemble)
    if "sanity" in parts and assemble is not None and work.ranks.count == 1:
        # to run the model over all rows for the sake of ten would take as long as the job that will do so anyway
        trainer, _ = assemble(shortened(work) if cached else work)
        facts["sanity"], faults["sanity"] = check_sanity(trainer, work.trial.recipe.method)
    return {**facts, "faults": {part: [asdict(fault) for fault in found] for part, found in faults.items()}}


def _assembler(work: Work) -> Assemble | None:
    """What puts a method's training together, if the method is one that trains step by step."""
    card = registry.method(work.trial.recipe.method.name)
    module = importlib.import_module(card.path.partition(":")[0])
    return getattr(module, "assemble", None) if card.needs_model else None


def shortened(work: Work) -> Work:
    """The trial with so few rows that it makes two steps.

    Args:
        work: the trial.

    Returns:
        The same recipe on a few of its rows, its model kept, its attempt in a folder of its own.
    """
    training = work.trial.recipe.training
    recipe, rows = work.trial.recipe, 4 * ROWS
    if training is not None:
        settings = {"epochs": 1, "evaluations_per_epoch": 1, "early_stopping": None}
        recipe = recipe.model_copy(update={"training": training.model_copy(update=settings)})
        rows = STEPS * training.batch_size
    limits = {"train_limit": rows, "validation_limit": ROWS, "test_limit": ROWS}
    task = work.trial.task.model_copy(update=limits)
    trial = work.trial.model_copy(update={"recipe": recipe, "task": task})
    attempt = AttemptFolder(work.attempt.root / "two-steps")
    attempt.root.mkdir(exist_ok=True)
    return replace(work, trial=trial, attempt=attempt, keep_model=True, dead_probes=None)


def two_steps(work: Work, assemble: Assemble | None) -> tuple[dict[str, Any], list[Fault]]:
    """Run the method as a trial would, on so few rows that it makes two steps, and load its model again.

    Args:
        work: the trial.
        assemble: what puts the method's training together; None if it does not train step by step.

    Returns:
        Facts, and what is wrong.
    """
    short = shortened(work)
    registry.method(work.trial.recipe.method.name).load()(short)
    if not work.ranks.leads:
        return {}, []
    product = short.attempt.product
    result = Result.read(product / "result.json")
    faults = [
        Fault(
            f"a trial of this recipe leaves no whole result: {line}",
            line,
            "every file that its manifest names",
            "mend the method",
        )
        for line in verify_manifest(product, result.manifest)
    ]
    facts: dict[str, Any] = {
        "steps": result.training.get("steps", 0),
        "weights_sha256": result.training.get("weights_sha256", ""),
    }
    weights = product / "model" / "classifier.safetensors"
    if assemble is not None and work.ranks.count == 1:
        facts["difference"], found = reloaded(short, assemble, weights, Outputs.read(product / "validation.npz").outputs)
        faults += found
    return facts, faults


def reloaded(work: Work, assemble: Assemble, weights: Path, outputs: NDArray[np.float32]) -> tuple[float | None, list[Fault]]:
    """Build the model anew, with another start of its head, load what was saved, and compare logits.

    Args:
        work: the trial.
        assemble: what puts the method's training together.
        weights: the saved weights.
        outputs: logits of the validation rows before, [N, L].

    Returns:
        Largest difference of a logit, None if nothing could be loaded; and what is wrong.
    """
    remedy = "let the model save every tensor that it trains, the head's included"
    if not weights.is_file():
        return None, [
            Fault("the trained model is not saved", "no classifier.safetensors", "weights that can be loaded", remedy)
        ]
    trial = work.trial.model_copy(update={"seed": work.trial.seed + 1})
    trainer, _ = assemble(replace(work, trial=trial))
    saved = load_file(weights)
    own = trained_tensors(trainer.model)
    lost, strange = sorted(own.keys() - saved.keys()), sorted(saved.keys() - own.keys())
    faults = [
        Fault(f"{len(names)} tensors of the model {how}, such as {names[0]}", ", ".join(names[:5]), "the same tensors", remedy)
        for names, how in ((lost, "are lost when it is saved"), (strange, "are saved and have no place when it is loaded"))
        if names
    ]
    if faults:
        return None, faults
    try:
        load_trained(trainer.model, saved)
    except ModelError as error:
        return None, [Fault(f"the saved model cannot be loaded again: {error.what}", error.what, "every tensor", remedy)]
    material = open_material(work, trainer.data.store)
    rows = material.rows("validation")
    logits = outputs_of(trainer.model, trainer.autocast, material.store, "validation", rows, work.progress)
    again = material.outputs("validation", logits).outputs
    difference = float(np.abs(again - outputs).max()) if outputs.size else 0.0
    if not np.array_equal(again, outputs):
        fault = Fault(
            f"the model gives other logits after it was saved and loaded: they differ by up to {difference:.3g}",
            f"a difference of {difference:.3g}",
            "the same logits",
            remedy,
        )
        return difference, [fault]
    return difference, []


def measure(work: Work, assemble: Assemble) -> dict[str, Any]:
    """What a step, an evaluated token and a start cost, and how much memory a trial takes.

    Args:
        work: the trial, whole.
        assemble: what puts the method's training together.

    Returns:
        Seconds a token in training and in evaluation, seconds of a start and an end, peak bytes, tokens of the largest pass.
    """
    began = time.perf_counter()
    trainer, _ = assemble(work)
    assembled = time.perf_counter() - began
    store, rows = trainer.data.store, trainer.data.rows
    longest = rows[np.argsort(-store.lengths("train", rows), kind="stable")]
    trainer.model.train()
    trainer.step(0, longest[: trainer.spec.batch_size])
    train_seconds = _train_rate(work, trainer)
    evaluation_seconds = _evaluation_rate(work, trainer)
    began = time.perf_counter()
    path = work.attempt.root / "weights.safetensors"
    save_file(trained_tensors(trainer.model), path)
    load_trained(trainer.model, load_file(path))
    path.unlink()
    saved = time.perf_counter() - began
    largest = int(np.sort(store.lengths("train", rows))[-trainer.spec.micro_batch_size :].sum())
    facts = {
        "train_seconds": train_seconds,
        "evaluation_seconds": evaluation_seconds,
        "overhead_seconds": assembled + 2 * saved,
        "peak_bytes": peak_bytes(),
        "peak_tokens": largest,
        "device": str(torch.cuda.get_device_name()) if trainer.device.type == "cuda" else "cpu",
    }
    del trainer
    gc.collect()
    return facts


def _train_rate(work: Work, trainer: Trainer) -> float:
    """Seconds a token over ordinary steps; the first ones, in which kernels are still made, do not count."""
    order = trainer.data.rows[epoch_order(work.trial.seed, 0, len(trainer.data.rows))]
    began, tokens, seconds = time.perf_counter(), 0, 0.0
    steps = min(MEASURED_STEPS, max(trainer.steps_per_epoch, WARM_STEPS + 1))
    for step in range(steps):
        trainer.progress.check()
        rows = batch_of(order, step % trainer.steps_per_epoch, trainer.spec.batch_size)
        start = time.perf_counter()
        trainer.step(step + 1, rows)
        _settle(trainer)
        if step >= WARM_STEPS:
            seconds += time.perf_counter() - start
            tokens += int(trainer.data.store.lengths("train", rows).sum())
        if step > WARM_STEPS and time.perf_counter() - began > MEASURED_SECONDS:
            break
    return seconds / max(tokens, 1)


def _evaluation_rate(work: Work, trainer: Trainer) -> float:
    rows = open_material(work, trainer.data.store).rows("validation")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(EVALUATED_ROWS, len(rows))).astype(np.int64))]
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        outputs_of(trainer.model, trainer.autocast, trainer.data.store, "validation", rows, work.progress)
        _settle(trainer)
        seconds.append(time.perf_counter() - start)
    return min(seconds) / max(int(trainer.data.store.lengths("validation", rows).sum()), 1)


def _settle(trainer: Trainer) -> None:
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)


def peak_bytes() -> int:
    """Largest memory so far: of the GPU where there is one, else of this process.

    Returns:
        Bytes.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
