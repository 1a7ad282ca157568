"""Rows 9 and 10: who holds a run folder: two runners at once, a killed owner whose number lives on, a stopped one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from bakeoff.records.files import read_document, write_document
from bakeoff.running.lock import OWNER_VERSION, is_held, read_owner
from soak.context import Context, RowResult
from soak.driving import GO, READY, TOGETHER
from soak.judging import faults_of, results_hash
from soak.processes import PATIENCE_SECONDS, wait_until
from soak.stubs import StubStudy

AT_A_TIME = 5
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def race(context: Context) -> RowResult:
    """Start two runners on one folder at the same time, again and again.

    Args:
        context: what the row is given.

    Returns:
        What came of it: one carries the study out, the other names it by its number; each trial runs once.
    """
    result, wanted = RowResult(), context.pick(2, 100)
    for first in range(0, wanted, AT_A_TIME):
        # the loser waits a second for the winner: several pairs may do that side by side
        races = [_Race(context, number) for number in range(first, min(first + AT_A_TIME, wanted))]
        for race in races:
            race.let_go()
        for race in races:
            result.tried += 1
            result.blame(race.faults(), f"race {race.number}")
    return result


class _Race:
    """Two runners that are let go at the same moment; the winner's trials last until one of the two has ended."""

    def __init__(self, context: Context, number: int) -> None:
        place = context.place(f"race-{number}")
        self.number = number
        self._place = place
        self._gate = place / "gate"
        self._study = StubStudy(place / "run", jobs={"ok": {"gate": str(self._gate)}}, seeds=2)
        self._runners = [self._study.start({TOGETHER: str(place)}) for _ in range(2)]

    def let_go(self) -> None:
        """Let both go, once both are there."""
        wait_until(lambda: len(list(self._place.glob(f"{READY}*"))) == len(self._runners), PATIENCE_SECONDS)
        (self._place / GO).touch()

    def faults(self) -> list[str]:
        """See it to its end.

        Returns:
            What did not hold.
        """
        wait_until(lambda: not all(runner.running for runner in self._runners), PATIENCE_SECONDS)
        self._gate.touch()
        pids = [runner.pid for runner in self._runners]
        ends = [runner.wait() for runner in self._runners]
        faults = faults_of(self._study.folder, 2)
        if sorted(end.exit for end in ends) != [0, 2]:
            return [*faults, f"they ended with {[end.exit for end in ends]}: {ends[0].err[-200:]} {ends[1].err[-200:]}"]
        loser = ends[0] if ends[0].exit else ends[1]
        winner = pids[1] if ends[0].exit else pids[0]
        if f"process {winner} " not in loser.err or loser.traceback:
            faults.append(f"the loser does not name process {winner}: {loser.err[-300:]}")
        return faults


def owner_gone(context: Context) -> RowResult:
    """Kill an owner and give its number to another process; stop an owner, try a second runner, let the first go on.

    Args:
        context: what the row is given.

    Returns:
        What came of it: a dead owner's folder is taken over, a stopped one's is not, and no trial has two results.
    """
    result = RowResult()
    reference = StubStudy(context.place("undisturbed") / "run", seeds=3)
    reference.go()
    expected = results_hash(reference.folder)
    for number in range(context.pick(1, 10)):
        result.blame(_killed(context, number, result, expected), f"killed {number}")
        result.blame(_stopped(context, number, expected), f"stopped {number}")
        result.tried += 2
    return result


def _begun(study: StubStudy) -> bool:
    return is_held(study.folder) and study.folder.trials.is_dir() and any(study.folder.trials.iterdir())


def _gated(context: Context, name: str) -> tuple[StubStudy, Path]:
    """A study whose trials last until a file stands."""
    gate = context.place(name) / "gate"
    return StubStudy(context.place(name) / "run", jobs={"ok": {"gate": str(gate)}}, seeds=3), gate


def _killed(context: Context, number: int, result: RowResult, expected: str) -> list[str]:
    study, gate = _gated(context, f"killed-{number}")
    runner = study.start()
    wait_until(lambda: _begun(study), PATIENCE_SECONDS)
    runner.kill()
    pid = runner.pid
    runner.wait()
    gate.touch()
    with _Impostor(study, pid) as impostor:
        if number == 0:
            how = "by ns_last_pid" if impostor.truly else "by its record: this system lets nobody choose a process's number"
            result.notes.append(f"the number was given again {how}")
        ended = study.go()
    faults = faults_of(study.folder, 3)
    if ended.exit or results_hash(study.folder) != expected:
        faults.append(f"taken over, it ended with {ended.exit} or with other results: {ended.err[-300:]} ({study.run})")
    return faults


class _Impostor:
    """A process that bears the number in the owner's record, and has nothing to do with it."""

    def __init__(self, study: StubStudy, pid: int) -> None:
        self._study = study
        self._wanted = pid
        self.truly = False

    def __enter__(self) -> _Impostor:
        for _ in range(20):
            with suppress(OSError):
                LAST_PID.write_text(str(self._wanted - 1))
            self._process = subprocess.Popen(["sleep", "600"])
            if self._process.pid == self._wanted:
                self.truly = True
                return self
            self._end()
        self._process = subprocess.Popen(["sleep", "600"])
        body = read_document(self._study.folder.owner, "owner", OWNER_VERSION)
        write_document(self._study.folder.owner, "owner", OWNER_VERSION, {**body, "pid": self._process.pid})
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


def _stopped(context: Context, number: int, expected: str) -> list[str]:
    study, gate = _gated(context, f"stopped-{number}")
    runner = study.start()
    wait_until(lambda: _begun(study), PATIENCE_SECONDS)
    time.sleep(context.draws(str(number)).uniform(0, 0.3))
    runner.kill(signal.SIGSTOP)
    owner = read_owner(study.folder)
    second = study.go()
    os.kill(runner.pid, signal.SIGCONT)
    gate.touch()
    first = runner.wait()
    faults = faults_of(study.folder, 3)
    if first.exit or results_hash(study.folder) != expected:
        faults.append(f"let go on, the first ended with {first.exit} or with other results: {first.err[-300:]} ({study.run})")
    named = owner is not None and owner.pid == runner.pid and f"process {runner.pid} " in second.err
    if second.exit != 2 or not named or "stopped" not in second.err:
        faults.append(f"the second one ended with {second.exit} and does not say for whom it waits: {second.err[-300:]}")
    return faults
