"""How fast are predictions beside transformers' pipeline, and do a million rows stay in order and in bounded memory?

    bakeoff run demo --only recipe=bce,seed=42
    bakeoff export runs/demo-default:bce --form merged --form onnx-int8 --allowed-loss 0.05
    python benchmarks/prediction_speed.py runs/demo-default/exports/demo-bce-s42 [--pairs 5] [--rows 3000] [--million 1000000]

`latency`: one short text at a time, in float32 by the pipeline and by the graph in 8 bits. `throughput`: many texts, by the
pipeline at its best batch size and by `api.Predictor`, pipes to its process included; every side one thread. `million`: as many
rows through a model of 2 layers and width 32, with the largest memory of both processes at a tenth of the way and at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from measuring import child, keep, median_with_interval

BATCHES = (1, 8, 32, 64, 128)
WARM, LATENCIES = 20, 200
THREADS = 1


def texts_of(rows: int) -> list[str]:
    """Validation texts of GoEmotions: 19 tokens in the mean."""
    from bakeoff.data.store import find_dataset
    from bakeoff.records.paths import Home

    found: list[str] = find_dataset(Home.default(), "goemotions").texts("validation")
    return (found * (rows // len(found) + 1))[:rows]


def pipeline_of(folder: str, labels: int) -> Any:
    """transformers' pipeline over the same body with a head of as many labels."""
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=labels, problem_type="multi_label_classification", ignore_mismatched_sizes=True
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return transformers.pipeline("text-classification", model=model.eval(), tokenizer=tokenizer, device="cpu", top_k=None)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def latency(told: dict[str, Any]) -> dict[str, Any]:
    """One text at a time."""
    texts = texts_of(WARM + LATENCIES)
    if told["side"] == "pipeline":
        ask = pipeline_of(f"{told['folder']}/merged", told["labels"])
        kind = lambda text: ask([text], batch_size=1)  # noqa: E731
    else:
        from bakeoff import api
        from bakeoff.serving.predictor import Predictor
        from bakeoff.serving.rows import Texts
        from bakeoff.training.arithmetic import settle

        settle(THREADS, deterministic=False)
        predictor = Predictor.load(api.find_served(f"{told['folder']}/{told['side']}"), "fp32", THREADS)
        kind = lambda text: predictor.predict(Texts([text])).plain()  # noqa: E731
    spent = []
    for text in texts:
        began = time.perf_counter()
        kind(text)
        spent.append(1000 * (time.perf_counter() - began))
    spent = spent[WARM:]
    return {"p50_ms": statistics.median(spent), "p95_ms": percentile(spent, 0.95), "p99_ms": percentile(spent, 0.99)}


def throughput(told: dict[str, Any]) -> dict[str, Any]:
    """Many texts."""
    texts = texts_of(told["rows"])
    if told["side"] == "pipeline":
        ask = pipeline_of(f"{told['folder']}/merged", told["labels"])
        ask(texts[:64], batch_size=told["batch"])
        began = time.perf_counter()
        found = ask(texts, batch_size=told["batch"])
        return {"rows_per_second": len(found) / (time.perf_counter() - began)}
    from bakeoff import api

    with api.Predictor(f"{told['folder']}/{told['form']}", threads=THREADS, precision=told["precision"]) as predictor:
        predictor.predict(texts[:64])
        began = time.perf_counter()
        count = sum(1 for _ in predictor.stream(texts))
        return {"rows_per_second": count / (time.perf_counter() - began)}


class Memory(threading.Thread):
    """Largest resident memory of this process and its children, in two parts of the way."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.early, self.late, self.begun = 0, 0, False

    def run(self) -> None:
        import psutil

        me = psutil.Process()
        while True:
            total = sum(one.memory_info().rss for one in [me, *me.children(recursive=True)] if one.is_running())
            if self.begun:
                self.late = max(self.late, total)
            else:
                self.early = max(self.early, total)
            time.sleep(0.5)


def million(told: dict[str, Any]) -> dict[str, Any]:
    """As many rows through a tiny model."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from bakeoff import api
    from kept import make_run

    rows = told["rows"]
    with tempfile.TemporaryDirectory() as name:
        os.environ["BAKEOFF_HOME"] = f"{name}/home"
        kept = make_run(Path(name) / "made", tasks=("tiny",), recipes=("full",))
        source, target = Path(name) / "rows.csv", Path(name) / "out.jsonl"
        words = ("what a happy day", "this is bad, very bad!", "a quiet night by the sea and nothing else to say of it")
        with source.open("w") as sink:
            sink.write("id,text\n")
            sink.writelines(f'{n},"{words[n % 3]} {n}"\n' for n in range(rows))
        memory = Memory()

        def say(done: int, _: int) -> None:
            memory.begun = memory.begun or done >= rows // 10

        with api.Predictor(kept.run.root, recipe="full", threads=THREADS) as predictor:
            memory.start()
            began = time.perf_counter()
            count = api.predict_path(predictor, source, target, told=say)
            seconds = time.perf_counter() - began
        with target.open() as written:
            in_order = all(json.loads(line)["id"] == str(n) for n, line in enumerate(written))
        return {
            "rows": count,
            "seconds": seconds,
            "rows_per_second": count / seconds,
            "in_order": in_order,
            "peak_bytes_first_tenth": memory.early,
            "peak_bytes_after": memory.late,
        }


PARTS = {"latency": latency, "throughput": throughput, "million": million}


def main() -> None:
    """Run all parts and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--million", type=int, default=1_000_000)
    parser.add_argument("--parts", default="latency,throughput,million")
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        told = json.loads(options.child)
        print(json.dumps(PARTS[told["part"]](told)))
        return
    from bakeoff import api

    folder = str(Path(options.folder).absolute())
    wanted = options.parts.split(",")
    body: dict[str, Any] = {}
    plain: dict[str, Any] = {"folder": folder}
    if {"latency", "throughput"} & set(wanted):
        plain["labels"] = len(api.find_served(f"{folder}/merged").decision.labels)
    if "latency" in wanted:
        runs: dict[str, list[dict[str, Any]]] = {"pipeline": [], "onnx-int8": [], "merged": []}
        for _ in range(options.pairs):
            for side, found in runs.items():
                found.append(child(__file__, {**plain, "part": "latency", "side": side}))
                print(side, found[-1], flush=True)
        ratios = {
            side: median_with_interval([p["p50_ms"] / o["p50_ms"] for p, o in zip(runs["pipeline"], runs[side], strict=True)])
            for side in ("onnx-int8", "merged")
        }
        body["latency"] = {"runs": runs, "times_as_fast": ratios}
    if "throughput" in wanted:
        first = {**plain, "part": "throughput", "rows": options.rows}
        peer = {**first, "side": "pipeline"}
        by_batch = {batch: child(__file__, {**peer, "batch": batch})["rows_per_second"] for batch in BATCHES}
        best = max(by_batch, key=by_batch.__getitem__)
        print("pipeline by batch", by_batch, flush=True)
        ours = {"fp32": ("merged", "fp32"), "bf16": ("merged", "bf16"), "onnx-int8": ("onnx-int8", None)}
        rates: dict[str, list[float]] = {"pipeline": [], **{name: [] for name in ours}}
        for _ in range(options.pairs):
            rates["pipeline"].append(child(__file__, {**peer, "batch": best})["rows_per_second"])
            for name, (form, precision) in ours.items():
                told = {**first, "side": "ours", "form": form, "precision": precision}
                rates[name].append(child(__file__, told)["rows_per_second"])
            print({name: round(found[-1], 1) for name, found in rates.items()}, flush=True)
        ratios = {
            name: median_with_interval([o / p for o, p in zip(rates[name], rates["pipeline"], strict=True)]) for name in ours
        }
        body["throughput"] = {"pipeline_by_batch": by_batch, "best_batch": best, "rates": rates, "times_as_fast": ratios}
    if "million" in wanted:
        body["million"] = child(__file__, {"part": "million", "rows": options.million})
    path = keep("prediction_speed", " ".join(["python", "benchmarks/prediction_speed.py", *sys.argv[1:]]), body)
    shown = {key: value.get("times_as_fast", value) for key, value in body.items()}
    print(json.dumps({**shown, "kept": str(path)}, indent=1))


if __name__ == "__main__":
    main()
