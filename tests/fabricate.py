"""Fabricate a run folder through `bakeoff.records`, as a runner would leave it, without training anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bakeoff.catalog.datasets import GOEMOTIONS_LABELS
from bakeoff.records.files import append_line
from bakeoff.records.paths import RunFolder, TrialFolder
from bakeoff.records.results import Circumstances, Outputs, Result, State, TrialState, file_entry
from bakeoff.records.specs import Component, ModelSpec, Plan, RecipeSpec, TaskSpec, TrainingSpec, TrialSpec

SEEDS = (42, 1337, 2024)
STEPS = 300


@dataclass
class Fabrication:
    """What to fabricate.

    Attributes:
        recipes: strength of the signal by recipe name; `tfidf` uses no model.
        seeds: the seeds.
        ends: how a trial stands, by (recipe, seed); complete where not said.
        metric: the task's metric.
        baseline: the declared baseline.
        examples: rows of validation and of test.
        labels: label names; None means that results do not tell.
        task: the task's name.
        dataset: the dataset's name.
        study: the study's name.
        claims: claims of the study.
        reason: why failed trials failed.
        clusters: how many clusters the examples of a split belong to; 0 where each stands alone.
        constant: trials that give every example the same answer, by (recipe, seed).
        same: recipes that give the same outputs at every seed, as `tfidf` does.
    """

    recipes: dict[str, float] = field(default_factory=lambda: {"bce": 2.6, "lr-high": 1.6, "tfidf": 2.1})
    seeds: tuple[int, ...] = SEEDS
    ends: dict[tuple[str, int], State] = field(default_factory=lambda: {("lr-high", 2024): State.FAILED})
    metric: str = "f1_macro"
    baseline: str = "bce"
    examples: int = 500
    labels: tuple[str, ...] | None = None
    width: int = 28
    task: str = "goemotions"
    dataset: str = "goemotions"
    study: str = "goemotions-rates"
    claims: tuple[str, ...] = ("bce beats tfidf by 5% in f1_macro on goemotions",)
    reason: str = "the loss was not finite 25 times in a row"
    clusters: int = 0
    constant: tuple[tuple[str, int], ...] = ()
    same: tuple[str, ...] = ()


def recipe_spec(name: str) -> RecipeSpec:
    """A recipe: `tfidf` without a model, any other a BCE fine-tuning whose rate depends on its name."""
    if name.startswith("tfidf"):
        settings = {"ngrams": 2, "min_df": 2, "max_features": 200_000, "c": 1.0, "class_weight": "balanced"}
        return RecipeSpec(name=name, method=Component(name="tfidf", version=1, settings=settings))
    rate = {"bce": 1e-4, "lr-high": 5e-4}.get(name, 2e-4)
    training = TrainingSpec(
        epochs=3,
        batch_size=32,
        micro_batch_size=32,
        learning_rate=rate,
        head_learning_rate=1e-3,
        schedule="cosine",
        warmup=0.1,
        weight_decay=0.01,
        clip_norm=1.0,
        precision="bf16",
        gradient_checkpointing=False,
        evaluations_per_epoch=1,
        threads=2,
        max_skipped=25,
    )
    model = ModelSpec(name="minilm-l6", fingerprint="53aa51172d14", family="bert")
    loss, method = Component(name="bce", version=1), Component(name="full", version=1)
    return RecipeSpec(name=name, method=method, model=model, loss=loss, pooling="mean", training=training)


def make_plan(wanted: Fabrication) -> Plan:
    """The plan, seed-major."""
    task = TaskSpec(
        name=wanted.task,
        dataset=wanted.dataset,
        fingerprint="ab" * 32,
        kind="multilabel",
        metric=wanted.metric,
        max_length=128,
        train_limit=4000,
    )
    trials = [TrialSpec(task=task, recipe=recipe_spec(name), seed=seed) for seed in wanted.seeds for name in wanted.recipes]
    return Plan(study=wanted.study, profile="quick", baseline=wanted.baseline, trials=trials)


def make_outputs(wanted: Fabrication, split: str, strength: float, noise: int) -> Outputs:
    """Long-tailed gold that depends on the split alone, and logits that know it with some strength."""
    fixed = np.random.default_rng(1 if split == "validation" else 2)
    shares = 0.3 / np.arange(1, wanted.width + 1)
    gold = (fixed.random((wanted.examples, wanted.width)) < shares).astype(np.uint8)
    random = np.random.default_rng(noise)
    logits = np.log(shares) + strength * gold + random.normal(size=gold.shape)
    clusters = np.arange(wanted.examples, dtype=np.int32) % wanted.clusters if wanted.clusters else None
    ids = [f"{split}-{index}" for index in range(wanted.examples)]
    return Outputs(ids, logits.astype(np.float32), gold, clusters=clusters)


def complete_trial(folder: TrialFolder, spec: TrialSpec, wanted: Fabrication, splits: dict[str, Outputs]) -> None:
    """Write outputs, log, result, circumstances and state of a trial that completed."""
    splits["validation"].write(folder.validation)
    splits["test"].write(folder.test)
    training: dict[str, Any] = {"steps": STEPS, "train_examples": 4000}
    if wanted.labels is not None:
        training["labels"] = list(wanted.labels)
    if spec.recipe.model is not None:
        write_log(folder, STEPS)
        training["history"] = [
            {
                "step": 100 * epoch,
                "epoch": float(epoch),
                "loss": 0.4 / epoch + spec.seed % 7 / 100,
                "validation": {wanted.metric: 0.3 + 0.05 * epoch + spec.seed % 7 / 100, "threshold": 0.3, "loss": 0.2 / epoch},
            }
            for epoch in (1, 2, 3)
        ]
    manifest = {path.name: file_entry(path) for path in (folder.validation, folder.test)}
    scores = {"f1_macro": 0.4}
    Result(trial=spec.id, definition=spec.definition_hash, validation=scores, training=training, manifest=manifest).write(
        folder.result
    )
    Circumstances(
        started="2026-01-01T00:00:00Z",
        ended="2026-01-01T00:02:03Z",
        seconds=123.4 + spec.seed % 10,
        attempts=1,
        executor="local",
        exit=0,
        environment={"python": "3.11.9", "cpu": {"name": "A CPU", "flags": ["avx2"]}, "packages": {"torch": "2.13.0"}},
        machine={"device": "cpu", "threads": 2},
        peak_bytes=900 << 20,
        deviations=["micro-batches of 16 in place of 32: other dropout draws"] if spec.seed == 1337 else [],
    ).write(folder.circumstances)
    TrialState(state=State.COMPLETE, attempt=1).write(folder.state)


def write_log(folder: TrialFolder, steps: int) -> None:
    """Write the log of a first attempt, up to a step."""
    log = folder.attempt(1).log
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"event": "begin", "steps": STEPS, "examples": 4000, "tokens": 99}]
    random = np.random.default_rng(steps)
    for step in range(1, steps + 1):
        loss = 0.15 + 0.5 * np.exp(-step / 60) + random.normal() * 0.01
        lines.append(
            {"event": "step", "step": step, "loss": loss, "norm": 1.0, "rate": 1e-4, "examples": 32 * step, "seconds": step}
        )
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))


def fabricate(root: Path, wanted: Fabrication | None = None) -> RunFolder:
    """Write a whole run folder.

    Args:
        root: the run folder.
        wanted: what to fabricate.

    Returns:
        Its paths.
    """
    wanted = wanted or Fabrication()
    run = RunFolder(root)
    plan = make_plan(wanted)
    plan.write(run.plan("final"))
    run.study.write_text(yaml.safe_dump({"bakeoff": 1, "name": wanted.study, "claims": list(wanted.claims)}))
    for spec in plan.trials:
        folder = run.trial(spec.id)
        state = wanted.ends.get((spec.recipe.name, spec.seed), State.COMPLETE)
        if state is State.COMPLETE:
            # TF-IDF does not depend on the seed
            still = spec.recipe.model is None or spec.recipe.name in wanted.same
            noise = 7 if still else spec.seed + len(spec.recipe.name)
            strength = wanted.recipes[spec.recipe.name]
            splits = {split: make_outputs(wanted, split, strength, noise) for split in ("validation", "test")}
            if (spec.recipe.name, spec.seed) in wanted.constant:
                splits = {split: replace(one, outputs=0 * one.outputs) for split, one in splits.items()}
            complete_trial(folder, spec, wanted, splits)
        elif state is not State.PENDING:
            write_log(folder, 120)
            failure = {"reason": wanted.reason, "where": "step 121", "remedy": "lower learning_rate"} if state.ended else {}
            lines = ["step 120", f"error: {wanted.reason}"] if state.ended else []
            TrialState(
                state=state, attempt=1, last_lines=lines, log=f"trials/{spec.id}/attempts/1/console.log", **failure
            ).write(folder.state)
    return run


def tear_log(folder: TrialFolder) -> None:
    """Tear a record in the middle of the first attempt's log."""
    folder.attempt(1).log.write_text('{"event":"step","step":1,"loss":0.5}\n{"event":"st\n')
    append_line(folder.attempt(1).log, {"event": "step", "step": 3, "loss": 0.4})


assert len(GOEMOTIONS_LABELS) == Fabrication.width
