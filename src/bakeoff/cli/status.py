"""`bakeoff status`: how a run stands, while it goes on or not."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson, Run

if TYPE_CHECKING:
    from rich.console import Group

    from bakeoff.running.standing import Standing

NAME = "status"
SHORT = "How every trial of a run stands."
HELP = """How every trial of a run stands: state, progress, validation score, time left; and, of those that run, what they
use of the machine.

\b
Examples:
  bakeoff status
  bakeoff status runs/demo-default --watch
  bakeoff status --json
"""
COLUMNS = {
    "task": "task",
    "recipe": "recipe",
    "seed": ">seed",
    "state": "state",
    "progress": ">step",
    "score": ">validation",
    "took": ">time",
    "left": ">left",
    "cpu": ">CPU",
    "memory": ">memory",
    "reason": "reason",
}
WATCH_SECONDS = 1.0


def command(
    run: Run = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again until no runner is at work.")] = False,
    as_json: AsJson = False,
) -> None:
    """How a run stands."""
    from bakeoff import api
    from bakeoff.cli.shown import console, write_json

    folder = api.find_run(run).root
    if watch and not as_json:
        _watch(folder)
        return
    standing = api.status(folder)
    if as_json:
        write_json(as_plain(standing))
    else:
        console().print(view(standing))


def _watch(folder: Path) -> None:
    from rich.live import Live

    from bakeoff import api
    from bakeoff.cli.shown import console

    with Live(view(api.status(folder)), console=console(), auto_refresh=False) as live:
        while True:
            standing = api.status(folder)
            live.update(view(standing), refresh=True)
            if standing.owner is None:
                return
            time.sleep(WATCH_SECONDS)


def as_plain(standing: Standing) -> dict[str, Any]:
    """A standing as plain data.

    Args:
        standing: the standing.

    Returns:
        The same by key, the owner as a record or None.
    """
    body = asdict(standing) | {"owner": standing.owner.model_dump() if standing.owner else None}
    return body | {"trials": [row | {"state": row["state"].value} for row in body.pop("rows")]}


def view(standing: Standing) -> Group:
    """A standing for a terminal.

    Args:
        standing: the standing.

    Returns:
        A line about the whole, and a table of its trials.
    """
    from collections import Counter

    from rich.console import Group
    from rich.text import Text

    from bakeoff.cli.shown import duration, make_table, safe, score, shown_path, size

    counts = Counter(row.state.value for row in standing.rows)
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    left = f"; about {duration(standing.left_seconds)} left" if standing.left_seconds else ""
    idle = "no runner is at work"
    if not all(row.state.ended for row in standing.rows):
        idle += "; `bakeoff run` with the same study goes on"
    owner = f"runner: {standing.owner}" if standing.owner else idle
    rows = [
        {
            **asdict(row),
            "state": row.state.value,
            "progress": f"{row.step}/{row.steps}" if row.steps else "",
            "score": score(row.score) if row.score is not None else "",
            "took": duration(row.seconds) if row.seconds is not None else "",
            "left": duration(row.left_seconds) if row.left_seconds is not None else "",
            "cpu": f"{row.monitor['cpu_percent']:.0f} %" if "cpu_percent" in row.monitor else "",
            "memory": size(row.monitor["rss_bytes"]) if "rss_bytes" in row.monitor else "",
        }
        for row in standing.rows
    ]
    heading = [f"{shown_path(standing.run)}: {len(rows)} trials: {words}{left}", owner, *machine_lines(standing)]
    heading += [f"warning: {text}" for text in standing.warnings] if standing.owner else []
    watched = any(row.monitor for row in standing.rows)
    columns = {key: name for key, name in COLUMNS.items() if watched or key not in ("cpu", "memory")}
    return Group(Text(safe("\n".join(heading))), make_table(columns, rows))


def machine_lines(standing: Standing) -> list[str]:
    """What the machine has left, by the newest sample of a trial that runs.

    Args:
        standing: the standing.

    Returns:
        A line; none without a sample.
    """
    from bakeoff.cli.shown import size

    samples = [row.monitor for row in standing.rows if row.monitor]
    if not samples:
        return []
    last = samples[-1]
    parts = [f"{size(last['ram_free_bytes'])} of memory free"] if "ram_free_bytes" in last else []
    parts += [f"{size(last['disk_free_bytes'])} of disk free"] if "disk_free_bytes" in last else []
    if last.get("gpus"):
        used, total = size(last["gpu_used_bytes"]), size(last["gpu_total_bytes"])
        heat = f"{last['gpu_celsius']} °C"
        parts.append(f"{last['gpus']} GPUs: {used} of {total} used, {last['gpu_percent']} %, hottest {heat}")
    return [f"machine: {', '.join(parts)}"]
