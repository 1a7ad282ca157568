"""Measure the error rates of Bakeoff's statistics, hold them against the gates, and attack them.

    python calibration/run.py --size small|full [--workers 2] [--keep]

`--keep` writes calibration/results/calibration-<size>.json and, with the full size, the tables of docs/statistics.md. Exit
code 1 if a gate does not hold.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

# two processes of one thread each are faster than one of two, and the same on every machine
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from attacks import ATTACKS  # noqa: E402
from bakeoff.records.environment import environment  # noqa: E402
from grid import SIZES, cells_of, choose_groups, judge  # noqa: E402
from tables import write_docs  # noqa: E402

RESULTS = Path(__file__).parent / "results"


def _task(task: tuple[str, ...]) -> Any:
    began = time.perf_counter()
    kind, name, size = task[0], task[1], SIZES[task[2]]
    if kind == "grid":
        found: Any = cells_of(name, int(task[3]), size)
    else:
        found = choose_groups(size) if kind == "groups" else ATTACKS[name](size)
    print(f"{' '.join(task)}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def measure(size_name: str, workers: int) -> dict[str, Any]:
    """Compute everything of a size.

    Args:
        size_name: a name of `SIZES`.
        workers: processes.

    Returns:
        Cells, gates, attacks, and how long it took.
    """
    began, size = time.perf_counter(), SIZES[size_name]
    tasks = [("grid", name, size_name, str(n)) for n in sorted(size.examples, reverse=True) for name in size.worlds]
    if size.attacks:
        tasks += [("attack", name, size_name) for name in ATTACKS] + [("groups", "", size_name)]
    if workers > 1:
        with ProcessPoolExecutor(workers) as processes:
            found = list(processes.map(_task, tasks))
    else:
        found = [_task(task) for task in tasks]
    results = dict(zip(tasks, found, strict=True))
    cells = [cell for task, part in results.items() if task[0] == "grid" for cell in part]
    return {
        "size": size_name,
        "seconds": round(time.perf_counter() - began),
        "workers": workers,
        "gates": judge(cells),
        "cells": cells,
        "attacks": {task[1]: part for task, part in results.items() if task[0] == "attack"},
        "groups": next((part for task, part in results.items() if task[0] == "groups"), []),
    }


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    measured = measure(options.size, options.workers)
    if options.keep:
        command = f"python calibration/run.py --size {options.size} --keep"
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        document = {"command": command, "date": date, "environment": environment(), **measured}
        RESULTS.mkdir(exist_ok=True)
        place = RESULTS / f"calibration-{options.size}.json"
        place.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        if options.size == "full":
            write_docs()
    print(json.dumps({"seconds": measured["seconds"], "gates": measured["gates"]}, indent=1, ensure_ascii=False))
    return 0 if all(gate["holds"] for gate in measured["gates"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
