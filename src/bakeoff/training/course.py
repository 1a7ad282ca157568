"""The course of a training, with all that it remembers: what a checkpoint holds, and how a later attempt goes on from it.

The order of data and every random draw are pure functions of the seed and the place, so no generator has a state to keep.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from safetensors.torch import load_file

from bakeoff.errors import CollectiveError
from bakeoff.records.files import read_document, write_document
from bakeoff.records.specs import Spec
from bakeoff.training.adapting import load_trained
from bakeoff.training.best import Best, BestState, save_state, save_tensors
from bakeoff.training.checkpoints import Checkpoints, Found, FullDiskError, newest
from bakeoff.training.health import HealthState, ProbeState, Real
from bakeoff.training.loop import Trainer
from bakeoff.training.memory import is_lack_of_memory
from bakeoff.training.progress import Preempted
from bakeoff.training.work import Work

TRAINING_STATE_VERSION = 1
STATE, MODEL, LOSS, OPTIMIZER = "state.json", "model.safetensors", "loss.safetensors", "optimizer.safetensors"


class TrainingState(Spec):
    """`state.json` of a checkpoint: all that is no tensor.

    Attributes:
        step: steps done.
        owed: what is still to follow the last step.
        examples: seen so far.
        tokens: seen so far.
        loss_sum: of the steps since the last validation.
        loss_steps: how many these are.
        health: gradient norms and skipped steps.
        updates: how large steps were beside the weights.
        probe: what the probe saw.
        history: validations so far.
        best: the best of them.
    """

    step: int
    owed: list[Literal["probe", "validation"]] = Field(default_factory=list)
    examples: int
    tokens: int
    loss_sum: Real
    loss_steps: int
    health: HealthState
    updates: list[dict[str, Any]]
    probe: ProbeState
    history: list[dict[str, Any]]
    best: BestState


class Course:
    """A training under way that can be left and taken up.

    Args:
        work: the trial.
        trainer: the training.
        best: its best weights.

    Attributes:
        history: validations so far.
        trained: whether the training is over.
    """

    def __init__(self, work: Work, trainer: Trainer, best: Best) -> None:
        self.work, self.trainer, self.best = work, trainer, best
        self.history: list[dict[str, Any]] = []
        self.trained = False
        trial = work.trial
        self._checkpoints = Checkpoints(
            work.leader.checkpoints, trial.id, trial.definition_hash, work.checkpoint_seconds, work.checkpoint_steps
        )

    def take_up(self) -> None:
        """Go on from the newest checkpoint that validates, if there is one, and say what was passed over."""
        found, passed = newest(self.work.resume, self.work.trial.definition_hash, read_state)
        for text in passed:
            self.work.progress.say("note", text=f"passed over {text}")
        self.work.ranks.same(found.step if found else 0, "the checkpoint to go on from")
        if found:
            self._restore(found)
            self.work.progress.say("resume", step=found.step, attempt=found.attempt, trained=found.trained)
        self._checkpoints.begin(self.trainer.done)

    def _restore(self, found: Found[TrainingState]) -> None:
        trainer, state = self.trainer, found.state
        self.trained = found.trained
        trainer.done, trainer.owed = state.step, list(state.owed)
        trainer.examples, trainer.tokens = state.examples, state.tokens
        trainer.loss_sum.fill_(state.loss_sum)
        trainer.loss_steps = state.loss_steps
        trainer.health.restore(state.health)
        trainer.updates.history = list(state.updates)
        if trainer.probe:
            trainer.probe.restore(state.probe)
        self.history[:] = state.history
        self.best.take_up(state.best, found.folder)
        if not found.trained:  # else the best weights are all that is needed
            load_trained(trainer.model, load_file(found.folder / MODEL))
            trainer.loss.load_state_dict(load_file(found.folder / LOSS))
            trainer.optimizer.restore(load_file(found.folder / OPTIMIZER))

    def train(self, validate: Callable[[int, float], bool]) -> None:
        """Train to the end, with checkpoints at their intervals and where it is interrupted.

        Args:
            validate: see `Trainer.run`.
        """
        if not self.trained:
            with self.kept_where_interrupted():
                self.trainer.run(validate, self._between)

    def finish(self) -> None:
        """From here on the training is over: no later attempt trains again."""
        self.trained = True
        if self._checkpoints.wanted:
            self._write()

    @contextlib.contextmanager
    def kept_where_interrupted(self) -> Iterator[None]:
        """Leave a checkpoint where a stop, a lack of memory or a lost process ends what is done inside.

        Yields:
            Nothing.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, Preempted | CollectiveError) or is_lack_of_memory(error):
                traceback.clear_frames(error.__traceback__)  # they hold the activations that did not fit
                self._save_last_step(error)
            raise

    def _between(self) -> None:
        if self._checkpoints.due(self.trainer.done):
            self._write()

    def _save_last_step(self, cause: Exception) -> None:
        # a kernel that waits for a lost process would make a copy from its device wait too
        unreachable = isinstance(cause, CollectiveError) and self.trainer.device.type != "cpu"
        if self.trainer.torn or unreachable or not (self.trainer.done or self.trained):
            return
        self.trainer.optimizer.clear()
        try:
            self._write()
        except Exception as error:
            if not is_lack_of_memory(error):
                raise
            self.work.progress.say("note", text=f"no memory for a checkpoint of step {self.trainer.done}: {error}")

    def _write(self) -> None:
        if not self.work.ranks.leads:
            return
        try:
            self._checkpoints.write(self.trainer.done, self._fill, self.trained)
        except FullDiskError as error:
            # an older one still stands, and there may be room again when the next is due
            step = self.trainer.done
            self.work.progress.say(
                "warning", kind="checkpoint", step=step, since=step, text=f"{error.filename}: {error.strerror}"
            )
            self._checkpoints.begin(step)

    def _fill(self, folder: Path) -> None:
        if not self.trained:
            save_state(self.trainer.model, folder / MODEL)
            save_state(self.trainer.loss, folder / LOSS)
            save_tensors(self.trainer.optimizer.state(), folder / OPTIMIZER)
        self.best.file_into(folder)
        write_document(folder / STATE, "training-state", TRAINING_STATE_VERSION, self._state().model_dump())

    def _state(self) -> TrainingState:
        trainer = self.trainer
        return TrainingState(
            step=trainer.done,
            owed=list(trainer.owed),
            examples=trainer.examples,
            tokens=trainer.tokens,
            loss_sum=float(trainer.loss_sum.item()),
            loss_steps=trainer.loss_steps,
            health=trainer.health.state(),
            updates=trainer.updates.history,
            probe=trainer.probe.state() if trainer.probe else ProbeState(suspicions={}, in_a_row={}),
            history=self.history,
            best=self.best.state,
        )


def read_state(folder: Path) -> TrainingState:
    """Read `state.json` of a checkpoint.

    Args:
        folder: the checkpoint.

    Returns:
        The state.
    """
    return TrainingState.model_validate(read_document(folder / STATE, "training-state", TRAINING_STATE_VERSION))
