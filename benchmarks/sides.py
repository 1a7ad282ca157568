"""Both sides of a training benchmark on the same batches: Bakeoff's loop, and transformers' Trainer."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Course:
    """What both sides train on.

    Attributes:
        dataset: the dataset.
        store: its tokens.
        tokenizer: for the peer's padding.
        rows: rows of train in the order in which they come, those of the warm-up first.
        batch: rows a step.
        warm_steps: steps before the clock runs.
        validation: rows of validation whose loss both must come to.
        threads: CPU threads.
        seed: of model and draws.
    """

    dataset: Any
    store: Any
    tokenizer: Any
    rows: NDArray[np.int64]
    batch: int
    warm_steps: int
    validation: int
    threads: int
    seed: int

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Rows of validation that are scored."""
        return np.arange(self.validation)


def bce_of(logits: Any, gold: Any) -> float:
    """Mean binary cross-entropy in float64."""
    x, y = np.asarray(logits, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    return float(np.mean(np.logaddexp(0, x) - y * x))


def run_ours(course: Course, spec: Any, model: Any) -> dict[str, float]:
    """Train with Bakeoff's loop: seconds after the warm-up, and the loss on held-out rows."""
    from bakeoff.training.arithmetic import make_accelerator
    from bakeoff.training.evaluation import outputs_of
    from bakeoff.training.full import load_loss
    from bakeoff.training.loop import Trainer, TrainingData
    from bakeoff.training.progress import Progress

    dataset, rows, size = course.dataset, course.rows, course.batch
    targets = dataset.targets("train", rows).astype(np.float32)
    accelerator = make_accelerator(spec.training, spec.model.family)
    with tempfile.TemporaryDirectory() as place:
        progress = Progress(Path(place) / "log.jsonl")
        data = TrainingData(course.store, rows, targets)
        trainer = Trainer(
            model, spec.training, data, load_loss(spec.loss, targets), course.seed, accelerator.autocast, progress
        )
        model.train()
        began = 0.0
        for step in range(trainer.total_steps):
            if step == course.warm_steps:
                began = time.perf_counter()
            trainer.step(step, rows[step * size : (step + 1) * size])
        seconds = time.perf_counter() - began
        logits = outputs_of(model, accelerator.autocast, course.store, "validation", course.held_out, progress)
    return {"seconds": seconds, "validation_loss": bce_of(logits, dataset.targets("validation", course.held_out))}


def run_trainer(
    course: Course, model: Any, optimizers: tuple[Any, Any], collator: Any = None, in_order: bool = True, **extra: Any
) -> dict[str, float]:
    """Train with transformers' Trainer.

    Args:
        course: what it trains on.
        model: its model.
        optimizers: optimizer and schedule.
        collator: pads its batches; None means to the longest row.
        in_order: whether the batches are ours; otherwise it draws its own.
        **extra: further arguments of `TrainingArguments`.

    Returns:
        Seconds after the warm-up, and the loss on held-out rows.
    """
    import torch
    from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):
        began = ended = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == course.warm_steps:
                self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.ended = time.perf_counter()

    class InOrder(Trainer):
        def _get_train_sampler(self, *unused: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    sizes = {"per_device_train_batch_size": course.batch, "per_device_eval_batch_size": course.batch}
    quiet = {"report_to": "none", "save_strategy": "no", "disable_tqdm": True, "use_cpu": True}
    clock = Clock()
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
        trainer = (InOrder if in_order else Trainer)(
            model=model,
            args=TrainingArguments(place, num_train_epochs=1, **sizes, **quiet, **extra),
            train_dataset=_examples(course, "train", course.rows),
            data_collator=collator or DataCollatorWithPadding(course.tokenizer),
            optimizers=optimizers,
            callbacks=[clock],
        )
        trainer.train()
        found = trainer.predict(_examples(course, "validation", course.held_out))
    loss = bce_of(found.predictions, course.dataset.targets("validation", course.held_out))
    return {"seconds": clock.ended - clock.began, "validation_loss": loss}


def _examples(course: Course, split: str, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    gold = course.dataset.targets(split, rows).astype(np.float32)
    return [
        {"input_ids": course.store.gather(split, np.array([row])).tolist(), "labels": labels.tolist()}
        for row, labels in zip(rows, gold, strict=True)
    ]
