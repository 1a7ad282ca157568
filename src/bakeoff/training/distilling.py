"""The method `distill`: a student with fewer layers learns what a trained teacher says of each text, and the labels.

With teacher logits z and student logits s, temperature T and weight w, the value of a decision is

    w · T² · D(z / T, s / T) + (1 − w) · the recipe's own loss,

where D is the binary cross-entropy with the teacher's probability, or, where labels exclude one another, the label's part of
the cross-entropy with the teacher's distribution. T² keeps gradients of one size at every T (Hinton et al., 2015, section 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from bakeoff.catalog.methods import DistillSettings
from bakeoff.errors import ModelError
from bakeoff.losses.base import Loss, widen
from bakeoff.losses.known import UNKNOWN
from bakeoff.records.seeds import derive
from bakeoff.training.adapting import load_trained
from bakeoff.training.arithmetic import make_accelerator
from bakeoff.training.baselines import excludes
from bakeoff.training.batches import USUAL_TOKENS
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.full import Lesson, assemble, build_model, carry_out
from bakeoff.training.loop import TrainingData
from bakeoff.training.material import Material
from bakeoff.training.parents import Parent, parents
from bakeoff.training.work import Work


@dataclass(frozen=True)
class TaughtData(TrainingData):
    """Training examples with what a teacher says of them.

    Attributes:
        targets: of the labels, negative where nobody decided, and beside them the teacher's logits, [N, 2 · L] float32.
    """

    def decisions(self, places: NDArray[np.int64], by_row: bool = False) -> int:  # noqa: ARG002
        """How many values of the loss a step is the mean of: the teacher decides on every label.

        Args:
            places: the step's examples, places in `rows`, [B].
            by_row: see `TrainingData.decisions`.

        Returns:
            B · L.
        """
        return len(places) * (int(self.targets.shape[1]) // 2)


class TaughtLoss(Loss):
    """A loss on labels together with the distance from a teacher.

    Args:
        loss: the recipe's own, 0 where nobody decided.
        settings: temperature and weight.
        exclusive: whether labels exclude one another.
    """

    def __init__(self, loss: Loss, settings: DistillSettings, exclusive: bool) -> None:
        super().__init__()
        self.loss, self.exclusive = loss, exclusive
        self.temperature, self.weight = settings.temperature, settings.weight

    def learned(self) -> dict[str, float]:
        """See `Loss.learned`.

        Returns:
            What the recipe's own loss has learned.
        """
        return self.loss.learned()

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        """See `Loss.forward`.

        Args:
            logits: [B, L].
            targets: labels and the teacher's logits, [B, 2 · L].
            progress: share of the training that is done.

        Returns:
            [B, L].
        """
        labels, teacher = targets.chunk(2, dim=1)
        own, said = widen(logits) / self.temperature, teacher.to(widen(logits).dtype) / self.temperature
        if self.exclusive:
            apart = -functional.softmax(said, dim=1) * functional.log_softmax(own, dim=1)
        else:
            apart = functional.binary_cross_entropy_with_logits(own, torch.sigmoid(said), reduction="none")
        return self.weight * self.temperature**2 * apart + (1 - self.weight) * self.loss(logits, labels, progress)


def run(work: Work) -> None:
    """Ask the teacher, train the student, and hand in its outputs.

    Args:
        work: the trial.
    """
    (teacher,) = parents(work)
    settings = DistillSettings.model_validate(work.trial.recipe.method.settings)
    extra = unlabelled_rows(work, settings.unlabelled)

    def teach(material: Material, data: TrainingData, loss: Loss) -> tuple[TrainingData, Loss]:
        if extra.size and data.treatment is not None:
            problem = "what is drawn or changed are labelled examples, and others are to be learned from"
            raise ModelError(problem, "method.unlabelled", "no treatment, or unlabelled: 0")
        rows = np.concatenate([data.rows, material.store.rows_of("train", extra)])
        labels = np.full((len(rows), data.targets.shape[1]), UNKNOWN, dtype=np.float32)
        labels[: len(data.rows)] = data.targets
        order = np.argsort(rows, kind="stable")
        said = teacher_logits(work, teacher, material, rows[order])
        taught = TaughtData(data.store, rows[order], np.hstack([labels[order], said]), data.treatment)
        return taught, TaughtLoss(loss, settings, excludes(work))

    lesson = Lesson(teach, hides_labels=bool(extra.size))
    facts: dict[str, Any] = {"unlabelled_examples": len(extra), "made_from": {teacher.id: teacher.result}}
    carry_out(work, *assemble(work, lesson), facts)


def unlabelled_rows(work: Work, count: int) -> NDArray[np.int64]:
    """Training examples that the study's limit leaves out; of these only the texts are used.

    Args:
        work: the trial.
        count: how many are wanted.

    Returns:
        Row numbers, ascending.

    Raises:
        ModelError: if there are not so many.
    """
    left = np.setdiff1d(np.arange(work.dataset.size("train")), work.rows("train"))
    if len(left) < count:
        problem = f"train has {len(left)} examples beyond the limit, and {count} unlabelled ones are asked for"
        raise ModelError(problem, "method.unlabelled", f"at most {len(left)}, or a smaller train_limit")
    chance = np.random.default_rng(derive(work.trial.task.data_seed, "unlabelled"))
    return np.sort(chance.choice(left, count, replace=False)) if count else np.zeros(0, dtype=np.int64)


def teacher_logits(work: Work, teacher: Parent, material: Material, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the teacher says of training rows.

    Args:
        work: the student's trial.
        teacher: the teacher's.
        material: the rows that both read: they began with the same model, and so have the same tokens.
        rows: row numbers, ascending, [N].

    Returns:
        Logits, [N, L].

    Raises:
        ModelError: if one is not finite.
    """
    recipe = teacher.trial.recipe
    assert work.model is not None
    assert recipe.training is not None
    assert recipe.model is not None
    work.progress.say("note", text=f"the teacher {teacher.id} is asked about {len(rows)} examples")
    accelerator = make_accelerator(recipe.training, recipe.model.family)
    model = build_model(recipe, work.model, work.task.outputs, teacher.trial.seed)
    load_trained(model, load_file(teacher.weights))
    model.to(accelerator.device)
    budget = work.evaluation_tokens or USUAL_TOKENS
    said = outputs_of(model.eval(), accelerator.autocast, material.store, "train", rows, work.progress, budget)
    if not np.isfinite(said).all():
        raise ModelError(f"the teacher {teacher.id} gives outputs that are not finite", work.trial.id, "another teacher")
    return said
