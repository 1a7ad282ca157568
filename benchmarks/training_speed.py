"""How many times faster than transformers' Trainer does a trial train? Same weights, batches, steps and recipe.

    python benchmarks/training_speed.py [--pairs 5] [--steps 60] [--peers default,grouped,padded]

Peers: `default` is the Trainer as it comes (fp32, dynamic padding), `grouped` with group_by_length and bf16, `padded` pads
to 128. With `default` Bakeoff is given the same batches; `grouped` chooses its own batches, which changes the recipe.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.running.warm import ENVIRONMENT
from measuring import child, keep, median_with_interval
from sides import Course, run_ours, run_trainer

THREADS, BATCH, MAX_LENGTH, WARM_STEPS, VALIDATION = 2, 32, 128, 6, 1000
RATE, HEAD_RATE, SEED = 1e-4, 1e-3, 42
BODY_PARAMETERS = 10_653_696  # of MiniLM-L6 outside its tables: what a token passes through


def load(steps: int) -> dict[str, Any]:
    """Data, model folder and tokens that both sides use."""
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home
    from bakeoff.tasks.tokenizer import load_tokenizer
    from bakeoff.tasks.tokens import TokenStore, build_store
    from bakeoff.training.order import epoch_order

    home = Home.default()
    dataset = find_dataset(home, "goemotions")
    model = locate_model(home, "minilm-l6")
    place = home.token_store(dataset.fingerprint, model.spec.fingerprint, MAX_LENGTH)
    tokenizer = load_tokenizer(model.folder)
    if not place.exists():
        build_store(dataset, tokenizer, MAX_LENGTH, place)
    rows = epoch_order(SEED, 0, dataset.size("train"))[: BATCH * (steps + WARM_STEPS)]
    return {
        "dataset": dataset,
        "folder": model.folder,
        "store": TokenStore.open(place, dataset.fingerprint),
        "tokenizer": tokenizer,
        "rows": rows,
    }


def recipe(precision: str) -> Any:
    """The recipe of our side."""
    from bakeoff.records.specs import Component, ModelSpec, RecipeSpec, TrainingSpec

    training = TrainingSpec(
        epochs=1,
        batch_size=BATCH,
        micro_batch_size=BATCH,
        learning_rate=RATE,
        head_learning_rate=HEAD_RATE,
        schedule="cosine",
        warmup=0.1,
        weight_decay=0.01,
        clip_norm=1.0,
        precision=precision,  # type: ignore[arg-type]
        gradient_checkpointing=False,
        evaluations_per_epoch=1,
        threads=THREADS,
        max_skipped=20,
    )
    return RecipeSpec(
        name="bce",
        method=Component(name="full", version=1),
        model=ModelSpec(name="minilm-l6", fingerprint="", family="bert"),
        loss=Component(name="bce", version=1),
        pooling="mean",
        training=training,
    )


def course_of(given: dict[str, Any]) -> Course:
    """What `load` found, as both sides take it."""
    parts = (given[key] for key in ("dataset", "store", "tokenizer", "rows"))
    return Course(*parts, batch=BATCH, warm_steps=WARM_STEPS, validation=VALIDATION, threads=THREADS, seed=SEED)


def ours(steps: int, precision: str) -> dict[str, Any]:
    """Train with Bakeoff's loop."""
    from bakeoff.training.arithmetic import settle
    from bakeoff.training.full import build_model

    settle(THREADS, True)
    given, spec = load(steps), recipe(precision)
    model = build_model(spec, given["folder"], len(given["dataset"].labels), SEED)
    return run_ours(course_of(given), spec, model)


def peer_model(folder: Path, labels: int) -> Any:
    """MiniLM with mean pooling and the same head, as a Trainer user would write it."""
    import torch
    from transformers import AutoModel

    from bakeoff.training.backbone import Backbone
    from bakeoff.training.classifier import Classifier

    class MeanPooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = AutoModel.from_pretrained(folder, add_pooling_layer=False)
            self.dropout = torch.nn.Dropout(0.1)
            self.head = torch.nn.Linear(self.body.config.hidden_size, labels)
            self.head.load_state_dict(Classifier(Backbone(folder, "mean"), labels, SEED).head.state_dict())

        def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None) -> dict[str, Any]:
            hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask[:, :, None]
            logits = self.head(self.dropout((hidden * mask).sum(1) / mask.sum(1)))
            return {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels), "logits": logits}

    return MeanPooled()


def optimizer_of(model: Any, total_steps: int, rate: float = RATE, head_rate: float = HEAD_RATE) -> tuple[Any, Any]:
    """The recipe's AdamW and cosine schedule for the Trainer."""
    import torch

    from bakeoff.training.schedule import rate_factor

    head = {id(p) for p in model.head.parameters()}
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for parameter in model.parameters():
        groups.setdefault((id(parameter) in head, parameter.ndim > 1), []).append(parameter)
    settings = [
        {"params": found, "lr": head_rate if is_head else rate, "weight_decay": 0.01 if is_matrix else 0.0}
        for (is_head, is_matrix), found in groups.items()
    ]
    optimizer = torch.optim.AdamW(settings, fused=True)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, total_steps, 0.1, "cosine"))


def peer(steps: int, kind: str) -> dict[str, Any]:
    """Train with transformers' Trainer."""
    import torch
    from transformers import DataCollatorWithPadding

    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    given = load(steps)
    model = peer_model(given["folder"], len(given["dataset"].labels))
    optimizers = optimizer_of(model, len(given["rows"]) // BATCH)
    if kind == "grouped":
        own = {"train_sampling_strategy": "group_by_length", "bf16": True}
        return run_trainer(course_of(given), model, optimizers, in_order=False, **own)
    padded = DataCollatorWithPadding(given["tokenizer"], padding="max_length", max_length=MAX_LENGTH)
    return run_trainer(course_of(given), model, optimizers, padded if kind == "padded" else None)


def gemm_rate(precision: str) -> float:
    """GFLOP/s of the model's own products (640 tokens, 384 to 1,536 and back)."""
    import torch

    torch.set_num_threads(THREADS)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    up, down = torch.randn(1536, 384, dtype=kind), torch.randn(384, 1536, dtype=kind)
    tokens = torch.randn(640, 384, dtype=kind)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(100):
            torch.nn.functional.linear(torch.nn.functional.linear(tokens, up), down)
        best = max(best, 100 * 2 * 2 * 640 * 384 * 1536 / (time.perf_counter() - began) / 1e9)
    return best


def be_child(told: dict[str, Any]) -> None:
    """One run in a process of its own; prints its figures."""
    steps, side = told["steps"], told["side"]
    if side == "gemm":
        body: dict[str, Any] = {"gflops": gemm_rate(told["precision"])}
    else:
        body = ours(steps, told["precision"]) if side == "ours" else peer(steps, side)
        body["examples_per_second"] = BATCH * steps / body["seconds"]
        body["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(body))


GOALS = {"S1": ("default", "fp32"), "S2": ("default", "bf16"), "S3": ("grouped", "bf16"), "S4": ("padded", "bf16")}


def main() -> None:
    """Run all pairs and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--peers", default="default,grouped")
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        be_child(json.loads(options.child))
        return
    peers = options.peers.split(",")
    runs: dict[str, list[dict[str, Any]]] = {}
    sides = [*((side, "") for side in peers), *(("ours", p) for p in ("fp32", "bf16"))]
    for number in range(options.pairs):
        for side, precision in sides:
            own = ENVIRONMENT if side == "ours" else {}  # what the runner gives its children
            found = child(__file__, {"side": side, "steps": options.steps, "precision": precision, "env": own})
            runs.setdefault(f"{side} {precision}".strip(), []).append(found)
            print(f"pair {number + 1} {side} {precision}: {found['examples_per_second']:.1f} examples/s", flush=True)
    ratios = {
        goal: median_with_interval(
            [
                mine["examples_per_second"] / theirs["examples_per_second"]
                for mine, theirs in zip(runs[f"ours {precision}"], runs[side], strict=True)
            ]
        )
        for goal, (side, precision) in GOALS.items()
        if side in peers
    }
    gemm = {p: child(__file__, {"side": "gemm", "steps": 0, "precision": p})["gflops"] for p in ("fp32", "bf16")}
    tokens = float(np.mean(load(options.steps)["store"].lengths("train", load(options.steps)["rows"])))
    share = {
        p: float(np.median([r["examples_per_second"] for r in runs[f"ours {p}"]]))
        * tokens
        * 6
        * BODY_PARAMETERS
        / 1e9
        / gemm[p]
        for p in gemm
    }
    body = {"ratios": ratios, "gemm_gflops": gemm, "share_of_gemm_limit": share, "mean_tokens": tokens, "runs": runs}
    path = keep("training_speed", " ".join(["python", "benchmarks/training_speed.py", *sys.argv[1:]]), body)
    losses = {name: round(found[0]["validation_loss"], 4) for name, found in runs.items()}
    print(json.dumps({"ratios": ratios, "validation_loss": losses, "share_of_gemm_limit": share, "kept": str(path)}, indent=1))


if __name__ == "__main__":
    main()
