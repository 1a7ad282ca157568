"""`bakeoff bench`: what it costs to use the models of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli.options import AsJson, Run, Task, Threads

NAME = "bench"
SHORT = "Measure what it costs to use the models of a run."
HELP = """Measure what it costs to use the models of a run, and whether every way to use them gives the same answers: whole
models in float32 and bfloat16, a LoRA adapter merged in or beside its base, two and three adapters on one base, ONNX in float32
and 8 bits. Each launch is a process of its own, and the ways take turns; intervals have the launch as their unit. Exports that
are missing are made and verified. Stopped in between, the same command goes on. Numbers stand in bench.json, a page in
bench.html.

\b
Examples:
  bakeoff bench runs/lora-vs-full-cpu --task sst2
  bakeoff bench --recipe lora --way whole --way adapter --way adapters-3 --launches 10 --threads 1
  bakeoff bench runs/mine --texts 500 --batch-size 1 --batch-size 64 --json
"""
VARIANTS = {
    "name": "way",
    "p50": ">median, ms",
    "p95": ">95 %",
    "p99": ">99 %",
    "rate": ">texts/s",
    "memory": ">memory, MB",
    "load": ">load, s",
    "disk": ">disk, MB",
    "changed": ">changed",
    "score": ">score",
}
CONTRASTS = {
    "a": "way",
    "b": "than",
    "latency": ">latency",
    "rate": ">texts/s",
    "memory": ">memory",
    "answers": "answers",
}

Recipes = Annotated[
    list[str] | None,
    typer.Option("--recipe", metavar="NAME", help="A recipe, repeatable; all whose models were kept without it."),
]
Ways = Annotated[
    list[str] | None,
    typer.Option(
        "--way",
        metavar="WAY",
        help="whole, whole-bf16, adapter, adapters-2, adapters-3, onnx or onnx-int8, repeatable; all without it. "
        "The model as its trial left it is always measured.",
    ),
]
Launches = Annotated[int, typer.Option("--launches", min=1, metavar="N", help="Timed processes of each way.")]
Texts = Annotated[int, typer.Option("--texts", min=1, metavar="N", help="Validation texts that a launch is timed on.")]
WarmUp = Annotated[int, typer.Option("--warm-up", min=0, metavar="N", help="Requests before the first that is timed.")]
BatchSizes = Annotated[
    list[int] | None,
    typer.Option("--batch-size", min=1, metavar="N", help="Texts of a request, repeatable; 8, 32 and 128 without it."),
]
Examples = Annotated[
    int, typer.Option("--examples", min=2, metavar="N", help="Validation examples at most whose answers are compared.")
]


def command(
    run: Run = None,
    task: Task = "",
    recipe: Recipes = None,
    way: Ways = None,
    launches: Launches = 5,
    texts: Texts = 300,
    warm_up: WarmUp = 20,
    batch_size: BatchSizes = None,
    examples: Examples = 1000,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Measure what it costs to use the models of a run."""
    from bakeoff import api
    from bakeoff.cli.shown import say, show, shown_path, write, write_json
    from bakeoff.report.bench_words import busy_words, contrast_rows, headline, middle_size, variant_rows

    options = api.BenchOptions(
        task=task,
        recipes=recipe or (),
        ways=way or (),
        launches=launches,
        texts=texts,
        warm_up=warm_up,
        batch_sizes=sorted(set(batch_size or (8, 32, 128))),
        examples=examples,
        threads=threads,
    )
    found, folder = api.bench(run, options, say)
    if as_json:
        write_json(found.model_dump(mode="json"))
        return
    size = middle_size(found)
    by_size = {"rate": f">texts/s by {size}"} if size else {}
    show(VARIANTS | by_size, variant_rows(found), as_json=False)
    if found.contrasts:
        show(CONTRASTS | by_size, contrast_rows(found), as_json=False)
    for line in found.left_out:
        write(f"left out: {line}")
    for line in filter(None, (headline(found), busy_words(found))):
        write(line)
    write(f"page: {shown_path(folder.bench_page)}")
