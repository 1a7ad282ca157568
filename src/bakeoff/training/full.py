"""The method `full`: every weight of the pretrained model and a new head are trained."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bakeoff.catalog import registry
from bakeoff.data.treatments.draws import Draws, rounded
from bakeoff.errors import ModelError
from bakeoff.losses.base import Loss, LossFacts, make_loss
from bakeoff.losses.known import KnownOnly
from bakeoff.records.files import sha256_file
from bakeoff.records.kept import write_kept
from bakeoff.records.results import Outputs
from bakeoff.records.specs import Component, RecipeSpec, TrainingSpec
from bakeoff.training.adapting import adapt, frozen_hash
from bakeoff.training.anatomy import EXAMINED_ROWS, examine
from bakeoff.training.arithmetic import make_accelerator
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import USUAL_TOKENS, make_batch
from bakeoff.training.best import Best
from bakeoff.training.checks import settle_packing
from bakeoff.training.classifier import Classifier
from bakeoff.training.course import Course
from bakeoff.training.evaluation import outputs_of, shared_outputs
from bakeoff.training.health import Diverged, Probe
from bakeoff.training.layers import with_layers
from bakeoff.training.loop import Trainer, TrainingData
from bakeoff.training.material import Material, Questions, open_material
from bakeoff.training.rungs import Pruned, ask
from bakeoff.training.spans import SpanFinder, span_loss
from bakeoff.training.treating import drawn_labels, treatment_of
from bakeoff.training.work import Work

CHECKED_ROWS = 16
PROBED_ROWS = 64


def load_loss(component: Component, targets: NDArray[np.float32], draws: Draws | None = None) -> Loss:
    """The loss of a recipe.

    Args:
        component: its name and settings.
        targets: of the training examples, [N, L], negative where nobody decided; some losses weigh by their counts.
        draws: how often an epoch draws each example; None means once.

    Returns:
        (logits [B, L], targets [B, L], progress) to values [B, L], on the CPU.
    """
    # what is drawn more often weighs less: weights balance what the model sees, not what lies in the file
    times = np.ones(len(targets)) if draws is None else draws.expected()
    positives, decided = ([rounded(count) for count in (times @ flags).tolist()] for flags in (targets > 0, targets >= 0))
    examples = len(targets) if draws is None else draws.size
    if (targets >= 0).all():
        return make_loss(component.name, component.settings, LossFacts(positives, examples))
    return KnownOnly(make_loss(component.name, component.settings, LossFacts(positives, examples, decided)))


def trial_loss(work: Work, data: TrainingData) -> Loss:
    """The loss of a trial: over labels, or over the tokens that an answer may begin or end at.

    Args:
        work: the trial.
        data: its training rows.

    Returns:
        The loss on the CPU.
    """
    component = work.trial.recipe.loss
    assert component is not None
    return span_loss(component) if work.trial.task.finds_spans else load_loss(component, data.targets, data.draws)


def build_model(recipe: RecipeSpec, folder: Path, outputs: int, seed: int, points: bool = False) -> Classifier:
    """The classifier of a recipe, before its first step.

    Args:
        recipe: model, pooling, dropout, checkpointing.
        folder: the pretrained model.
        outputs: logits a row.
        seed: governs the head's start.
        points: whether it points at tokens in place of giving logits a row.

    Returns:
        The classifier on the CPU.
    """
    assert recipe.training is not None
    assert recipe.pooling is not None
    # what points at tokens pools nothing, and a pooler would be trained by nothing
    backbone = Backbone(folder, "first" if points else recipe.pooling, dropout=recipe.training.dropout)
    adapt(backbone, recipe.method, seed)
    if recipe.training.gradient_checkpointing:
        backbone.checkpoint_activations()
    if points:
        return SpanFinder(backbone, seed)
    return Classifier(backbone, outputs, seed, recipe.training.dropout)


def check_fit(model: Classifier, work: Work) -> None:
    """A model that cannot hold the task's texts is an error before training.

    Args:
        model: the classifier.
        work: the trial.

    Raises:
        ModelError: if its context is too short.
    """
    context = model.backbone.context
    if context and work.trial.task.max_length > context:
        raise ModelError(
            f"max_length {work.trial.task.max_length} is more than the model's context of {context}",
            work.trial.id,
            f"set max_length to {context} or less",
        )


@dataclass(frozen=True)
class Lesson:
    """What else than labels is learned from.

    Attributes:
        teach: makes of the examples and the loss on their labels the examples and the loss that are trained with.
        hides_labels: whether examples are added of which no label is known.
    """

    teach: Callable[[Material, TrainingData, Loss], tuple[TrainingData, Loss]]
    hides_labels: bool = False


def assemble(work: Work, lesson: Lesson | None = None) -> tuple[Trainer, str]:
    """All that a trial trains with, before its first step.

    Args:
        work: the trial.
        lesson: what else than labels is learned from; None for nothing.

    Returns:
        The training, and a note if the model runs padded although its family allows packing.

    Raises:
        ModelError: if the model cannot hold the task's texts, or its family overflows in the precision.
    """
    recipe, spec = work.trial.recipe, _training(work)
    assert work.model is not None
    assert recipe.model is not None
    accelerator = make_accelerator(spec, recipe.model.family)
    material = open_material(work)
    points = isinstance(material, Questions)
    model = build_model(recipe, work.model, work.task.outputs, work.trial.seed, points)
    check_fit(model, work)
    spec = fit_memory(work, spec, model)
    data = TrainingData(material.store, material.rows("train"), material.targets(), treatment_of(work))
    note = settle_packing(model, make_batch(data.store, "train", data.rows[:CHECKED_ROWS]))
    if note:
        work.progress.say("note", text=note)
    model.to(accelerator.device)
    loss = trial_loss(work, data)
    if lesson is not None:
        known = KnownOnly(loss) if lesson.hides_labels and not isinstance(loss, KnownOnly) else loss
        data, loss = lesson.teach(material, data, known)
    loss.to(accelerator.device)
    trainer = Trainer(model, spec, data, loss, work.trial.seed, accelerator.autocast, work.progress)
    trainer.share(work.ranks)
    return trainer, note


def fit_memory(work: Work, spec: TrainingSpec, model: Classifier) -> TrainingSpec:
    """Smaller forward passes where memory asks for them; the effective batch stays what it is.

    Args:
        work: the trial; a deviation is added to it.
        spec: its hyperparameters.
        model: the classifier.

    Returns:
        The hyperparameters to train with.
    """
    size = work.micro_batch_size
    if size is None or size >= spec.micro_batch_size:
        return spec
    draws = "; other dropout draws" if has_dropout(model) else ""
    work.deviations.append(f"micro-batch {size} in place of {spec.micro_batch_size}: memory{draws}")
    return spec.model_copy(update={"micro_batch_size": size})


def has_dropout(model: nn.Module) -> bool:
    """Whether anything is dropped in training.

    Args:
        model: any module.

    Returns:
        Whether a module drops with a probability above 0.
    """
    probabilities = (getattr(module, name, 0.0) for module in model.modules() for name in ("p", "attention_dropout"))
    return any(isinstance(probability, float) and probability > 0 for probability in probabilities)


def run(work: Work) -> None:
    """Train, choose the best checkpoint on validation, and hand in outputs on validation and test.

    Args:
        work: the trial.
    """
    carry_out(work, *assemble(work))


def carry_out(work: Work, trainer: Trainer, note: str, more: Mapping[str, Any] | None = None) -> None:
    """Do all that follows once a training is put together.

    Args:
        work: the trial.
        trainer: the training before its first step.
        note: why the model runs padded although its family allows packing; else empty.
        more: further facts of training, deterministic.
    """
    frozen = frozen_hash(trainer.model.backbone)
    model, data, spec, loss = trainer.model, trainer.data, trainer.spec, trainer.loss
    material = open_material(work, data.store)
    work.progress.say("begin", steps=trainer.total_steps, examples=trainer.treatment.draws.size * spec.epochs)
    trainer.probe = None if isinstance(material, Questions) else make_probe(work, trainer)
    best = Best(work.leader.checkpoints / "best.safetensors", spec.early_stopping, work.ranks.leads)
    course = Course(work, trainer, best)
    course.take_up()
    with work.in_phase("training"):
        course.train(partial(_validate, material, trainer, best, course.history))
    if best.step == 0:
        raise Diverged(trainer.done - 1, [], trainer.health.norms[-10:], "no validation gave finite outputs")
    course.finish()
    work.ranks.wait()  # for the first one, which writes the weights that all read now
    best.restore(trainer)
    facts = {
        "steps": trainer.done,
        "planned_steps": trainer.total_steps,
        "stopped_early": trainer.done < trainer.total_steps,
        "examples": trainer.examples,
        "tokens": trainer.tokens,
        "health": {
            **trainer.health.facts(),
            "update_ratio": trainer.updates.history,
            **(trainer.probe.suspicions if trainer.probe else {}),
        },
        "best_step": best.step,
        "history": course.history,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "weights_sha256": sha256_file(best.path),
        **_base_facts(frozen, frozen_hash(model.backbone)),
        "loss_weights": loss.learned(),
        **drawn_labels(work, data.treatment, math.ceil(trainer.done / trainer.steps_per_epoch)),
        "packed": model.backbone.packed,
        "note": note,
        **model.backbone.facts(),
        **(more or {}),
    }
    with course.kept_where_interrupted():
        outputs = {split: _examples(material, trainer, split) for split in ("validation", "test")}
    if not work.ranks.leads:
        return
    if work.trial.recipe.method.name == "lora":
        batch = make_batch(data.store, "validation", material.rows("validation")[:EXAMINED_ROWS])
        facts["anatomy"] = examine(model.backbone, batch, work.trial.recipe.method.settings)
        _base_facts(frozen, frozen_hash(model.backbone))  # nothing that was merged is left in it
    if work.keep_model:
        keep_model(work, best.path)
    work.hand_in(outputs["validation"], outputs["test"], best.scores, facts)
    best.discard()


def _base_facts(before: str, after: str) -> dict[str, Any]:
    """That what was frozen stayed bitwise what it was."""
    if before != after:
        raise ModelError("frozen weights changed during training", "base", "please report this as a bug")
    return {"base_sha256": before, "base_sha256_after": after} if before else {}


def make_probe(work: Work, trainer: Trainer) -> Probe:
    """Sixty-four training rows, spread over the data, that are looked at ten times an epoch.

    Args:
        work: the trial.
        trainer: the training under way.

    Returns:
        The probe.
    """
    data, spec = trainer.data, trainer.spec
    chosen = np.unique(np.linspace(0, len(data.rows) - 1, PROBED_ROWS).astype(np.int64))
    targets = torch.from_numpy(data.targets[chosen]).to(trainer.device)

    def outputs() -> NDArray[np.float32]:
        return _outputs(work, trainer, "train", data.rows[chosen])

    def loss(logits: NDArray[np.float32]) -> float:
        with torch.no_grad():
            return float(trainer.loss(torch.from_numpy(logits).to(trainer.device), targets, 0.0).mean())

    return Probe(outputs, loss, begin=math.ceil(spec.warmup * trainer.total_steps), limit=work.dead_probes)


def _outputs(work: Work, trainer: Trainer, split: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    def compute(some: NDArray[np.int64]) -> NDArray[np.float32]:
        return outputs_of(trainer.model, trainer.autocast, trainer.data.store, split, some, work.progress, budget)

    budget = work.evaluation_tokens or USUAL_TOKENS
    with work.in_phase("evaluation"):
        return shared_outputs(work.ranks, compute, rows)


def _examples(material: Material, trainer: Trainer, split: str) -> Outputs:
    return material.outputs(split, _outputs(material.work, trainer, split, material.rows(split)))


def _training(work: Work) -> TrainingSpec:
    assert work.trial.recipe.training is not None
    return work.trial.recipe.training


def _validate(material: Material, trainer: Trainer, best: Best, history: list[dict[str, Any]], step: int, loss: float) -> bool:
    """Score the validation rows; the return value says whether training ends here."""
    work, outputs = material.work, _examples(material, trainer, "validation")
    scores = material.score(outputs)
    metric = work.trial.task.metric
    higher = registry.metric(metric.partition("@")[0]).higher_is_better
    epoch = step / trainer.steps_per_epoch
    rung, asks = trainer.rung_of(step), work.asks and step < trainer.total_steps
    work.progress.say(
        "validation",
        step=step,
        epoch=epoch,
        scores={metric: scores[metric]},
        loss=loss,
        rung=rung,
        rungs=trainer.rungs,
        asks=asks,
    )
    # the first process alone reads the answer, so that all end alike
    reason = ask(work.leader, work.progress, rung) if asks and work.ranks.leads else ""
    pruned = asks and work.ranks.agree(bool(reason))
    ended = bool(np.isfinite(outputs.outputs).all()) and best.consider(trainer, step, scores, metric, higher)
    # last: what was interrupted before is done again
    history.append({"step": step, "epoch": epoch, "loss": loss, "validation": scores})
    if pruned:
        raise Pruned(reason)
    return ended


def keep_model(work: Work, weights: Path) -> None:
    """Keep trained weights with the files that are needed to load them.

    Args:
        work: the trial.
        weights: the file with the weights.
    """
    assert work.model is not None
    target = work.attempt.product / "model"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, target / "classifier.safetensors")
    for path in sorted(work.model.iterdir()):
        if path.is_file() and path.suffix in (".json", ".txt", ".model") and path.name != "model.safetensors.index.json":
            shutil.copyfile(path, target / path.name)
    if layers := work.trial.recipe.method.settings.get("layers"):
        configuration = target / "config.json"
        configuration.write_text(with_layers(configuration.read_text(encoding="utf-8"), layers), encoding="utf-8")
    write_kept(target)
