"""Rows 14 and 15: children that hang, crash, say nothing or say too much."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.records.results import State
from soak.context import Context, RowResult
from soak.judging import state_of
from soak.processes import Command, alive, children_of
from soak.rows.collective import stuck_collective
from soak.stubs import StubStudy

LIMIT_SECONDS = 6.0
"""Far longer than a trial that is well takes, however busy the machine is."""
CONSOLE_LIMIT = 64 << 20


@dataclass(frozen=True)
class Bad:
    """A way to go wrong.

    Attributes:
        job: what the stub does.
        states: how the trial may end.
        said: words that its reason must have, one of them.
    """

    job: Mapping[str, Any]
    states: tuple[State, ...]
    said: tuple[str, ...]


HANGS = {
    "python": Bad({"do": "hang"}, (State.TIMEOUT,), ("limit", "logged nothing")),
    "c": Bad({"do": "hang-c"}, (State.TIMEOUT,), ("limit", "logged nothing")),
    "loader": Bad({"do": "loader"}, (State.TIMEOUT,), ("limit", "logged nothing")),
    "family": Bad({"do": "family"}, (State.TIMEOUT,), ("limit", "logged nothing")),
}


def hang(context: Context) -> RowResult:
    """Hang in Python deaf to SIGTERM, in C with all signals blocked, in a read that never ends, with a family of processes.

    Args:
        context: what the row is given.

    Returns:
        What came of it: each ends as a time-out with all its processes, and the place is free for the next trial.
    """
    result, begun = RowResult(), list[tuple[str, StubStudy, str, Command]]()
    # side by side: all that they do is wait for their limit
    for limit in ("stall", "trial"):
        for name, bad in HANGS.items() if context.full else list(HANGS.items())[(limit == "trial") :: 2]:
            limits = {limit: LIMIT_SECONDS, "grace": 0.5}
            study = StubStudy(context.place(f"{limit}-{name}") / "run", {name: bad.job, "ok": {}}, 1, limits=limits)
            begun.append((f"{name}, limit {limit}", study, name, study.start()))
    for title, study, name, runner in begun:
        result.tried += 1
        result.blame(_faults(study, name, runner), title)
    if context.full:
        stuck_collective(context, result)
    return result


def _faults(study: StubStudy, name: str, runner: Command) -> list[str]:
    ended, faults, bad = runner.wait(), list[str](), HANGS[name]
    if ended.exit != 4 or ended.traceback:
        faults.append(f"the runner ended with {ended.exit}: {ended.err[-300:]} ({study.run})")
    for trial in study.plan.trials:
        state = state_of(study.folder, trial.id)
        if trial.recipe.name == "ok" and state.state is not State.COMPLETE:
            faults.append(f"the next trial is {state.state}: {state.reason} ({study.run})")
        if trial.recipe.name != name:
            continue
        if state.state not in bad.states or not any(word in state.reason for word in bad.said):
            faults.append(f"it ended as {state.state}: {state.reason} ({study.run})")
        if not state.again or not state.log:
            faults.append(f"its record names no log or no command ({study.folder.trial(trial.id).state})")
        if left := [*children_of(study.run), *_strays(study, trial.id)]:
            faults.append(f"processes live on: {left}")
    return faults


def _strays(study: StubStudy, trial: str) -> list[int]:
    """Processes that the child said it started, and that live."""
    consoles = study.folder.trial(trial).attempts.glob("*/console.log")
    pids = [int(pid) for path in consoles for pid in re.findall(r"^child (\d+)$", path.read_text(errors="replace"), re.M)]
    return [pid for pid in pids if alive(pid)]


def crash(context: Context) -> RowResult:
    """A segmentation fault, `os._exit`, exit 0 without a result, an exception, and a gigabyte of standard error.

    Args:
        context: what the row is given.

    Returns:
        What came of it: each fails with a reason, the console is capped and keeps its end, and the next trial completes.
    """
    result = RowResult()
    mebibytes = context.pick(80, 1024)
    failed = (State.FAILED,)
    ways = {
        "segfault": Bad({"do": "segfault"}, failed, ("SIGSEGV",)),
        "exit": Bad({"do": "exit-code", "code": 3}, failed, ("exit code 3",)),
        "silent": Bad({"do": "exit"}, failed, ("outcome", "exit code 0")),
        "empty": Bad({"do": "ok", "result": False}, failed, ("result",)),
        "raise": Bad({"do": "fail"}, failed, ("told to fail",)),
        "shout": Bad({"do": "shout", "mebibytes": mebibytes}, failed, ("exit code 3",)),
    }
    jobs = {name: bad.job for name, bad in ways.items()}
    for retries in (0,) if not context.full else (0, 1):
        study = StubStudy(context.place(f"retries-{retries}") / "run", {**jobs, "ok": {}}, 1, limits={"retries": retries})
        result.tried += len(ways)
        runner = study.start()
        ended = runner.wait()
        result.expect(
            ended.exit == 4 and not ended.traceback, f"the runner ended with {ended.exit}: {ended.err[-300:]}", study.run
        )
        said = [json.loads(line) for line in ended.out.splitlines()]
        result.expect(sum("ended" in record for record in said) == len(ways) + 1, "not every trial was said to have ended")
        for trial in study.plan.trials:
            result.blame(_end(study, trial.id, ways.get(trial.recipe.name)), trial.recipe.name)
    result.notes.append(f"{mebibytes} MiB of standard error; its log must stay under {CONSOLE_LIMIT >> 20} MiB")
    return result


def _end(study: StubStudy, trial: str, bad: Bad | None) -> list[str]:
    state, faults = state_of(study.folder, trial), []
    if bad is None:
        return [] if state.state is State.COMPLETE else [f"the last trial is {state.state}: {state.reason}"]
    if state.state not in bad.states or not any(word in state.reason for word in bad.said):
        faults.append(f"it ended as {state.state}: {state.reason} ({study.run})")
    if not state.again or not state.log:
        faults.append(f"its record names no log or no command ({study.folder.trial(trial).state})")
    for path in study.folder.trial(trial).attempts.glob("*/console.log"):
        if path.stat().st_size > CONSOLE_LIMIT:
            faults.append(f"its log has {path.stat().st_size} bytes ({path})")
        if bad.job["do"] == "shout" and b"the last line" not in path.read_bytes()[-4096:]:
            faults.append(f"its log lost its end ({path})")
    return faults
