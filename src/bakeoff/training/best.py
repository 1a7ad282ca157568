"""The best weights of a training so far, on disk."""

from __future__ import annotations

import errno
import math
import os
import secrets
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bakeoff.records.specs import Spec
from bakeoff.training.adapting import load_trained, trained_tensors
from bakeoff.training.checkpoints import link_or_copy
from bakeoff.training.health import Real
from bakeoff.training.loop import Trainer

FULL_DISK_WORDS = f"os error {errno.ENOSPC}"
"""How safetensors says that the disk is full: its errors carry no number."""


class BestState(Spec):
    """What `Best` knows, in a checkpoint; the weights stand beside it.

    Attributes:
        step: steps done at the best validation; 0 before the first.
        score: its score; less is never better here.
        waited: validations since then.
        scores: all its scores.
    """

    step: int
    score: Real
    waited: int
    scores: dict[str, Any]


class Best:
    """The best weights so far, on disk, so that memory holds one set.

    Args:
        path: a safetensors file below the attempt; what a loss has learned stands beside it.
        patience: validations without improvement that end the training; None for never.
        writes: whether this process writes the file; of several that share a trial, all hold the same bits.

    Attributes:
        step: steps done at the best validation; 0 before the first.
        score: its score.
        scores: all its scores.
    """

    def __init__(self, path: Path, patience: int | None, writes: bool = True) -> None:
        self.path, self.patience, self.writes = path, patience, writes
        self.step, self.score, self.waited = 0, -math.inf, 0
        self.scores: dict[str, Any] = {}

    @property
    def loss_path(self) -> Path:
        """The file of what the loss has learned, if it learns."""
        return self.path.with_stem(f"{self.path.stem}-loss")

    def consider(self, trainer: Trainer, step: int, scores: dict[str, float], metric: str, higher: bool) -> bool:
        """Keep the weights if they are better than any before.

        Args:
            trainer: has the classifier and the loss.
            step: steps done.
            scores: validation scores.
            metric: which of them decides.
            higher: whether more is better.

        Returns:
            True if patience has run out.
        """
        score = scores[metric] if higher else -scores[metric]
        if self.step == 0 or score > self.score:
            if self.writes:
                save_state(trainer.model, self.path)
                save_state(trainer.loss, self.loss_path)
            self.step, self.score, self.scores, self.waited = step, score, scores, 0
        else:
            self.waited += 1
        return self.patience is not None and self.waited >= self.patience

    def restore(self, trainer: Trainer) -> None:
        """Put the best weights back.

        Args:
            trainer: has the classifier and the loss.
        """
        load_trained(trainer.model, load_file(self.path))
        trainer.loss.load_state_dict(load_file(self.loss_path))

    @property
    def state(self) -> BestState:
        """For a checkpoint."""
        return BestState(step=self.step, score=self.score, waited=self.waited, scores=self.scores)

    def file_into(self, folder: Path) -> None:
        """Give a checkpoint the files.

        Args:
            folder: the checkpoint.
        """
        if self.step:
            for path in (self.path, self.loss_path):
                link_or_copy(path, folder / path.name)

    def take_up(self, state: BestState, folder: Path) -> None:
        """Go on with what a checkpoint has.

        Args:
            state: of the checkpoint.
            folder: the checkpoint.
        """
        self.step, self.score, self.waited, self.scores = state.step, state.score, state.waited, dict(state.scores)
        if self.step and self.writes:
            for path in (self.path, self.loss_path):
                link_or_copy(folder / path.name, path)

    def discard(self) -> None:
        """Remove the files."""
        self.path.unlink()
        self.loss_path.unlink()


def save_state(module: nn.Module, path: Path) -> None:
    """Write a module's tensors; frozen parameters stay in the files that they came from.

    Args:
        module: the module; one without tensors gives an empty file.
        path: a safetensors file.
    """
    save_tensors(trained_tensors(module), path)


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors; a file that stood there is replaced, never changed: checkpoints may share it.

    Args:
        tensors: by name.
        path: a safetensors file.

    Raises:
        OSError: if the disk is full.
        SafetensorError: if they cannot be written for another reason.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        save_file(tensors, temporary)
        temporary.replace(path)
    except SafetensorError as error:
        temporary.unlink(missing_ok=True)
        if FULL_DISK_WORDS in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
