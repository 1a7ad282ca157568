"""What all benchmarks share: paired runs in fresh processes, medians with intervals, and the kept result."""

from __future__ import annotations

import datetime
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bakeoff.records.environment import environment

RESULTS = Path(__file__).parent / "results"


def child(script: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a script's `--child` part in a fresh process.

    Args:
        script: path of the script.
        arguments: what it is told, as JSON.

    Returns:
        What it printed on its last line, as JSON.
    """
    command = [sys.executable, script, "--child", json.dumps(arguments)]
    settings = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0", **arguments.get("env", {})}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings}, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def median_with_interval(values: list[float]) -> dict[str, float]:
    """Median, with the smallest and largest value as its interval.

    For n pairs the range of all values covers the median with probability 1 - 2^(1 - n): 93.8 % at n = 5.

    Args:
        values: one a pair.

    Returns:
        `median`, `low`, `high`, `pairs`, `coverage`.
    """
    return {
        "median": round(statistics.median(values), 3),
        "low": round(min(values), 3),
        "high": round(max(values), 3),
        "pairs": len(values),
        "coverage": round(1 - 2.0 ** (1 - len(values)), 4),
    }


def keep(name: str, command: str, body: dict[str, Any]) -> Path:
    """Write a result beside the scripts.

    Args:
        name: of the file.
        command: that made it.
        body: the figures.

    Returns:
        The file.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    document = {"command": command, "date": date, "environment": environment(), **body}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path
