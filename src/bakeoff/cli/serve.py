"""`bakeoff serve`: trained models over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import Precision, Rule, Seed, Task, Threads

NAME = "serve"
SHORT = "Serve trained models over HTTP, with a page to try them by hand."
HELP = """Serve one or several models that runs have kept, or exports, over HTTP: POST /predict, GET /models, /health, /ready,
/metrics (Prometheus), /openapi.json, and a page to try them by hand. Needs `pip install 'bakeoff[serve]'`.

Adapters on one pretrained model share it in memory; requests choose by "model". What waits while the models work is answered
together; what would wait longer than --queue-seconds is refused with 503 at once. Beyond this machine (--host) a token is
needed: --token-file, or BAKEOFF_SERVE_TOKEN.

\b
Examples:
  bakeoff serve runs/demo-default:bce
  bakeoff serve runs/lora-vs-full-cpu:lora paraphrase=exports/mrpc-lora --port 8080
  curl -s localhost:8000/predict -H 'content-type: application/json' -d '{"texts": ["what a day"]}'
"""

Targets = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help="RUN, RUN:RECIPE or the folder of an export; NAME= before it names it.")
]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")]
Hosts = Annotated[
    list[str] | None, typer.Option("--host-name", help="A name that requests may call the server by. Repeatable.")
]
TokenFile = Annotated[Path | None, typer.Option("--token-file", metavar="FILE", help="File with the token that requests show.")]
BodyBytes = Annotated[int, typer.Option("--body-bytes", min=1000, help="Size of a request's body at most.")]
BodySeconds = Annotated[float, typer.Option("--body-seconds", min=0.05, help="Time in which a request has to be here.")]
Rows = Annotated[int, typer.Option("--rows", min=1, help="Texts of a request at most.")]
QueueSeconds = Annotated[float, typer.Option("--queue-seconds", min=0.01, help="Expected waiting beyond which is refused.")]
BatchRows = Annotated[int, typer.Option("--batch-rows", min=1, help="Texts of several requests answered together at most.")]


def command(
    targets: Targets,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    hosts: Hosts = None,
    token_file: TokenFile = None,
    body_bytes: BodyBytes = 4_000_000,
    body_seconds: BodySeconds = 0.8,
    rows: Rows = 1_000,
    queue_seconds: QueueSeconds = 0.8,
    batch_rows: BatchRows = 256,
    task: Task = "",
    seed: Seed = None,
    rule: Rule = "",
    threads: Threads = None,
    precision: Precision = "",
) -> None:
    """Serve trained models over HTTP."""
    from bakeoff import api
    from bakeoff.cli.shown import say

    limits = {
        "body_bytes": body_bytes,
        "body_seconds": body_seconds,
        "rows": rows,
        "queue_seconds": queue_seconds,
        "batch_rows": batch_rows,
    }
    options = api.ServeOptions(host, port, tuple(hosts or ()), token_file, threads, precision or None, limits)
    say("starting …")
    try:
        api.serve(
            targets, api.Choice(task=task, seed=seed, rule=rule), options, lambda address: say(f"{address} (Ctrl-C ends it)")
        )
    except KeyboardInterrupt:
        say("stopped")
