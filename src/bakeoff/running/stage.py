"""What the steps of one run share, and the choice of the executor."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from bakeoff.errors import RunError
from bakeoff.records.files import append_line
from bakeoff.records.paths import RunFolder
from bakeoff.records.specs import TrialSpec, preloaded
from bakeoff.running.cluster import RayExecutor, seating_of
from bakeoff.running.events import Listener, Warned
from bakeoff.running.executors import Executor, InlineExecutor
from bakeoff.running.interrupts import Interrupts
from bakeoff.running.local import LocalExecutor
from bakeoff.running.memory import Fitting, OomKills
from bakeoff.running.monitoring import Sampler
from bakeoff.running.packing import Measured
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.watching import Stop

EXECUTORS = ("local", "inline", "ray")


@dataclass(frozen=True)
class Stage:
    """What the steps of one run share.

    Attributes:
        order: what is asked for.
        executor: what starts jobs.
        stop: what can end the run before its last trial.
        listener: who is told what happens.
        sampler: what watches the trials' use of the machine.
        oom_kills: the kernel's count of processes killed for want of memory.
        fitting: the passes that fitted into memory so far.
        measured: what trials took of the machine so far.
    """

    order: RunOrder
    executor: Executor
    stop: Stop
    listener: Listener
    sampler: Sampler
    oom_kills: OomKills
    fitting: Fitting
    measured: Measured

    def warn(self, kind: str, text: str, trial: str = "") -> None:
        """Tell the user something early, and keep it in the run folder.

        Args:
            kind: `time`, `disk` or `damaged`.
            text: what.
            trial: the trial's id; empty if it is about the whole run.
        """
        self.listener(Warned(kind, text, trial))
        note_warning(self.order.run, Warned(kind, text, trial))


def note_warning(run: RunFolder, warned: Warned) -> None:
    """Keep a warning in the run folder.

    Args:
        run: the run folder.
        warned: the warning.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    # a warning of a full disk must not fail for want of disk
    with suppress(OSError):
        append_line(run.warnings, {"when": when, "kind": warned.kind, "trial": warned.trial, "text": warned.text})


def make_executor(order: RunOrder, trials: list[TrialSpec], interrupts: Interrupts) -> Executor:
    """The executor that an order names; it starts nothing before its first job.

    Args:
        order: the order.
        trials: what it will run; their architectures are imported once for all.
        interrupts: asked while it waits for a start.

    Returns:
        The executor.

    Raises:
        RunError: if no executor has that name, or it cannot run so many workers or such trials.
        MissingPackageError: if what it needs is not installed.
    """
    if order.executor == "inline":
        if order.workers > 1:
            remedy = "leave --workers out, or take --executor local"
            raise RunError("the inline executor shows one trial at a time", f"--workers {order.workers}", remedy)
        return InlineExecutor(order.worker)
    if order.executor == "local":
        return LocalExecutor(preloaded(trials), order.run.warm_console, order.worker, lambda: interrupts.raised)
    if order.executor == "ray":
        return _ray_executor(order, trials, interrupts)
    raise RunError(
        f"no executor is called {order.executor!r}", f"--executor {order.executor}", f"known: {', '.join(EXECUTORS)}"
    )


def _ray_executor(order: RunOrder, trials: list[TrialSpec], interrupts: Interrupts) -> RayExecutor:
    if order.room is not None:
        remedy = "say how many trials may run at a time: --workers 8"
        raise RunError("auto looks at what this machine has, not at a cluster", "--executor ray --workers auto", remedy)
    if wide := sorted({trial.recipe.name for trial in trials if trial.recipe.devices > 1}):
        remedy = "run these with --executor local on a machine with the devices: --only recipe=NAME"
        raise RunError("the processes of one trial may not be spread over a cluster", f"recipes: {', '.join(wide)}", remedy)
    threads = max((trial.recipe.training.threads for trial in trials if trial.recipe.training), default=1)
    seating = seating_of(preloaded(trials), order.run.warm_console, order.workers, threads, order.worker)
    return RayExecutor(seating, order.run.bridge_console, lambda: interrupts.raised)
