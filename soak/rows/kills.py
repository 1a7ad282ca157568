"""Rows 1, 2 and 8: the runner killed, its trials killed, both asked to stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from bakeoff.records.results import State
from soak.context import Context, RowResult
from soak.judging import faults_of, state_of
from soak.processes import Command, children_of, wait_until
from soak.reference import Study, materials

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LIMITS = {"trial": "10m", "stall": "5m", "disk_reserve": "1MB", "checkpoint_steps": 20, "retries": 1000}
CHECKPOINT_STEPS = 20


def kill_runner(context: Context) -> RowResult:
    """Kill the runner with SIGKILL at random times, and give the same command again, over consecutive studies.

    Args:
        context: what the row is given.

    Returns:
        What came of it: every trial complete, each completed once, H the same.
    """
    result, small, draws = RowResult(), not context.full, context.draws()
    expected, kills = materials().undisturbed(small), context.pick(2, 100)
    longest = 1.5 if small else 8.0
    studies = 0
    while result.tried < kills:
        studies += 1
        study = materials().study(context.place(studies), small, {"limits": LIMITS})
        while result.tried < kills:
            runner = study.start()
            until = time.monotonic() + draws.uniform(0.1, longest)
            wait_until(lambda runner=runner, until=until: not runner.running or time.monotonic() > until, 60)
            if not runner.running:
                break
            runner.kill()
            runner.wait()
            result.tried += 1
        result.blame(_ended(study, expected, small), f"study {studies}")
        if result.held and not context.kept:
            shutil.rmtree(study.run)
    result.notes.append(f"{kills} kills over {studies} studies")
    return result


def _ended(study: Study, expected: str, small: bool) -> list[str]:
    """The same command once more completes the study."""
    ended = study.go()
    faults = faults_of(study.folder, 2 if small else 12)
    if ended.exit or ended.traceback:
        faults.append(f"it ended with {ended.exit}: {ended.err[-500:]} ({study.run})")
    if study.hash != expected:
        faults.append(f"H is another one ({study.run})")
    if left := children_of(study.run):
        faults.append(f"processes live on: {left}")
    return faults


def kill_trials(context: Context) -> RowResult:
    """Kill trials with SIGKILL at random steps, over consecutive studies; the runner lives and retries.

    Args:
        context: what the row is given.

    Returns:
        What came of it: as for the runner, and no more steps made again than a checkpoint's interval.
    """
    result, small, draws = RowResult(), not context.full, context.draws()
    expected, kills, studies = materials().undisturbed(small), context.pick(2, 100), 0
    while result.tried < kills:
        studies += 1
        study = materials().study(context.place(studies), small, {"limits": LIMITS})
        runner, killed = study.start("--workers", "2" if context.full else "1"), set[str]()
        while runner.running and result.tried < kills:
            time.sleep(draws.uniform(0.02, 0.3 if small else 1.0))
            result.tried += _kill_one(study, killed, 1 if small else 3)
        runner.wait()
        result.blame(_ended(study, expected, small) + _redone(study), f"study {studies}")
        if studies > kills:
            result.faults.append(f"only {result.tried} trials could be met alive in {studies} studies")
            break
    result.notes.append(f"{kills} kills over {studies} studies; steps between two checkpoints: {CHECKPOINT_STEPS}")
    return result


def _kill_one(study: Study, killed: set[str], most: int) -> int:
    """Kill a trial's process, unless the trial was killed often enough in this study."""
    for pid in children_of(study.run):
        with suppress(OSError):
            attempt = next(
                str(Path(f"/proc/{pid}/fd/{n}").resolve())
                for n in os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
                if str(Path(f"/proc/{pid}/fd/{n}").resolve()).endswith("log.jsonl")
            )
            trial = attempt.split("/trials/")[1].split("/")[0]
            if sum(one.startswith(f"{trial}/") for one in killed) >= most:
                continue
            os.kill(pid, signal.SIGKILL)
            killed.add(f"{trial}/{len(killed)}")
            return 1
    return 0


def _redone(study: Study) -> list[str]:
    """Trials that made more steps again than the interval of checkpoints."""
    faults = []
    for folder in sorted(study.folder.trials.iterdir()):
        reached = 0
        for number in study.folder.trial(folder.name).attempt_numbers():
            steps = [record["step"] for record in _records(folder / "attempts" / str(number) / "log.jsonl") if "step" in record]
            begun = _resumed_at(folder / "attempts" / str(number) / "log.jsonl")
            if reached - begun > CHECKPOINT_STEPS and "tfidf" not in folder.name:
                faults.append(f"attempt {number} began at step {begun}, and the one before had made {reached} ({folder})")
            reached = max([reached, *steps])
    return faults


def _records(path: Path) -> list[dict[str, object]]:
    records = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        with suppress(ValueError):
            records.append(json.loads(line))
    return records


def _resumed_at(path: Path) -> int:
    return max((int(str(record.get("step", 0))) for record in _records(path) if record.get("event") == "resume"), default=0)


def ask_to_stop(context: Context) -> RowResult:
    """SIGTERM, SIGINT and SIGHUP at random times; in every second case once more a moment later.

    Args:
        context: what the row is given.

    Returns:
        What came of it: the runner ends with the signal's status in time, trials are preempted, H the same.
    """
    result, small, draws = RowResult(), not context.full, context.draws()
    expected = materials().undisturbed(small)
    for number in range(context.pick(2, 24)):
        study = materials().study(context.place(number), small, {"limits": LIMITS})
        which, twice = SIGNALS[number % 3], number // 3 % 2 == 1 or (small and number == 1)
        runner = study.start()
        if not wait_until(lambda study=study: bool(children_of(study.run)), 60):
            result.faults.append(f"case {number}: no trial began ({study.run})")
            continue
        time.sleep(draws.uniform(0, 0.2 if small else 6))
        result.tried += 1
        faults = _stop(study, runner, which, draws.uniform(0, 0.3) if twice else None)
        result.blame(faults + _ended(study, expected, small), f"{which.name}{' twice' if twice else ''}, case {number}")
    return result


def _stop(study: Study, runner: Command, which: signal.Signals, again: float | None) -> list[str]:
    runner.kill(which)
    if again is not None:
        time.sleep(again)
        runner.kill(which)
    ended, faults = runner.wait(60), []
    if ended.exit not in (128 + which, 0):
        faults.append(f"it ended with {ended.exit}: {ended.err[-300:]} ({study.run})")
    if ended.seconds > 30 + 15 or ended.traceback:
        faults.append(f"it took {ended.seconds:.0f} s, or raised: {ended.err[-300:]}")
    if ended.exit and again is None:
        states = {state_of(study.folder, path.name).state for path in study.folder.trials.iterdir()}
        if not states <= {State.COMPLETE, State.PREEMPTED}:
            faults.append(f"trials stand as {sorted(states)} ({study.run})")
    if not wait_until(lambda: not children_of(study.run), 5):
        faults.append("processes live on")
    return faults
