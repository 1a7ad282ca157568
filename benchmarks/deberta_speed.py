"""How many times faster than transformers' Trainer is a step of DeBERTa-v3? Same weights, batches, steps and recipe.

    python benchmarks/deberta_speed.py [--pairs 5] [--steps 20] [--threads 2]

The model has the size of DeBERTa-v3-base, cut to 4 layers, with random weights: a step costs the same with any. The texts
are GoEmotions', in batches of 16. The peer is the Trainer as it comes (fp32, dynamic padding); both sides get the same batches,
and must come to the same loss on held-out texts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import training_speed as plain
from bakeoff.running.warm import ENVIRONMENT
from measuring import child, keep, median_with_interval

BATCH, WARM_STEPS, VALIDATION, LAYERS = 16, 4, 200, 4
RATE, HEAD_RATE = 1e-5, 1e-4
SAME_LOSS = 2e-3
"""Losses on held-out texts may differ by so much: dropout draws differ."""


def make_model(folder: Path) -> None:
    """Write the model: the configuration of microsoft/deberta-v3-base, with fewer layers."""
    import torch
    from transformers import DebertaV2Config, DebertaV2Model

    config = DebertaV2Config(
        vocab_size=128_100,
        hidden_size=768,
        num_hidden_layers=LAYERS,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=512,
        relative_attention=True,
        max_relative_positions=-1,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        layer_norm_eps=1e-7,
        pad_token_id=0,
    )
    torch.manual_seed(plain.SEED)
    DebertaV2Model(config).save_pretrained(folder)


def data_of(steps: int) -> dict[str, Any]:
    """The rows that both sides train on, as tokens."""
    given = plain.load(steps)  # rows for batches twice as large: enough
    return given | {"rows": given["rows"][: BATCH * (steps + WARM_STEPS)]}


def recipe(precision: str) -> Any:
    """The recipe of our side: the plain benchmark's, for this model."""
    made = plain.recipe(precision)
    changes = {"batch_size": BATCH, "micro_batch_size": BATCH, "learning_rate": RATE, "head_learning_rate": HEAD_RATE}
    training = made.training.model_copy(update={**changes, "threads": plain.THREADS})
    model = made.model.model_copy(update={"name": "deberta", "family": "deberta-v2"})
    return made.model_copy(update={"training": training, "model": model, "pooling": "first"})


def ours(folder: Path, steps: int, precision: str) -> dict[str, Any]:
    """Train with Bakeoff's loop."""
    from bakeoff.training.arithmetic import make_accelerator, settle
    from bakeoff.training.batches import make_batch
    from bakeoff.training.checks import settle_packing
    from bakeoff.training.evaluation import outputs_of
    from bakeoff.training.full import build_model, load_loss
    from bakeoff.training.loop import Trainer, TrainingData
    from bakeoff.training.progress import Progress

    settle(plain.THREADS, True)
    given, spec = data_of(steps), recipe(precision)
    dataset, rows = given["dataset"], given["rows"]
    model = build_model(spec, folder, len(dataset.labels), plain.SEED)
    if note := settle_packing(model, make_batch(given["store"], "train", rows[:BATCH])):
        raise SystemExit(note)
    targets = dataset.targets("train", rows).astype(np.float32)
    accelerator = make_accelerator(spec.training, "deberta-v2")
    with tempfile.TemporaryDirectory() as place:
        progress = Progress(Path(place) / "log.jsonl")
        data = TrainingData(given["store"], rows, targets)
        loss = load_loss(spec.loss, targets)
        trainer = Trainer(model, spec.training, data, loss, plain.SEED, accelerator.autocast, progress)
        model.train()
        began = 0.0
        for step in range(trainer.total_steps):
            if step == WARM_STEPS:
                began = time.perf_counter()
            trainer.step(step, rows[step * BATCH : (step + 1) * BATCH])
        seconds = time.perf_counter() - began
        chosen = np.arange(VALIDATION)
        logits = outputs_of(model, accelerator.autocast, given["store"], "validation", chosen, progress)
    return {"seconds": seconds, "validation_loss": plain.bce_of(logits, dataset.targets("validation", chosen))}


def peer_model(folder: Path, labels: int) -> Any:
    """The first token's vector and the same head, as a Trainer user would write it."""
    import torch
    from transformers import AutoModel

    from bakeoff.training.backbone import Backbone
    from bakeoff.training.classifier import Classifier

    class FirstPooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = AutoModel.from_pretrained(folder)
            self.dropout = torch.nn.Dropout(0.1)
            self.head = torch.nn.Linear(self.body.config.hidden_size, labels)
            self.head.load_state_dict(Classifier(Backbone(folder, "first"), labels, plain.SEED).head.state_dict())

        def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None) -> dict[str, Any]:
            hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            logits = self.head(self.dropout(hidden[:, 0]))
            return {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels), "logits": logits}

    return FirstPooled()


def peer(folder: Path, steps: int) -> dict[str, Any]:
    """Train with transformers' Trainer at its defaults, on the same batches."""
    import torch
    from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments

    torch.set_num_threads(plain.THREADS)
    torch.manual_seed(plain.SEED)
    given = data_of(steps)
    dataset, store, rows = given["dataset"], given["store"], given["rows"]

    def examples(split: str, chosen: Any) -> list[dict[str, Any]]:
        gold = dataset.targets(split, chosen).astype(np.float32)
        return [
            {"input_ids": store.gather(split, np.array([row])).tolist(), "labels": labels.tolist()}
            for row, labels in zip(chosen, gold, strict=True)
        ]

    class Clock(TrainerCallback):
        began = ended = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == WARM_STEPS:
                self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.ended = time.perf_counter()

    class InOrder(Trainer):
        def _get_train_sampler(self, *unused: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    clock, model = Clock(), peer_model(folder, len(dataset.labels))
    plain.RATE, plain.HEAD_RATE = RATE, HEAD_RATE
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            place,
            num_train_epochs=1,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=BATCH,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = InOrder(
            model=model,
            args=arguments,
            train_dataset=examples("train", rows),
            data_collator=DataCollatorWithPadding(given["tokenizer"]),
            optimizers=plain.optimizer_of(model, len(rows) // BATCH),
            callbacks=[clock],
        )
        with contextlib.redirect_stdout(sys.stderr):
            trainer.train()
            chosen = np.arange(VALIDATION)
            found = trainer.predict(examples("validation", chosen))
    loss = plain.bce_of(found.predictions, dataset.targets("validation", chosen))
    return {"seconds": clock.ended - clock.began, "validation_loss": loss}


def be_child(told: dict[str, Any]) -> None:
    """One run in a process of its own; prints its figures."""
    plain.THREADS = told["threads"]
    folder, steps = Path(told["folder"]), told["steps"]
    body = ours(folder, steps, told["side"]) if told["side"] != "trainer" else peer(folder, steps)
    body["seconds_a_step"] = body["seconds"] / steps
    body["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(body))


def main() -> None:
    """Run all pairs and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        be_child(json.loads(options.child))
        return
    runs: dict[str, list[dict[str, Any]]] = {"trainer": [], "fp32": [], "bf16": []}
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))
        for number in range(options.pairs):
            for side, found in runs.items():
                own = ENVIRONMENT if side != "trainer" else {}  # what the runner gives its children
                told = {"side": side, "folder": folder, "steps": options.steps, "threads": options.threads, "env": own}
                found.append(child(__file__, told))
                print(f"pair {number + 1} {side}: {found[-1]['seconds_a_step']:.3f} s a step", flush=True)
    losses = {side: found[0]["validation_loss"] for side, found in runs.items()}
    if abs(losses["fp32"] - losses["trainer"]) > SAME_LOSS:
        raise SystemExit(f"both sides do not learn the same: {losses}")
    ratios = {
        side: median_with_interval(
            [theirs["seconds"] / mine["seconds"] for mine, theirs in zip(runs[side], runs["trainer"], strict=True)]
        )
        for side in ("fp32", "bf16")
    }
    given = data_of(options.steps)
    tokens = float(np.mean(given["store"].lengths("train", given["rows"])))
    body = {"ratios": ratios, "mean_tokens": tokens, "layers": LAYERS, "threads": options.threads, "runs": runs}
    command = f"python benchmarks/deberta_speed.py --pairs {options.pairs} --steps {options.steps} --threads {options.threads}"
    kept = keep("deberta_speed", command, body)
    print(json.dumps({"ratios": ratios, "validation_loss": losses, "mean_tokens": tokens, "kept": str(kept)}, indent=1))


if __name__ == "__main__":
    main()
