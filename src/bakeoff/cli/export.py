"""`bakeoff export`: a trained model for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import AsJson, Rule, Seed, Task, Threads

NAME = "export"
SHORT = "Write a trained model for transformers, PEFT or onnxruntime."
HELP = """Write a model that a run has kept in forms that others can load, with a model card:

\b
  merged      a folder of transformers' own: weights (adapters merged), tokenizer, labels
  adapter     an adapter in PEFT's format, of recipes with the method lora
  onnx        an ONNX graph in float32          (needs `pip install 'bakeoff[export]'`)
  onnx-int8   the same with weights in 8 bits

Each form is loaded again, asked the validation examples, and compared with the original: an output that is off by more than
--tolerance, or a metric that is worse by more than --allowed-loss, refuses it. `bakeoff predict FOLDER` uses what was exported.

\b
Examples:
  bakeoff export runs/demo-default:bce
  bakeoff export runs/demo-default:bce --form onnx --form onnx-int8
  bakeoff export runs/lora-vs-full-cpu:lora --task mrpc --form adapter --to my-adapter
"""
COLUMNS = {
    "form": "form",
    "size": ">size",
    "difference": ">largest difference",
    "changed": ">changed answers",
    "score": ">metric",
    "original": ">of the original",
    "interval": ">95 % interval, points",
    "folder": "folder",
}

Target = Annotated[
    str | None, typer.Argument(metavar="RUN", help="RUN or RUN:RECIPE; the newest run, and what leads there, without it.")
]
Forms = Annotated[list[str] | None, typer.Option("--form", "-f", help="merged, adapter, onnx, onnx-int8; repeatable.")]
To = Annotated[Path | None, typer.Option("--to", "-o", metavar="FOLDER", help="Where; exports/ of the run without it.")]
Tolerance = Annotated[
    float, typer.Option("--tolerance", help="What an output in float32 may be off by, over the largest output.")
]
Loss = Annotated[float, typer.Option("--allowed-loss", help="By how much the metric on validation may be worse.")]


def command(
    target: Target = None,
    forms: Forms = None,
    to: To = None,
    tolerance: Tolerance = 1e-4,
    allowed_loss: Loss = 0.01,
    task: Task = "",
    seed: Seed = None,
    rule: Rule = "",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Write a trained model for others."""
    from bakeoff import api
    from bakeoff.cli.shown import say, show, shown_path, size

    options = api.ExportOptions(tuple(forms or ("merged",)), to, tolerance, allowed_loss, threads)
    found = api.export(target, api.Choice(task=task, seed=seed, rule=rule), options, lambda text: say(f"{text} …"))
    if as_json:
        rows = [
            {"form": one.form, "folder": one.folder, "bytes": one.bytes, **one.verification.model_dump(mode="json")}
            for one in found
        ]
        show(COLUMNS, rows, as_json=True)
        return
    rows = []
    for one in found:
        told = one.verification
        rows.append(
            {
                "form": one.form,
                "size": size(one.bytes),
                "difference": f"{told.largest_difference:.1e}",
                "changed": f"{told.changed} of {told.examples}",
                "score": told.score,
                "original": told.original,
                "interval": f"{100 * told.low:+.2f} to {100 * told.high:+.2f}",
                "folder": shown_path(one.folder),
            }
        )
    show(COLUMNS, rows, as_json=False)
