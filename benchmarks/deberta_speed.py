"""How many times faster than transformers' Trainer is a step of DeBERTa-v3? Same weights, batches, steps and recipe.

    python benchmarks/deberta_speed.py [--pairs 5] [--steps 20] [--threads 2]

The model has the size of DeBERTa-v3-base, cut to 4 layers, with random weights: a step costs the same with any. The texts
are GoEmotions', in batches of 16. The peer is the Trainer as it comes (fp32, dynamic padding); both sides get the same batches,
and must come to the same loss on held-out texts.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import training_speed as plain
from bakeoff.running.warm import ENVIRONMENT
from measuring import child, keep, median_with_interval
from sides import Course, run_ours, run_trainer

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


def course_of(steps: int) -> Course:
    """What both sides train on: the plain benchmark's texts, in smaller batches."""
    whole = plain.course_of(plain.load(steps))  # rows for batches twice as large: enough
    rows = whole.rows[: BATCH * (steps + WARM_STEPS)]
    return replace(whole, rows=rows, batch=BATCH, warm_steps=WARM_STEPS, validation=VALIDATION, threads=plain.THREADS)


def recipe(precision: str) -> Any:
    """The recipe of our side: the plain benchmark's, for this model."""
    made = plain.recipe(precision)
    changes = {"batch_size": BATCH, "micro_batch_size": BATCH, "learning_rate": RATE, "head_learning_rate": HEAD_RATE}
    training = made.training.model_copy(update={**changes, "threads": plain.THREADS})
    model = made.model.model_copy(update={"name": "deberta", "family": "deberta-v2"})
    return made.model_copy(update={"training": training, "model": model, "pooling": "first"})


def ours(folder: Path, steps: int, precision: str) -> dict[str, Any]:
    """Train with Bakeoff's loop."""
    from bakeoff.training.arithmetic import settle
    from bakeoff.training.batches import make_batch
    from bakeoff.training.checks import settle_packing
    from bakeoff.training.full import build_model

    settle(plain.THREADS, True)
    course, spec = course_of(steps), recipe(precision)
    model = build_model(spec, folder, len(course.dataset.labels), plain.SEED)
    if note := settle_packing(model, make_batch(course.store, "train", course.rows[:BATCH])):
        raise SystemExit(note)
    return run_ours(course, spec, model)


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

    torch.set_num_threads(plain.THREADS)
    torch.manual_seed(plain.SEED)
    course = course_of(steps)
    model = peer_model(folder, len(course.dataset.labels))
    return run_trainer(course, model, plain.optimizer_of(model, len(course.rows) // BATCH, RATE, HEAD_RATE))


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
    course = course_of(options.steps)
    tokens = float(np.mean(course.store.lengths("train", course.rows)))
    body = {"ratios": ratios, "mean_tokens": tokens, "layers": LAYERS, "threads": options.threads, "runs": runs}
    command = f"python benchmarks/deberta_speed.py --pairs {options.pairs} --steps {options.steps} --threads {options.threads}"
    kept = keep("deberta_speed", command, body)
    print(json.dumps({"ratios": ratios, "validation_loss": losses, "mean_tokens": tokens, "kept": str(kept)}, indent=1))


if __name__ == "__main__":
    main()
