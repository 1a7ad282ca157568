"""`python -m soak.stepping TRIAL FOLDER MOST`: stop a training after each of its steps and in its evaluations.

The process imports what the warm parent imports, and forks each attempt, as that does. The trial's own job says what is
trained. It prints, as JSON, what differed from the trial's product after each stop.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import Outcome, Result
from bakeoff.records.specs import JobSpec

UNREACHED = "it was never reached"
PRODUCT = ("result.json", "validation.npz", "test.npz", "model")


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a product.

    Args:
        folder: where it stands.

    Returns:
        Their bytes by relative path.
    """
    paths = [path for name in PRODUCT for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def in_child(act: Callable[[], object]) -> int:
    """Do something in a forked process.

    Args:
        act: what.

    Returns:
        The process's exit status.
    """
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def stop_after_step(step: int) -> None:
    """Ask for a stop when a step is done.

    Args:
        step: which, from 1.
    """
    from bakeoff.training.loop import Trainer

    real = Trainer.step

    def counted(self: Any, number: int, *drawn: Any) -> None:
        real(self, number, *drawn)
        if number + 1 == step:
            self.progress.stop_asked = True

    Trainer.step = counted  # type: ignore[method-assign]


def stop_in_evaluation(which: int) -> None:
    """Ask for a stop when outputs are computed.

    Args:
        which: the so manieth time, from 1.
    """
    from bakeoff.training import full

    real, left = full.outputs_of, [which]

    def counted(*given: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*given, **more)

    full.outputs_of = counted


def try_stop(template: JobSpec, place: Path, stop: Callable[[], None], expected: dict[str, bytes]) -> str:
    """Stop a training once, go on, and compare.

    Args:
        template: the trial's job.
        place: for the two attempts.
        stop: arranges the stop in the first attempt's process.
        expected: the undisturbed product.

    Returns:
        What is wrong; empty if nothing is.
    """
    from bakeoff.worker.run import run_job

    first, second = AttemptFolder(place / "1"), AttemptFolder(place / "2")
    for attempt, job in ((first, template), (second, template.model_copy(update={"resume": [str(first.root)]}))):
        attempt.root.mkdir(parents=True)
        job.write(attempt.job)

    def stopped() -> None:
        stop()
        run_job(first.root)

    in_child(stopped)
    said = Outcome.read(first.outcome)
    if said.state == "complete":
        return UNREACHED
    if said.state != "preempted":
        return f"the first attempt ended as {said.state}: {said.reason}"
    in_child(lambda: run_job(second.root))
    said = Outcome.read(second.outcome)
    if said.state != "complete":
        return f"the second attempt ended as {said.state}: {said.reason}"
    found = files_of(second.product)
    differ = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if not any("resume" in line for line in second.log.read_text().splitlines()):
        return "the second attempt began anew"
    return f"these differ: {', '.join(differ)}" if differ else ""


def main(trial: Path, place: Path, most: int) -> None:
    """Try every stop.

    Args:
        trial: the folder of the undisturbed trial.
        place: where attempts are kept.
        most: how many stops at most of each kind; 0 means all.
    """
    from bakeoff.worker import warm

    warm.preload(["bert"])
    folder = TrialFolder(trial)
    template, expected = JobSpec.read(folder.attempt(1).job), files_of(trial)
    steps = int(Result.read(folder.result).training["steps"])
    every, stops = max(1, steps // most) if most else 1, dict[str, str]()
    for step in range(1, steps + 1, every):
        stops[f"after step {step}"] = try_stop(
            template, place / f"step-{step}", lambda step=step: stop_after_step(step), expected
        )
    which = 1
    while True:
        asked = place / f"evaluation-{which}"
        found = try_stop(template, asked, lambda which=which: stop_in_evaluation(which), expected)
        if found == UNREACHED:
            break
        stops[f"in evaluation {which}"] = found
        which += 4 if most else 1
    sys.stdout.write(json.dumps({"steps": steps, "stops": stops}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
