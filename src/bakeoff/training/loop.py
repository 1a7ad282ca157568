"""The one training loop. Recipes differ as data, never in code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.losses.base import Loss
from bakeoff.records.specs import TrainingSpec
from bakeoff.tasks.tokens import TokenStore
from bakeoff.training.arithmetic import seed_draws
from bakeoff.training.batches import Batch, micro_batches
from bakeoff.training.classifier import Classifier
from bakeoff.training.optimizer import Optimizer
from bakeoff.training.order import batch_of, epoch_order
from bakeoff.training.progress import Progress

READ_EVERY = 20
"""Steps between two readings of norms and losses from the device."""


class Diverged(Exception):
    """Too many non-finite steps in a row, or nothing finite to choose a checkpoint by.

    Args:
        step: the first of them, from 0.
        rows: row numbers of that step's examples.
        healthy_norms: the last finite gradient norms before it.
        reason: what was not finite; None means loss or gradient from the step on.
    """

    def __init__(self, step: int, rows: list[int], healthy_norms: list[float], reason: str | None = None) -> None:
        self.step = step
        self.rows = rows
        self.healthy_norms = healthy_norms
        super().__init__(reason or f"loss or gradient not finite from step {step + 1} on")


@dataclass(frozen=True)
class TrainingData:
    """The training examples of a trial.

    Attributes:
        store: the token store.
        rows: row numbers in the train split, [N].
        targets: of those rows, [N, L] float32.
    """

    store: TokenStore
    rows: NDArray[np.int64]
    targets: NDArray[np.float32]


@dataclass
class Health:
    """Norms and skips, read from the device every few steps.

    Attributes:
        limit: non-finite steps in a row that are one too many.
        skipped: non-finite steps so far.
        in_a_row: of which at the end.
        norms: the last finite norms.
    """

    limit: int
    skipped: int = 0
    in_a_row: int = 0
    norms: list[float] = field(default_factory=list)
    _pending: list[tuple[int, NDArray[np.int64], Tensor]] = field(default_factory=list)
    _first_bad: tuple[int, list[int]] = (0, [])

    def note(self, step: int, rows: NDArray[np.int64], norm: Tensor) -> None:
        """Keep a step's norm on the device.

        Args:
            step: from 0.
            rows: the step's example numbers.
            norm: [].
        """
        self._pending.append((step, rows, norm))

    def read(self, progress: Progress) -> None:
        """Read what was kept.

        Args:
            progress: told of skipped steps.

        Raises:
            Diverged: if too many in a row were not finite.
        """
        if not self._pending:
            return
        values = torch.stack([norm for _, _, norm in self._pending]).tolist()
        for (step, rows, _), norm in zip(self._pending, values, strict=True):
            if math.isfinite(norm):
                self.in_a_row = 0
                self.norms = [*self.norms[-9:], norm]
                continue
            if self.in_a_row == 0:
                self._first_bad = (step, rows.tolist())
            self.skipped += 1
            self.in_a_row += 1
            progress.say("skipped", step=step + 1)
            if self.in_a_row >= self.limit:
                raise Diverged(*self._first_bad, self.norms)
        self._pending = []


class Trainer:
    """A training under way.

    Args:
        model: the classifier, on its device.
        spec: hyperparameters.
        data: the training examples.
        loss: (logits [B, L], targets [B, L], progress) to values [B, L], on the same device.
        seed: the trial's seed.
        autocast: gives the precision's context.
        progress: the child's log.

    Attributes:
        steps_per_epoch: optimizer steps in an epoch.
        total_steps: in the whole training.
        examples: seen so far.
        tokens: seen so far.
    """

    def __init__(
        self,
        model: Classifier,
        spec: TrainingSpec,
        data: TrainingData,
        loss: Loss,
        seed: int,
        autocast: Callable[[], Any],
        progress: Progress,
    ) -> None:
        self.model, self.spec, self.data, self.loss = model, spec, data, loss
        self.seed, self.autocast, self.progress = seed, autocast, progress
        self.steps_per_epoch = math.ceil(len(data.rows) / spec.batch_size)
        self.total_steps = self.steps_per_epoch * spec.epochs
        self.optimizer = Optimizer(model, loss, spec, self.total_steps, scaled=spec.precision == "fp16")
        self.health = Health(spec.max_skipped)
        self.examples = self.tokens = 0
        self.device = model.head.weight.device
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self._loss_steps = 0
        # example number of each row of the split, to find a batch's targets
        self._place = np.zeros(int(data.rows.max()) + 1, dtype=np.int64)
        self._place[data.rows] = np.arange(len(data.rows))

    def _forward_backward(self, batch: Batch, whole: int, done: float) -> Tensor:
        """One micro-batch; its loss is a share of the mean over the whole step's examples and labels."""
        targets = torch.from_numpy(self.data.targets[self._place[batch.rows]]).to(self.device)
        with self.autocast():
            logits = self.model(batch)
        value = self.loss(logits, targets, done).sum() / (whole * targets.shape[1])
        torch.autograd.backward(value * self.optimizer.loss_scale)
        self.tokens += len(batch.tokens)
        return value.detach()

    def step(self, step: int, rows: NDArray[np.int64]) -> None:
        """One optimizer step over a whole effective batch.

        Args:
            step: from 0.
            rows: row numbers of the step's examples, [B].
        """
        self.optimizer.clear()
        value = torch.zeros((), device=self.device)
        done = step / max(1, self.total_steps - 1)  # 0 at the first step, 1 at the last
        parts = micro_batches(self.data.store, "train", rows, self.spec.micro_batch_size)
        for part, batch in enumerate(parts):
            seed_draws(self.seed, step, part)
            value = value + self._forward_backward(batch, len(rows), done)
        norm = self.optimizer.step(step)
        self.health.note(step, rows, norm)
        self._loss_sum += value.to(torch.float64)
        self._loss_steps += 1
        self.examples += len(rows)
        if (step + 1) % READ_EVERY == 0 or self.progress.due:
            self._report(step, value, norm)

    def _report(self, step: int, value: Tensor, norm: Tensor) -> None:
        if (step + 1) % READ_EVERY == 0:
            self.health.read(self.progress)
        if self.progress.due:
            rate = self.optimizer.adamw.param_groups[0]["lr"]
            facts = {"loss": value.item(), "norm": norm.item(), "rate": rate, "examples": self.examples}
            self.progress.say("step", step=step + 1, **facts)

    def mean_loss(self) -> float:
        """Mean training loss since the last call.

        Returns:
            The mean over steps; nan if there was none.
        """
        mean = float(self._loss_sum.item()) / self._loss_steps if self._loss_steps else math.nan
        self._loss_sum.zero_()
        self._loss_steps = 0
        return mean

    def evaluation_steps(self) -> set[int]:
        """After how many steps validation takes place.

        Returns:
            Step counts, evenly spread; the end of each epoch is one.
        """
        per_epoch = min(self.spec.evaluations_per_epoch, self.steps_per_epoch)
        shares = [math.ceil(self.steps_per_epoch * (k + 1) / per_epoch) for k in range(per_epoch)]
        return {epoch * self.steps_per_epoch + share for epoch in range(self.spec.epochs) for share in shares}

    def run(self, validate: Callable[[int, float], bool]) -> int:
        """Train.

        Args:
            validate: called with the number of steps done and the mean training loss; True ends the training early.

        Returns:
            The number of steps made.

        Raises:
            Diverged: see `Health.read`.
            Preempted: if a stop was asked.
        """
        stops = self.evaluation_steps()
        self.model.train()
        done = 0
        for epoch in range(self.spec.epochs):
            order = self.data.rows[epoch_order(self.seed, epoch, len(self.data.rows))]
            for position in range(self.steps_per_epoch):
                self.progress.check()
                self.step(done, batch_of(order, position, self.spec.batch_size))
                done += 1
                if done in stops:
                    self.health.read(self.progress)
                    if validate(done, self.mean_loss()):
                        return done
        return done
