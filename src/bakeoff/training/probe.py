"""The method `linear-probe`: a head is trained on features that a frozen model left, by the loop that trains everything."""

from __future__ import annotations

from bakeoff.training.arithmetic import make_accelerator
from bakeoff.training.classifier import Classifier
from bakeoff.training.extracting import features_of
from bakeoff.training.features import FeatureTable
from bakeoff.training.full import carry_out, fit_memory, trial_loss
from bakeoff.training.loop import Trainer, TrainingData
from bakeoff.training.material import open_material
from bakeoff.training.spans import SpanFinder
from bakeoff.training.treating import treatment_of
from bakeoff.training.work import Work


def assemble(work: Work) -> tuple[Trainer, str]:
    """All that a trial trains with, before its first step.

    Args:
        work: the trial.

    Returns:
        The training, and a note if the model ran padded although its family allows packing.
    """
    recipe = work.trial.recipe
    assert recipe.training is not None
    assert recipe.model is not None
    accelerator = make_accelerator(recipe.training, recipe.model.family)
    features = features_of(work)
    body, seed = FeatureTable(features), work.trial.seed
    points = work.trial.task.finds_spans
    model = SpanFinder(body, seed) if points else Classifier(body, work.task.outputs, seed, recipe.training.dropout)
    spec = fit_memory(work, recipe.training, model)
    # the tokens order the rows of a step as they do for every method; nothing else looks at them
    material = open_material(work)
    data = TrainingData(material.store, material.rows("train"), material.targets(), treatment_of(work))
    model.to(accelerator.device)
    loss = trial_loss(work, data).to(accelerator.device)
    trainer = Trainer(model, spec, data, loss, work.trial.seed, accelerator.autocast, work.progress)
    trainer.share(work.ranks)
    return trainer, features.card["note"]


def run(work: Work) -> None:
    """Train the head, choose the best checkpoint on validation, and hand in outputs on validation and test.

    Args:
        work: the trial.
    """
    carry_out(work, *assemble(work))
