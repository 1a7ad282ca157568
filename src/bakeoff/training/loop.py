"""The one training loop. Recipes differ as data, never in code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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
from bakeoff.training.health import Health, Probe, UpdateRatio
from bakeoff.training.optimizer import Optimizer
from bakeoff.training.order import batch_of, epoch_order
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.ranks import ALONE, Ranks
from bakeoff.training.reduction import GradientSum

READ_EVERY = 20
"""Steps between two readings of norms and losses from the device."""
PROBES_PER_EPOCH = 10


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
        health: gradient norms and skipped steps.
        updates: how large the steps are beside the weights.
        probe: looks at outputs now and then; None looks at nothing.
        ranks: the processes that share the training.
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
        self.updates = UpdateRatio({"head": model.head.weight, "body": model.backbone.last_matrix})
        self.probe: Probe | None = None
        self.examples = self.tokens = 0
        self.device = model.head.weight.device
        self.share(ALONE)
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self._loss_steps = 0
        # example number of each row of the split, to find a batch's targets
        self._place = np.zeros(int(data.rows.max()) + 1, dtype=np.int64)
        self._place[data.rows] = np.arange(len(data.rows))

    def share(self, ranks: Ranks) -> None:
        """Train together with other processes, each of which computes a share of every step's micro-batches.

        Args:
            ranks: the processes.
        """
        self.ranks = ranks
        padding = self.model.backbone.model.config.pad_token_id or 0
        self._gradients = GradientSum(ranks, self.optimizer.parameters, self.optimizer.table, padding)

    def _forward_backward(self, batch: Batch, whole: int, done: float) -> Tensor:
        """One micro-batch; its loss is a share of the mean over the whole step's examples and labels."""
        targets = torch.from_numpy(self.data.targets[self._place[batch.rows]]).to(self.device)
        with self.autocast():
            logits = self.model(batch)
        value = self.loss(logits, targets, done).sum() / (whole * targets.shape[1])
        torch.autograd.backward(value * self.optimizer.loss_scale)
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
        tokens: list[Tensor] = []
        for part, batch in enumerate(micro_batches(self.data.store, "train", rows, self.spec.micro_batch_size)):
            tokens.append(batch.tokens)
            if self.ranks.owns(part):
                seed_draws(self.seed, step, part)
                value = value + self._forward_backward(batch, len(rows), done)
        value = self._gradients.reduce(value, tokens)
        measured = (step + 1) % READ_EVERY == 0
        if measured:
            self.updates.before()
        norm = self.optimizer.step(step)
        if measured:
            self.updates.after(step + 1)
        self.health.note(step, rows, norm)
        self._loss_sum += value.to(torch.float64)
        self._loss_steps += 1
        self.examples += len(rows)
        self.tokens += sum(len(part) for part in tokens)
        self._report(step, value, norm)

    def _report(self, step: int, value: Tensor, norm: Tensor) -> None:
        if (step + 1) % READ_EVERY == 0:
            self.health.read(self.progress)
        if self.probe and (step + 1) % max(1, self.steps_per_epoch // PROBES_PER_EPOCH) == 0:
            self.probe.look(step + 1, self.progress)
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
            Preempted: if a stop was asked of any of the processes: all stop before the same step.
            CollectiveError: if another process does not answer.
        """
        stops = self.evaluation_steps()
        self.model.train()
        done = 0
        for epoch in range(self.spec.epochs):
            order = self.data.rows[epoch_order(self.seed, epoch, len(self.data.rows))]
            for position in range(self.steps_per_epoch):
                if self.ranks.agree(self.progress.stop_asked):
                    raise Preempted
                self.step(done, batch_of(order, position, self.spec.batch_size))
                done += 1
                if done in stops:
                    self.health.read(self.progress)
                    if validate(done, self.mean_loss()):
                        return done
        return done
