"""What one GPU gives: several small trials at once on it, and one trial of a model of 1.1 billion parameters.

    python benchmarks/gpu.py packing [--at-once 1,2,4,8] [--trials 8] [--rows 8000] --texts goemotions/
    python benchmarks/gpu.py large [--rows 3000] --texts mrpc/

`packing` runs the same trials (a BERT of MiniLM's size with random weights, one seed each) with one, two, four and eight
workers on one GPU, and holds every score against those of one at a time. `large` trains a Llama of TinyLlama's size (random
weights, bf16, checkpointed) in full and by LoRA on sentence pairs: peak memory, tokens a second, and the share of the bf16
rate that matrix products of the same machine reach. Both go through `bakeoff run`, as a user's study would; without a GPU
they run on the CPU, which only `--small` makes bearable. With BAKEOFF_BENCHMARK_NO_CHECK=1 the runs skip the checks: for a
machine whose torch is older than the one that Bakeoff asks for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from bakeoff.records.results import Circumstances, Result
from measuring import keep

END = "<|endoftext|>"
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
TINYLLAMA = {
    "hidden_size": 2048,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "intermediate_size": 5632,
    "max_position_embeddings": 2048,
}
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
DATASETS = {"packing": "goemotions", "large": "mrpc"}
SIDE = 8192


def learn_tokenizer(texts: list[str], size: int, cls: bool) -> Any:
    """Byte-level BPE learned from the very texts, so that rows have about as many tokens as with a published tokenizer."""
    own = Tokenizer(models.BPE(unk_token=None))
    own.pre_tokenizer, own.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = [END, "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    own.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    if not cls:
        names = {"eos_token": END, "bos_token": END, "unk_token": END, "pad_token": "[PAD]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=own, **names)


def make_model(folder: Path, which: str, texts: list[str], small: bool) -> dict[str, int]:
    """Write a model with random weights."""
    torch.manual_seed(0)
    tokenizer = learn_tokenizer(texts, 400 if small else (30522 if which == "packing" else 32000), which == "packing")
    pad = int(tokenizer.pad_token_id)
    if which == "packing":
        config: Any = transformers.BertConfig(vocab_size=len(tokenizer), pad_token_id=pad, **(TINY if small else MINILM))
        model = transformers.BertModel(config, add_pooling_layer=False)
    else:
        vocabulary = len(tokenizer) if small else 32000
        config = transformers.LlamaConfig(vocab_size=vocabulary, pad_token_id=pad, **(TINY if small else TINYLLAMA))
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = transformers.LlamaModel(config)
        model.to(torch.bfloat16)
    model.to("cpu").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    embedded = model.get_input_embeddings().weight.numel()
    return {"parameters": sum(p.numel() for p in model.parameters()), "outside_embeddings": -embedded + model.num_parameters()}


def read_texts(folder: Path) -> list[str]:
    """Every line of the raw files: what the tokenizer learns from."""
    return [
        line for path in sorted(folder.glob("*.t*")) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    ]


def bakeoff(*arguments: str) -> float:
    """Run a command of Bakeoff; the seconds that it took."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "bakeoff", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"bakeoff {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
    return time.monotonic() - began


def carry_out(root: Path, name: str, study: dict[str, Any], *options: str) -> tuple[Path, float]:
    """Write a study and run it in a folder of its own."""
    path, run = root / f"{name}.yaml", root / f"run-{name}"
    path.write_text(yaml.safe_dump(study))
    checks = ["--no-check"] if os.environ.get("BAKEOFF_BENCHMARK_NO_CHECK") else []
    return run, bakeoff("run", str(path), "--run-dir", str(run), *checks, *options)


def trials_of(run: Path) -> dict[str, tuple[Result, Circumstances]]:
    """What each trial of a run found, and what it was like."""
    folders = sorted((run / "trials").iterdir())
    return {f.name: (Result.read(f / "result.json"), Circumstances.read(f / "circumstances.json")) for f in folders}


def packing(root: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """The same trials, one, two, four and eight at a time."""
    training = {"epochs": 1, "batch_size": 32, "learning_rate": 1e-4, "precision": "auto", "threads": 1}
    scored = {"validation_limit": chosen.scored, "test_limit": chosen.scored}
    study = {
        "name": "packing",
        "tasks": {"goemotions": {"dataset": "goemotions", "max_length": 128, "train_limit": chosen.rows, **scored}},
        "defaults": {"model": "./model", "training": training},
        "recipes": {"bce": {}},
        "seeds": list(range(1, chosen.trials + 1)),
        "keep": "none",
    }
    found: list[dict[str, Any]] = []
    alone: dict[str, Result] = {}
    for workers in (int(number) for number in chosen.at_once.split(",")):
        run, wall = carry_out(root, f"at-once-{workers}", study, "--workers", str(workers))
        trials = trials_of(run)
        alone = alone or {name: result for name, (result, _) in trials.items()}
        same = [result.model_dump() == alone[name].model_dump() for name, (result, _) in trials.items()]
        scores = [abs(float(r.validation["f1_macro"]) - float(alone[n].validation["f1_macro"])) for n, (r, _) in trials.items()]
        seconds = [one.seconds for _, one in trials.values()]
        steps = {int(result.training["steps"]) for result, _ in trials.values()}
        found.append(
            {
                "workers": workers,
                "wall_seconds": round(wall, 2),
                "seconds_a_trial": round(sum(seconds) / len(seconds), 2),
                "steps": max(steps),
                "trials_an_hour": round(3600 * len(trials) / wall, 1),
                "bitwise_equal": sum(same),
                "largest_difference_f1_macro": max(scores),
                "device_peak_bytes": max(one.device_peak_bytes for _, one in trials.values()),
                "device": next(iter(trials.values()))[1].machine.get("device"),
            }
        )
        print(json.dumps(found[-1]), flush=True)
        if not chosen.small:  # what is known so far, should the rest not come
            keep(
                "gpu_packing",
                "python benchmarks/gpu.py packing",
                {"trials": chosen.trials, "rows": chosen.rows, "found": found},
            )
    return {"trials": chosen.trials, "rows": chosen.rows, "found": found}


def product_rate() -> float:
    """What bf16 matrix products reach on this device, in operations a second."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    side = SIDE if device == "cuda" else 1024
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(4):
        wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
        wait()
        began = time.perf_counter()
        for _ in range(10):
            left @ right
        wait()
        best = min(best, (time.perf_counter() - began) / 10)
    return 2.0 * side**3 / best


OPERATIONS = {"full": (6, 8), "lora": (4, 6)}
"""Operations a parameter and token, without and with what checkpointing computes again: forward 2, again 2, gradients of what
flows 2, of the weights 2."""


def large_figures(folder: Path, trial: tuple[Result, Circumstances], parameters: int, rate: float) -> dict[str, Any]:
    """What one large trial took: tokens a second, memory, and the share of the rate of matrix products."""
    result, lived = trial
    recipe = "lora" if "-lora-" in folder.name else "full"
    seconds = train_seconds(folder / "attempts" / "1" / "log.jsonl", int(result.training["steps"]))
    tokens = int(result.training["tokens"]) / seconds
    needed, done = (factor * parameters * tokens for factor in OPERATIONS[recipe])
    return {
        "recipe": recipe,
        **{key: result.training[key] for key in ("steps", "tokens", "trainable_parameters", "packed")},
        "trial_seconds": lived.seconds,
        "training_seconds": round(seconds, 2),
        "tokens_a_second": round(tokens),
        "device_peak_bytes": lived.device_peak_bytes,
        "share_of_bf16_rate": round(needed / rate, 4),
        "share_with_what_is_computed_again": round(done / rate, 4),
        "device": lived.machine.get("device"),
        "deviations": lived.deviations,
    }


def large(root: Path, chosen: argparse.Namespace, sizes: dict[str, int]) -> dict[str, Any]:
    """One trial in full and one by LoRA."""
    body = {
        "epochs": 1,
        "batch_size": 32,
        "micro_batch_size": chosen.micro,
        "precision": "bf16",
        "gradient_checkpointing": True,
        "learning_rate": 1e-5,
    }
    task = {"dataset": "mrpc", "metric": "f1", "max_length": 384, "train_limit": chosen.rows}
    study = {
        "name": "large",
        "tasks": {"mrpc": {**task, "validation_limit": chosen.scored, "test_limit": chosen.scored}},
        "defaults": {"model": "./model", "pooling": "last", "training": body},
        "recipes": {
            "full": {"method": "full"},
            "lora": {"method": {"name": "lora", "rank": 8, "alpha": 16, "targets": ["q_proj", "v_proj"]}},
        },
        "seeds": [42],
        "keep": "none",
        "limits": {"checkpoint": "1h"},
    }
    rate = product_rate()
    run, wall = carry_out(root, "large", study)
    found = []
    for name, trial in trials_of(run).items():
        found.append(large_figures(run / "trials" / name, trial, sizes["outside_embeddings"], rate))
        print(json.dumps(found[-1]), flush=True)
    return {"wall_seconds": round(wall, 1), "bf16_operations_a_second": rate, **sizes, "found": found}


def train_seconds(log: Path, steps: int) -> float:
    """Seconds between the first and the last logged step, drawn out to all of them."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    seen = [(int(line["step"]), float(line["seconds"])) for line in lines if line["event"] == "step"]
    (first, began), (last, ended) = seen[0], seen[-1]
    return (ended - began) * steps / (last - first) if last > first else float("nan")


def main() -> None:
    """Prepare data and model, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["packing", "large"])
    parser.add_argument("--texts", type=Path, required=True, help="folder with the dataset's raw files")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--scored", type=int, default=1000, help="rows of validation and of test")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--at-once", default="1,2,4,8")
    parser.add_argument("--micro", type=int, default=32)
    parser.add_argument("--small", action="store_true", help="a tiny model, to try the script")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows or {"packing": 8000, "large": 3000}[chosen.which]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        os.environ["BAKEOFF_HOME"] = str(root / "home")
        bakeoff("data", "import", DATASETS[chosen.which], str(chosen.texts))
        sizes = make_model(root / "model", chosen.which, read_texts(chosen.texts), chosen.small)
        body = packing(root, chosen) if chosen.which == "packing" else large(root, chosen, sizes)
        command = f"python benchmarks/gpu.py {chosen.which} --rows {chosen.rows}"
        if not chosen.small:
            print(keep(f"gpu_{chosen.which}", command, {"sizes": sizes, **body}))


if __name__ == "__main__":
    main()
