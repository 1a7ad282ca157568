"""What does the runner itself cost, and how soon does a further trial start?

    python benchmarks/orchestration.py [--jobs 200] [--seconds 1] [--workers 1] [--starts 20] [--pairs 5]

Orchestration is (wall × slots - compute) / compute over stub jobs that sleep: attempts, logs, checks, hashes and every record
on disk are those of real trials. `whole` counts all from the first line of `run_study` to its return, the warm parent's imports
included; `steady` leaves those out. A further trial's start is the time from asking the executor for it to the first record
that its process writes; beside it, in turn, the time of `python -c "import torch; from transformers import Trainer"`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bakeoff.records.paths import AttemptFolder, Home, RunFolder
from bakeoff.records.specs import Component, JobSpec, Plan, RecipeSpec, TaskSpec, TrialSpec
from bakeoff.running.events import Event, TrialBegan, TrialEnded
from bakeoff.running.local import LocalExecutor
from bakeoff.running.plan_run import Materials, RunOrder
from bakeoff.running.runner import run_study
from bakeoff.running.warm import worker_environment
from bakeoff.running.watching import Limits
from measuring import keep, median_with_interval

FAMILY = "bert"
PEER = "import torch; from transformers import Trainer"


def order_of(root: Path, jobs: int, seconds: float, workers: int) -> RunOrder:
    """A plan of stub trials."""
    task = TaskSpec(name="t", dataset="d", fingerprint="f" * 64, kind="multilabel", metric="f1_macro", max_length=16)
    recipe = RecipeSpec(name="stub", method=Component(name="tfidf", version=1))
    return RunOrder(
        run=RunFolder(root / "run"),
        home=Home(root / "home"),
        plan=Plan(study="s", trials=[TrialSpec(task=task, recipe=recipe, seed=seed) for seed in range(jobs)]),
        study_yaml="name: s\n",
        materials=Materials({"f" * 64: root}, {}),
        limits=Limits(trial=3600, stall=600, retries=1),
        workers=workers,
        stub={"": {"seconds": seconds}},
    )


def orchestration(jobs: int, seconds: float, workers: int) -> dict[str, Any]:
    """Run stub jobs and see what is left of the wall clock."""
    times: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialEnded):
            times.append(time.monotonic())
        if isinstance(event, TrialBegan) and event.number == 1:
            first.append(time.monotonic())

    first: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        summary = run_study(order_of(Path(folder), jobs, seconds, workers), listen)
        whole = time.monotonic() - began
    if not summary.finished or summary.exit_code:
        raise SystemExit(f"not all jobs completed: {summary.counts}")
    # the first end is behind the imports and one job; from there on nothing but jobs and the runner is on the clock
    steady = (times[-1] - times[workers - 1]) * workers / ((jobs - workers) * seconds) - 1
    return {
        "jobs": jobs,
        "seconds_each": seconds,
        "workers": workers,
        "wall_seconds": round(whole, 3),
        "whole": round((whole * workers - jobs * seconds) / (jobs * seconds), 4),
        "steady": round(steady, 4),
        "first_job_seconds": round(times[0] - first[0], 3),
    }


def starts(executor: LocalExecutor, folder: Path, count: int) -> list[float]:
    """Seconds from asking for a job to its first record, for some jobs after the first."""
    found = []
    for number in range(count + 1):
        attempt = AttemptFolder(folder / str(number))
        attempt.root.mkdir(parents=True)
        began = time.monotonic()
        executor.start(attempt, JobSpec(kind="stub", id=f"start-{number}", stub={"seconds": 0.05}))
        while not (attempt.log.exists() and attempt.log.stat().st_size):
            time.sleep(0.0002)
        found.append(time.monotonic() - began)
        while not executor.poll(1.0):
            pass
    return found[1:]


def start_of_a_trial(count: int, pairs: int) -> dict[str, Any]:
    """Starts of further trials, and the peer's import, in turn."""
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as name, LocalExecutor([FAMILY], Path(name) / "warm.log") as executor:
        for pair in range(pairs):
            found = sorted(starts(executor, Path(name) / str(pair), count))
            ours.append(found[len(found) // 2])
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", PEER], check=True, env=worker_environment(), capture_output=True)
            peers.append(time.monotonic() - began)
    return {
        "start_milliseconds": median_with_interval([1000 * seconds for seconds in ours]),
        "peer_seconds": median_with_interval(peers),
        "times_faster": median_with_interval([peer / our for our, peer in zip(ours, peers, strict=True)]),
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--name", default="orchestration", help="of the kept result; empty keeps none")
    given = parser.parse_args()
    body = {
        "orchestration": orchestration(given.jobs, given.seconds, given.workers),
        "start": start_of_a_trial(given.starts, given.pairs) if given.pairs else {},
    }
    print(body)
    if given.name:
        print(keep(given.name, f"python benchmarks/orchestration.py {' '.join(sys.argv[1:])}".strip(), body))


if __name__ == "__main__":
    main()
