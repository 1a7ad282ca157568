"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

Study = Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or the name of a built-in study: demo.")]
Profile = Annotated[str | None, typer.Option("--profile", "-p", help="The study's profile to lay over it.", metavar="NAME")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="Set one value, such as defaults.training.epochs=2. Repeatable.", metavar="KEY=VALUE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the same as JSON on standard output.")]
Run = Annotated[
    str | None, typer.Argument(metavar="RUN", help="A run folder, or the name of one in runs/; the newest without it.")
]
Workers = Annotated[
    int, typer.Option("--workers", "-w", min=1, max=64, metavar="N", help="Trials that run at a time; results stay the same.")
]
Task = Annotated[str, typer.Option("--task", metavar="NAME", help="The task, where the run has several.")]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="The seed; without it the best on validation of those that were kept.")
]
Rule = Annotated[
    str,
    typer.Option(
        "--rule", metavar="RULE", help="How labels are given: tuned, per-label, or a threshold; without it the metric's rule."
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="CPU threads; all without it.")]
Precision = Annotated[
    str, typer.Option("--precision", metavar="NAME", help="Arithmetic: fp32, bf16 or fp16; the recipe's without it.")
]
