"""How fast are predictions beside transformers' pipeline, and do a million rows stay in order and in bounded memory?

    bakeoff run demo --only recipe=bce,seed=42
    bakeoff export runs/demo-default:bce --form merged --form onnx-int8 --allowed-loss 0.05
    python benchmarks/prediction_speed.py runs/demo-default/exports/demo-bce-s42 [--launches 5] [--rows 800] [--million 1000000]

Texts are comments of GoEmotions. `latency`: one text at a time, in float32 by the pipeline, by the merged export, and by the
graph in 8 bits, in turn within a process. `throughput`: many texts, by the pipeline at its best batch size and by
`api.Predictor`, pipes to its process included, in turn. `million`: as many rows of a CSV file through `bakeoff predict` with a
model of 2 layers and width 64, and the resident memory of all its processes on the way; the pipeline answers 20,000 of the rows
at its best batch size before and after. Every side has one thread. The unit of statistics is a launch.

Processor time stands beside the clock's: on a machine that is busy with other things as well, it is what can be compared.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import child, keep, median_with_interval

BATCHES = (1, 8, 32, 64, 128)
WARM, LATENCIES, BLOCK = 20, 200, 20
THREADS = 1
PEER_ROWS = 20_000
SAMPLES = 40
Ask = Callable[[list[str]], Any]


def texts_of(rows: int) -> list[str]:
    """Validation texts of GoEmotions: 13 words in the mean; after 5,426 they come again."""
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


def timed(ask: Ask, texts: list[str], also: Any = None) -> dict[str, float]:
    """Rows a second, and a second of processor time: of this process, and of another that works for it."""
    spent = lambda: time.process_time() + (sum(also.cpu_times()[:2]) if also is not None else 0.0)  # noqa: E731
    before, began = spent(), time.perf_counter()
    found = len(ask(texts))
    seconds, cpu_seconds = time.perf_counter() - began, spent() - before
    assert found == len(texts)
    return {"rows_per_second": round(found / seconds, 1), "rows_per_cpu_second": round(found / cpu_seconds, 1)}


def times(ours: dict[str, float], peers: list[dict[str, float]]) -> dict[str, float]:
    """How many times as fast, against the best of the peer's, by the clock and by processor time."""
    return {key: ours[key] / max(peer[key] for peer in peers) for key in ours}


def latency(told: dict[str, Any]) -> dict[str, Any]:
    """One text at a time, some by each side in turn."""
    from bakeoff import api
    from bakeoff.serving.predictor import Predictor
    from bakeoff.serving.rows import Texts
    from bakeoff.training.arithmetic import settle

    settle(THREADS, deterministic=False)
    ask = pipeline_of(f"{told['folder']}/merged", told["labels"])
    sides: dict[str, Callable[[str], Any]] = {"pipeline": lambda text: ask([text], batch_size=1)}
    for form in ("merged", "onnx-int8"):
        predictor = Predictor.load(api.find_served(f"{told['folder']}/{form}"), "fp32", THREADS)
        sides[form] = lambda text, predictor=predictor: predictor.predict(Texts([text])).plain()  # type: ignore[misc]
    texts = texts_of(WARM + LATENCIES)
    spent: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for start in range(0, len(texts), BLOCK):
        for side, answer in sides.items():
            for text in texts[start : start + BLOCK]:
                began, before = time.perf_counter(), time.process_time()
                answer(text)
                spent[side].append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - before)))
    return {
        side: {
            **percentiles([clock for clock, _ in values[WARM:]]),
            "p50_cpu_ms": round(statistics.median(cpu for _, cpu in values[WARM:]), 3),
        }
        for side, values in spent.items()
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """Of milliseconds."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 3), "p95_ms": round(cuts[94], 3), "p99_ms": round(cuts[98], 3)}


def throughput(told: dict[str, Any]) -> dict[str, Any]:
    """Many texts, by each side in turn; the first launch also finds the pipeline's best batch size."""
    import psutil

    from bakeoff import api

    texts, ask = texts_of(told["rows"]), pipeline_of(f"{told['folder']}/merged", told["labels"])
    ask(texts[:64], batch_size=32)
    sizes = told["batches"]
    by_batch = {size: timed(lambda rows, size=size: ask(rows, batch_size=size), texts[:256]) for size in sizes}  # type: ignore[misc]
    best = max(by_batch, key=lambda size: by_batch[size]["rows_per_cpu_second"])
    rates = {"pipeline": timed(lambda rows: ask(rows, batch_size=best), texts)}
    for name, form in (("fp32", "merged"), ("onnx-int8", "onnx-int8")):
        precision = "fp32" if form == "merged" else None
        with api.Predictor(f"{told['folder']}/{form}", threads=THREADS, precision=precision) as predictor:
            predictor.predict(texts[:64])
            (worker,) = psutil.Process().children()
            rates[name] = timed(predictor.predict, texts, worker)
    rates["pipeline again"] = timed(lambda rows: ask(rows, batch_size=best), texts)
    return {"by_batch": by_batch, "best": best, "rates": rates}


def make_small(folder: Path) -> Path:
    """A model of 2 layers and width 64 with random weights and the tokenizer of MiniLM, and a study of it."""
    import torch
    import transformers

    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home

    source = locate_model(Home.default(), "minilm-l6").folder
    config = transformers.AutoConfig.from_pretrained(source)
    config.num_hidden_layers, config.hidden_size, config.intermediate_size, config.num_attention_heads = 2, 64, 256, 2
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder / "small")
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder / "small")
    study = {
        "bakeoff": 1,
        "name": "small",
        "tasks": {"demo": {"dataset": "demo", "metric": "f1_macro", "max_length": 64}},
        "recipes": {"small": {"model": "./small", "method": "full", "training": {"epochs": 1, "threads": THREADS}}},
        "seeds": [42],
        "keep": "all",
    }
    (folder / "small.yaml").write_text(json.dumps(study))  # JSON is YAML
    subprocess.run([sys.executable, "-m", "bakeoff", "run", "small.yaml"], cwd=folder, check=True, capture_output=True)
    return folder / "runs" / "small-default"


def watch(process: subprocess.Popen[str], source: Path) -> list[dict[str, float]]:
    """Resident memory of a process and its children while it runs, and how much of the file it has read."""
    import psutil

    samples, me, size = [], psutil.Process(process.pid), source.stat().st_size
    began = time.monotonic()
    while process.poll() is None:
        try:
            tree = [me, *me.children(recursive=True)]
            resident = sum(one.memory_info().rss for one in tree)
            cpu_seconds = sum(sum(one.cpu_times()[:2]) for one in tree)
            read = next((file.position for file in me.open_files() if file.path == str(source)), 0)
        except psutil.NoSuchProcess:  # one of them has just ended
            continue
        sample = {"seconds": time.monotonic() - began, "cpu_seconds": cpu_seconds, "read": read / size, "mb": resident / 1e6}
        samples.append({key: round(value, 3) for key, value in sample.items()})
        time.sleep(0.25)
    return samples


def million(told: dict[str, Any]) -> dict[str, Any]:
    """As many rows through a small model."""
    rows = told["rows"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        run = make_small(folder)
        source, target, texts = folder / "rows.csv", folder / "out.jsonl", texts_of(rows)
        with source.open("w", encoding="utf-8", newline="") as sink:
            writer = csv.writer(sink)
            writer.writerow(["id", "text"])
            writer.writerows(enumerate(texts))
        labels = len(json.loads((run / "analysis.json").read_text())["tasks"][0]["data"]["labels"])
        ask = pipeline_of(str(folder / "small"), labels)
        by_batch = {size: timed(lambda some, size=size: ask(some, batch_size=size), texts[:2000]) for size in told["batches"]}  # type: ignore[misc]
        best = max(by_batch, key=lambda size: by_batch[size]["rows_per_cpu_second"])
        peer = [timed(lambda some: ask(some, batch_size=best), texts[:PEER_ROWS])]
        command = ["predict", f"{run}:small", "--file", str(source), "--to", str(target), "--threads", str(THREADS)]
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "bakeoff", *command], stderr=subprocess.DEVNULL, text=True)
        samples = watch(process, source)
        seconds = time.monotonic() - began
        assert process.returncode == 0, command
        peer.append(timed(lambda some: ask(some, batch_size=best), texts[:PEER_ROWS]))
        count, in_order = 0, True
        with target.open(encoding="utf-8") as written:
            for line in written:
                row = json.loads(line)
                in_order = in_order and (row["id"], row["text"]) == (str(count), texts[count])
                count += 1
        cpu_seconds = max(sample["cpu_seconds"] for sample in samples)
        ours = {"rows_per_second": round(count / seconds, 1), "rows_per_cpu_second": round(count / cpu_seconds, 1)}
        at_work = [sample for sample in samples if sample["read"] > 0]
        early = [sample["mb"] for sample in at_work if sample["read"] <= 0.1]
        return {
            "rows": count,
            "seconds_from_start_to_end": round(seconds, 1),
            "cpu_seconds_from_start_to_end": round(cpu_seconds, 1),
            **ours,
            "in_order_and_unchanged": in_order,
            "mb_at_most_in_first_tenth": max(early),
            "mb_at_most_after": max(sample["mb"] for sample in at_work if sample["read"] > 0.1),
            "memory": at_work[:: max(1, len(at_work) // SAMPLES)],
            "pipeline_by_batch": by_batch,
            "pipeline": peer,
            "pipeline_rows": PEER_ROWS,
            "times_as_fast": times(ours, peer),
        }


PARTS = {"latency": latency, "throughput": throughput, "million": million}


def measure_latency(plain: dict[str, Any], launches: int) -> dict[str, Any]:
    """All launches, and how many times as fast as the pipeline the others are."""
    found = [child(__file__, {**plain, "part": "latency"}) for _ in range(launches)]
    sides = [side for side in found[0] if side != "pipeline"]
    faster = {
        key: {side: median_with_interval([one["pipeline"][key] / one[side][key] for one in found]) for side in sides}
        for key in ("p50_ms", "p50_cpu_ms")
    }
    middle = {
        side: {key: statistics.median(one[side][key] for one in found) for key in one_of} for side, one_of in found[0].items()
    }
    return {"launches": found, "median": middle, "times_as_fast": faster}


def measure_throughput(plain: dict[str, Any], launches: int, rows: int) -> dict[str, Any]:
    """Likewise; the pipeline's rate of a launch is the better of its two."""
    first, found = {**plain, "part": "throughput", "rows": rows}, []
    batches: tuple[int, ...] = BATCHES
    for _ in range(launches):
        found.append(child(__file__, {**first, "batches": batches}))
        batches = (found[0]["best"],)
        print(found[-1], flush=True)
    rates = [one["rates"] for one in found]
    ratios = {
        name: [times(one[name], [one["pipeline"], one["pipeline again"]]) for one in rates] for name in ("fp32", "onnx-int8")
    }
    faster = {
        key: {name: median_with_interval([one[key] for one in several]) for name, several in ratios.items()}
        for key in ("rows_per_second", "rows_per_cpu_second")
    }
    best = {"rows": rows, "pipeline_by_batch": found[0]["by_batch"], "best_batch": found[0]["best"]}
    return {**best, "rates": rates, "times_as_fast": faster}


def main() -> None:
    """Run all parts and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="")
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--million", type=int, default=1_000_000)
    parser.add_argument("--parts", default="latency,throughput,million")
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        told = json.loads(options.child)
        print(json.dumps(PARTS[told["part"]](told)))
        return
    wanted = options.parts.split(",")
    plain: dict[str, Any] = {"folder": str(Path(options.folder).absolute())}
    if {"latency", "throughput"} & set(wanted):
        from bakeoff import api

        plain["labels"] = len(api.find_served(f"{plain['folder']}/merged").decision.labels)
    for part in wanted:
        if part == "latency":
            found = measure_latency(plain, options.launches)
        elif part == "throughput":
            found = measure_throughput(plain, options.launches, options.rows)
        else:
            found = child(__file__, {"part": part, "rows": options.million, "batches": BATCHES[1:]})
        print(
            json.dumps({key: value for key, value in found.items() if key not in ("launches", "rates", "memory")}), flush=True
        )
        keep(f"prediction_{part}", f"python benchmarks/prediction_speed.py {' '.join(sys.argv[1:])}", found)


if __name__ == "__main__":
    main()
