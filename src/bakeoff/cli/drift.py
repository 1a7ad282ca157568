"""`bakeoff drift`: how far training moved what models make of texts."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from bakeoff.cli.options import AsJson, Run, Threads

NAME = "drift"
SHORT = "Measure how far training moved what models make of texts."
HELP = """Measure how far training moved what models make of texts, layer by layer: base against tuned, recipe against recipe,
seed against seed. The models must have been kept (`keep: all`). Validation texts are read, at most 750, drawn at random within
labels. Stopped in between, the same command goes on. Numbers stand in drift.json, a page in drift.html, figures in figures/.

\b
Examples:
  bakeoff drift runs/lora-vs-full-cpu
  bakeoff drift --claim "lora drifts at least 20% less than full on sst2"
  bakeoff drift runs/lora-vs-full-cpu --pooling first --layers 4 --layers 5 --layers 6 --json
"""
COLUMNS = {
    "task": "task",
    "recipe": "recipe",
    "seeds": ">seeds",
    "drift": ">drift, 95 % interval",
    "between": ">between its seeds",
    "layer": ">most in layer",
}
PAIRS = {"task": "task", "a": "recipe", "less": "drifts", "b": "than", "visible": ">smallest to be seen"}
CLAIMS = {"claim": "claim", "task": "on", "answer": "answer", "contrast": ">contrast, 95 %", "p": ">corrected p"}

Claims = Annotated[
    list[str] | None, typer.Option("--claim", metavar="SENTENCE", help="A sentence to answer, such as `A drifts less than B`.")
]
Pooling = Annotated[
    Literal["first", "mean", "last"] | None,
    typer.Option("--pooling", help="How token vectors become one; each recipe's own without it."),
]
Layers = Annotated[
    list[int] | None,
    typer.Option("--layers", min=0, metavar="N", help="A layer to average over, repeatable; all but the embeddings (0)."),
]
Examples = Annotated[int, typer.Option("--examples", min=20, metavar="N", help="Validation texts at most.")]
Chunk = Annotated[int, typer.Option("--chunk", min=1, metavar="N", help="Texts that are read at a time.")]
Memory = Annotated[str, typer.Option("--memory", metavar="SIZE", help="Memory that reading may use.")]
Tasks = Annotated[list[str] | None, typer.Option("--task", metavar="NAME", help="A task, repeatable; all without it.")]


def command(
    run: Run = None,
    claim: Claims = None,
    task: Tasks = None,
    pooling: Pooling = None,
    layers: Layers = None,
    examples: Examples = 750,
    chunk: Chunk = 200,
    threads: Threads = None,
    memory: Memory = "4GB",
    as_json: AsJson = False,
) -> None:
    """Measure how far training moved what models make of texts."""
    from bakeoff import api
    from bakeoff.cli.shown import say, show, shown_path, write, write_json
    from bakeoff.errors import RunError
    from bakeoff.report.drift_page import number_words, ratio, spread, summary
    from bakeoff.study.quantities import parse_size

    try:
        most = parse_size(memory)
    except ValueError as error:
        raise RunError(str(error), "--memory", "such as 4GB") from error
    options = api.DriftOptions(pooling, layers, examples, chunk, threads, most, claim or (), task or ())
    found, folder = api.drift(run, options, say)
    if as_json:
        write_json(found.model_dump(mode="json"))
        return
    show(COLUMNS, summary(found), as_json=False)
    pairs = [
        {"task": part.name, "a": pair.a, "less": ratio(pair.ratio), "b": pair.b, "visible": number_words(pair.smallest_visible)}
        for part in found.tasks
        for pair in part.pairs
    ]
    if pairs:
        show(PAIRS, pairs, as_json=False)
    if found.claims:
        rows = [one.model_dump() | {"contrast": spread(one.contrast), "p": f"{one.corrected_p:.3g}"} for one in found.claims]
        show(CLAIMS, rows, as_json=False)
    write(f"page: {shown_path(folder.drift_page)}")
