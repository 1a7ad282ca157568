"""Row 31: two thousand tiny trials, two in a hundred killed: nothing grows, nothing slows down."""

from __future__ import annotations

import itertools
import os
import random
import signal
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from soak.context import Context, RowResult
from soak.judging import faults_of
from soak.processes import children_of
from soak.stubs import StubStudy

KILLED = 0.02
GROWTH_BYTES = 16 << 20
"""What a runner may grow over the second half: its plan, its queue and its caches are there from the start."""
SLOWER = 1.5


@dataclass
class Samples:
    """What a runner used, sampled.

    Attributes:
        begun: trials begun.
        busy: seconds of CPU that the runner had used.
        bytes: resident memory.
        descriptors: open files.
        threads: threads.
    """

    begun: list[int] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def take(self, process: psutil.Process, begun: int) -> None:
        """Take a sample.

        Args:
            process: the runner.
            begun: trials begun.
        """
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            times = process.cpu_times()
            self.begun.append(begun)
            self.busy.append(times.user + times.system)
            self.bytes.append(process.memory_info().rss)
            self.descriptors.append(process.num_fds())
            self.threads.append(process.num_threads())


def many_trials(context: Context) -> RowResult:
    """Run very many stub trials, and kill some of them while they run.

    Args:
        context: what the row is given.

    Returns:
        What came of it: all complete; memory, descriptors and threads flat; the last tenth as fast as the first.
    """
    trials, result = context.pick(60, 2000), RowResult()
    # a moment, so that a child can be met alive; it does not matter for what the runner costs
    jobs = {"ok": {"seconds": 0.05}}
    study = StubStudy(context.place("run-of-many") / "run", jobs, trials, limits={"retries": 5}, plainly=True)
    samples, killed = Samples(), 0
    runner = study.start()
    process, draws = psutil.Process(runner.pid), context.draws()
    while runner.running:
        time.sleep(0.1)
        samples.take(process, len(os.listdir(study.folder.trials)) if study.folder.trials.is_dir() else 0)  # noqa: PTH208 - 2,000
        if killed < trials * KILLED:
            killed += _kill(study, draws)
    ended = runner.wait()
    result.tried = trials
    result.expect(ended.exit == 0 and not ended.traceback, f"the runner ended with {ended.exit}: {ended.err[-500:]}", study.run)
    result.expect(killed >= trials * KILLED, f"only {killed} were met alive and killed")
    result.blame(faults_of(study.folder, trials))
    result.blame(_growth(samples, trials))
    if context.full:
        _pace(study, samples, result)
    result.notes.append(
        f"{killed} killed; memory {samples.bytes[-1] >> 20} MiB, {samples.descriptors[-1]} descriptors at the end"
    )
    return result


def _kill(study: StubStudy, draws: random.Random) -> int:
    pids = children_of(study.run) if draws.random() < 0.3 else []
    for pid in pids[:1]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return 1
    return 0


def _growth(samples: Samples, trials: int) -> list[str]:
    """What is used while the second to fifth tenth of the trials are begun, against the last three tenths.

    Before the second tenth the worker may still be starting, however many samples that is on a busy machine.
    """
    faults = []
    early, late = (
        [at for at, begun in enumerate(samples.begun) if low * trials <= begun <= high * trials]
        for low, high in ((0.1, 0.5), (0.7, 1.0))
    )
    if not early or not late:
        return [f"too few samples: {len(early)} early, {len(late)} late ones"]
    for name, values, allowed in (
        ("bytes of memory", samples.bytes, GROWTH_BYTES),
        ("descriptors", samples.descriptors, 2),
        ("threads", samples.threads, 1),
    ):
        before, after = (statistics.median(values[at] for at in part) for part in (early, late))
        if after - before > allowed:
            faults.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return faults


def _pace(study: StubStudy, samples: Samples, result: RowResult) -> None:
    """What the runner itself does for a trial, of the first 200 and of the last: other work on the machine is not its fault."""
    first, last = _busy(samples, 0, 200), _busy(samples, samples.begun[-1] - 200, samples.begun[-1])
    at = sorted(path.stat().st_mtime for path in study.folder.trials.glob("*/result.json"))
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    walls = [statistics.median(part) for part in (gaps[:200], gaps[-200:])]
    result.notes.append(
        f"the runner's CPU a trial: {first * 1e3:.1f} ms for the first 200, {last * 1e3:.1f} ms for the last; from one end to"
        f" the next {walls[0] * 1e3:.0f} and {walls[1] * 1e3:.0f} ms"
    )
    result.expect(
        last <= first * SLOWER, f"the runner worked {last / first:.2f} times as long for the last 200 as for the first"
    )


def _busy(samples: Samples, low: int, high: int) -> float:
    """Seconds of CPU a trial while the trials from `low` to `high` were begun; the start before the first is left out."""
    inside = [(begun, busy) for begun, busy in zip(samples.begun, samples.busy, strict=True) if begun and low <= begun <= high]
    (first, since), (last, until) = inside[0], inside[-1]
    return (until - since) / max(1, last - first)
