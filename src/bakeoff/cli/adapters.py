"""`bakeoff adapters`: what adapters have become, and what they say on one pretrained model together."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli.options import AsJson, Run, Threads

NAME = "adapters"
SHORT = "See that adapters of a run share one pretrained model and say what each says alone."
HELP = """See that adapters of a run share one pretrained model and say what each says alone. The models must have been kept
(`keep: all`). Adapters are put on one copy of the model, take turns at validation texts, and are compared with themselves on a
copy of their own; the model's weights are hashed before and after. Numbers stand in adapters.json. Exit 0 if all holds, else 3.

\b
Examples:
  bakeoff adapters runs/lora-vs-full-cpu
  bakeoff adapters --examples 200 --json
"""
COLUMNS = {
    "base": "pretrained model",
    "trial": "adapter",
    "size": ">parameters",
    "rank": ">effective rank",
    "merged": ">merged differs by",
    "difference": ">together differs by",
    "changed": ">answers changed",
}

Examples = Annotated[int, typer.Option("--examples", min=1, metavar="N", help="Validation texts that each is asked, at most.")]


def command(run: Run = None, examples: Examples = 64, threads: Threads = None, as_json: AsJson = False) -> None:
    """See that adapters of a run share one pretrained model and say what each says alone."""
    from bakeoff import api
    from bakeoff.cli.shown import show, write, write_json
    from bakeoff.records.results import Result

    found, folder = api.adapters(run, examples, threads)
    if as_json:
        write_json(found.model_dump(mode="json"))
        raise typer.Exit(0 if found.holds else 3)
    rows = []
    for base in found.bases:
        for one in base.adapters:
            anatomy = Result.read(folder.trial(one.trial).result).training["anatomy"]
            ranks = [layer["effective_rank"] for layer in anatomy["layers"]]
            rows.append(
                {
                    "base": f"{base.model}, {base.pooling}",
                    "trial": one.trial,
                    "size": f"{anatomy['adapter_parameters']:,}",
                    "rank": f"{sum(ranks) / len(ranks):.1f}",
                    "merged": f"{anatomy['merged_difference']:.1e}",
                    "difference": f"{max(one.difference, one.again):.1e}",
                    "changed": f"{one.changed} of {one.examples}",
                }
            )
    show(COLUMNS, rows, as_json=False)
    for base in found.bases:
        same = base.recorded and base.base_sha256 == base.base_sha256_after
        words = "before, after, and in every result" if same else f"before, and {base.base_sha256_after[:12]} after"
        write(f"{base.model}, {base.pooling}: {len(base.adapters)} adapters; weights {base.base_sha256[:12]} {words}")
    for line in found.left_out:
        write(f"left out: {line}")
    raise typer.Exit(0 if found.holds else 3)
