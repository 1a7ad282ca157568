"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

MAX_WORKERS = 64
AUTO = "auto"


def read_workers(written: str | int) -> int:
    """How many trials run at a time.

    Args:
        written: a number, or `auto`.

    Returns:
        The number; 0 for `auto`.

    Raises:
        typer.BadParameter: if it is neither.
    """
    text = str(written).strip()
    if text == AUTO:
        return 0
    if text.isdecimal() and 1 <= int(text) <= MAX_WORKERS:
        return int(text)
    raise typer.BadParameter(f"{text!r} is not in the range 1 to {MAX_WORKERS}, and is not {AUTO}")


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
    int,
    typer.Option(
        "--workers",
        "-w",
        parser=read_workers,
        metavar="N|auto",
        help="Trials that run at a time, or auto: as many as fit, by what they were seen to take. Results stay the same.",
    ),
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
