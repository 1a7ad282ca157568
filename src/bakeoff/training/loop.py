"""The one training loop. Recipes differ as data, never in code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.data.treatments.augmentation import Sequences
from bakeoff.data.treatments.draws import Draws, repeats
from bakeoff.losses.base import Loss
from bakeoff.records.specs import TrainingSpec
from bakeoff.tasks.tokens import TokenStore
from bakeoff.training.arithmetic import seed_draws
from bakeoff.training.batches import Batch, micro_batches, read_sequences
from bakeoff.training.classifier import Classifier
from bakeoff.training.health import Health, Probe, UpdateRatio
from bakeoff.training.optimizer import Optimizer
from bakeoff.training.order import batch_of, epoch_order
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.ranks import ALONE, Ranks
from bakeoff.training.reduction import GradientSum
from bakeoff.training.treating import Treatment, untreated

Owed = Literal["probe", "validation"]
READ_EVERY = 20
"""Steps between two readings of norms and losses from the device."""
PROBES_PER_EPOCH = 10


@dataclass(frozen=True)
class TrainingData:
    """The training examples of a trial.

    Attributes:
        store: the token store.
        rows: row numbers in the train split, [N].
        targets: of those rows: [N, L] float32, negative where nobody decided; or the places of an answer's tokens, [N, 2]
            int64.
        treatment: what the recipe does to them; None for nothing.
    """

    store: TokenStore
    rows: NDArray[np.int64]
    targets: NDArray[Any]
    treatment: Treatment | None = None

    @property
    def draws(self) -> Draws | None:
        """How often an epoch draws each of them; None means once."""
        return self.treatment.draws if self.treatment else None

    def decisions(self, places: NDArray[np.int64], by_row: bool = False) -> int:
        """How many values of the loss a step is the mean of.

        Args:
            places: the step's examples, places in `rows`, [B].
            by_row: whether each row counts alike (see `Loss`).

        Returns:
            The number of targets that somebody decided on; B · L where all are, or each row counts alike.
        """
        if by_row or self.targets.dtype.kind != "f":
            return len(places) * int(self.targets.shape[1])
        return int(np.count_nonzero(self.targets[places] >= 0))


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
        treatment: what is done to the training examples.
        steps_per_epoch: optimizer steps in an epoch.
        total_steps: in the whole training.
        examples: seen so far.
        tokens: seen so far.
        health: gradient norms and skipped steps.
        updates: how large the steps are beside the weights.
        probe: looks at outputs now and then; None looks at nothing.
        done: steps made.
        owed: what is still to follow the last step, in this order: `probe`, `validation`.
        torn: whether an exception left a step half made, so that the state is of no use.
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
        self.treatment = data.treatment or untreated(len(data.rows))
        self.steps_per_epoch = math.ceil(self.treatment.draws.size / spec.batch_size)
        self.total_steps = self.steps_per_epoch * spec.epochs
        self.optimizer = Optimizer(model, loss, spec, self.total_steps, scaled=spec.precision == "fp16")
        self._stops = self.evaluation_steps()
        self.health = Health(spec.max_skipped)
        body = model.backbone.last_matrix
        self.updates = UpdateRatio({"head": model.head.weight, **({} if body is None else {"body": body})})
        self.probe: Probe | None = None
        self.examples = self.tokens = self.done = 0
        self.owed: list[Owed] = []
        self.torn = False
        self.device = model.head.weight.device
        self.share(ALONE)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.loss_steps = 0
        # example number of each row of the split, to find a batch's targets
        self._place = np.zeros(int(data.rows.max()) + 1, dtype=np.int64)
        self._place[data.rows] = np.arange(len(data.rows))

    def share(self, ranks: Ranks) -> None:
        """Train together with other processes, each of which computes a share of every step's micro-batches.

        Args:
            ranks: the processes.
        """
        self.ranks = ranks
        self._gradients = GradientSum(ranks, self.optimizer.parameters, self.optimizer.table, self.model.backbone.padding)

    def _forward_backward(self, batch: Batch, whole: int, done: float) -> Tensor:
        """One micro-batch; its loss is a share of the mean over the decisions of the whole step."""
        targets = torch.from_numpy(self.data.targets[self._place[batch.rows]]).to(self.device)
        with self.autocast():
            logits = self.model(batch)
        value = self.loss(logits, targets, done).sum() / max(1, whole)
        torch.autograd.backward(value * self.optimizer.loss_scale)
        return value.detach()

    def _read(self, step: int, rows: NDArray[np.int64], repeated: NDArray[np.int64] | None) -> Sequences:
        sequences = read_sequences(self.data.store, "train", rows)
        again = np.zeros(len(rows), dtype=np.int64) if repeated is None else repeated
        return self.treatment.apply(sequences, self.seed, step // self.steps_per_epoch, rows, again)

    def step(self, step: int, rows: NDArray[np.int64], repeated: NDArray[np.int64] | None = None) -> None:
        """One optimizer step over a whole effective batch.

        Args:
            step: from 0.
            rows: row numbers of the step's examples, [B].
            repeated: which repeat of its example in the epoch each is, [B]; None means that each is the first.
        """
        self.optimizer.clear()
        value = torch.zeros((), device=self.device)
        done = step / max(1, self.total_steps - 1)  # 0 at the first step, 1 at the last
        tokens: list[Tensor] = []
        decisions = self.data.decisions(self._place[rows], self.loss.by_row)
        sequences = self._read(step, rows, repeated)
        for part, batch in enumerate(micro_batches(sequences, "train", rows, self.spec.micro_batch_size)):
            tokens.append(batch.tokens)
            if self.ranks.owns(part):
                seed_draws(self.seed, step, part)
                value = value + self._forward_backward(batch, decisions, done)
        value = self._gradients.reduce(value, tokens)
        measured = (step + 1) % READ_EVERY == 0
        if measured:
            self.updates.before()
        self.torn = True
        norm = self.optimizer.step(step)
        if measured:
            self.updates.after(step + 1)
        self.health.note(step, rows, norm)
        self.loss_sum += value.to(torch.float64)
        self.loss_steps += 1
        self.examples += len(rows)
        self.tokens += sum(len(part) for part in tokens)
        self.done, self.owed, self.torn = step + 1, self._follows(step + 1), False
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
        mean = self._mean_loss()
        self.loss_sum.zero_()
        self.loss_steps = 0
        return mean

    def _mean_loss(self) -> float:
        return float(self.loss_sum.item()) / self.loss_steps if self.loss_steps else math.nan

    def _follows(self, done: int) -> list[Owed]:
        follows: list[Owed] = []
        if self.probe and done % max(1, self.steps_per_epoch // PROBES_PER_EPOCH) == 0:
            follows.append("probe")
        if done in self._stops:
            follows.append("validation")
        return follows

    def _settle(self, validate: Callable[[int, float], bool]) -> bool:
        """Do what follows a step; whatever was interrupted can be done again. True if training ends here."""
        ended = False
        while self.owed:
            if self.owed[0] == "validation":
                self.health.read(self.progress)
                ended = validate(self.done, self._mean_loss())
                self.mean_loss()
            elif self.probe:
                self.probe.look(self.done, self.progress)
            del self.owed[0]
        return ended

    def evaluation_steps(self) -> set[int]:
        """After how many steps validation takes place.

        Returns:
            Step counts, evenly spread; the end of each epoch is one.
        """
        per_epoch = min(self.spec.evaluations_per_epoch, self.steps_per_epoch)
        shares = [math.ceil(self.steps_per_epoch * (k + 1) / per_epoch) for k in range(per_epoch)]
        return {epoch * self.steps_per_epoch + share for epoch in range(self.spec.epochs) for share in shares}

    def _drawn(self, epoch: int) -> NDArray[np.int64]:
        """Row numbers of an epoch's draws in their order, and which repeat of its example each is, [2, D]."""
        examples = self.treatment.draws.examples(self.seed, epoch)
        drawn = np.stack([self.data.rows[examples], repeats(examples)])
        return drawn[:, epoch_order(self.seed, epoch, len(examples))]

    @property
    def rungs(self) -> int:
        """How many validations there are."""
        return len(self._stops)

    def rung_of(self, step: int) -> int:
        """Which validation takes place after a number of steps.

        Args:
            step: steps done.

        Returns:
            Its number, from 1.
        """
        return sorted(self._stops).index(step) + 1

    def run(self, validate: Callable[[int, float], bool], between: Callable[[], None] = lambda: None) -> int:
        """Train, from `done` on.

        Args:
            validate: called with the number of steps done and the mean training loss; True ends the training early. It may
                be called a second time where an exception of its own interrupted it.
            between: called before each step, when nothing is owed.

        Returns:
            The number of steps made.

        Raises:
            Diverged: see `Health.read`.
            Preempted: if a stop was asked of any of the processes: all stop before the same step.
            CollectiveError: if another process does not answer.
        """
        self.model.train()
        ended = self._settle(validate)
        drawn, at_epoch = np.zeros((2, 0), dtype=np.int64), -1
        while not ended and self.done < self.total_steps:
            epoch, position = divmod(self.done, self.steps_per_epoch)
            if epoch != at_epoch:
                drawn, at_epoch = self._drawn(epoch), epoch
            between()
            if self.ranks.agree(self.progress.stop_asked):
                raise Preempted
            self.step(self.done, *batch_of(drawn, position, self.spec.batch_size))
            ended = self._settle(validate)
        return self.done
