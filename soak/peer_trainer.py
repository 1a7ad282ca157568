"""`python -m soak.peer_trainer FOLDER SIZE`: transformers' Trainer, checkpoints harmed, stopped at each step."""

from __future__ import annotations

import json
import random
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from soak.rows.bits import flip

ROWS, BATCH, WIDTH, LABELS, LENGTH = 48, 8, 32, 3, 12
STEPS = ROWS // BATCH * 2


class Stop(transformers.TrainerCallback):  # type: ignore[misc]
    """Saves and stops after a step.

    Args:
        step: which.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
        """See `TrainerCallback`.

        Args:
            args: not used.
            state: tells the step.
            control: is told what to do.
            **more: not used.

        Returns:
            `control`.
        """
        if state.global_step == self.step:
            control.should_save = control.should_training_stop = True
        return control


def examples() -> list[dict[str, Any]]:
    """Random examples, the same every time.

    Returns:
        Token numbers and labels.
    """
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "input_ids": torch.randint(5, 60, (LENGTH,), generator=generator),
            "labels": torch.randint(0, 2, (LABELS,), generator=generator).float(),
        }
        for _ in range(ROWS)
    ]


def train(folder: Path, stop: int = 0, resume: bool = False) -> dict[str, torch.Tensor]:
    """Train, or go on with a training.

    Args:
        folder: where checkpoints are.
        stop: after which step it saves and stops; 0 means never.
        resume: whether it goes on from the newest checkpoint.

    Returns:
        The weights at the end.
    """
    transformers.set_seed(1)
    config = transformers.BertConfig(
        vocab_size=60,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        num_labels=LABELS,
        problem_type="multi_label_classification",
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=2,
        per_device_train_batch_size=BATCH,
        save_strategy="steps",
        save_steps=4,
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=1,
    )
    callbacks = [Stop(stop)] if stop else []
    model = transformers.BertForSequenceClassification(config)
    trainer = transformers.Trainer(model, arguments, train_dataset=examples(), callbacks=callbacks)
    trainer.train(resume_from_checkpoint=resume or None)
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether weights are bitwise equal.

    Args:
        one: weights.
        other: weights.

    Returns:
        Whether they are.
    """
    return all(torch.equal(one[name], other[name]) for name in one)


class Case:
    """Harms a checkpoint, resumes, and counts what happens.

    Args:
        whole: a folder with checkpoints.
        place: for copies.
        expected: weights of the undisturbed training.
    """

    def __init__(self, whole: Path, place: Path, expected: dict[str, torch.Tensor]) -> None:
        self.whole, self.place, self.expected = whole, place, expected
        self.outcomes = Counter[str]()

    def harm(self, harm: Callable[[Path], object]) -> None:
        """Try one harm.

        Args:
            harm: what is done to the newest checkpoint's folder.
        """
        copy = self.place / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.whole, copy)
        newest = max(copy.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        harm(newest)
        try:
            found = train(copy, resume=True)
        except Exception as error:
            self.outcomes[f"cannot go on ({type(error).__name__})"] += 1
            return
        self.outcomes[
            "ends with the same weights" if same(found, self.expected) else "ends with other weights, says nothing"
        ] += 1

    def row(self, number: int, words: str) -> dict[str, Any]:
        """What came of it.

        Args:
            number: the table's row.
            words: what was done.

        Returns:
            As the harness prints it.
        """
        text = ", ".join(f"{count} × {what}" for what, count in self.outcomes.most_common())
        held = self.outcomes["ends with the same weights"]
        return {"row": number, "tried": self.outcomes.total(), "held": held, "found": f"{words}: {text}"}


def stops(place: Path, expected: dict[str, torch.Tensor], every: int) -> dict[str, Any]:
    """Stop after each step, and go on.

    Args:
        place: for folders.
        expected: weights of the undisturbed training.
        every: steps between two stops.

    Returns:
        The row.
    """
    outcomes = Counter[str]()
    for step in range(1, STEPS, every):
        folder = place / f"stop-{step}"
        train(folder, stop=step)
        outcomes["same" if same(train(folder, resume=True), expected) else "other"] += 1
    text = f"stopped after a step and resumed: {outcomes['same']} × the same weights, {outcomes['other']} × other weights"
    return {"row": 16, "tried": outcomes.total(), "held": outcomes["same"], "found": text}


def main(place: Path, size: str) -> None:
    """Measure, and print JSON.

    Args:
        place: a folder.
        size: small or full.
    """
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    full, draws = size == "full", random.Random(0)
    expected = train(place / "undisturbed")
    whole = place / "whole"
    train(whole, stop=9)
    newest = max(whole.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    names = sorted(path.name for path in newest.iterdir())
    torn, flips = Case(whole, place, expected), Case(whole, place, expected)
    torn.harm(lambda folder: [path.unlink() for path in folder.iterdir()])
    for name in names:
        for _ in range(8 if full else 1):
            share = draws.random()
            torn.harm(lambda folder, name=name, share=share: _cut(folder / name, share))
            flips.harm(lambda folder, name=name: flip(folder / name, draws))
    rows = [
        torn.row(4, "each file of the newest checkpoint cut, all removed"),
        flips.row(5, "a bit in each file of the newest checkpoint"),
        stops(place, expected, 1 if full else 4),
    ]
    sys.stdout.write(json.dumps([{"name": f"transformers {transformers.__version__} Trainer", **row} for row in rows]) + "\n")


def _cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
