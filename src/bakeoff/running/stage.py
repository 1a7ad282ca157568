"""What the steps of one run share, and the choice of the executor."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.errors import RunError
from bakeoff.records.specs import TrialSpec
from bakeoff.running.events import Listener
from bakeoff.running.executors import Executor, InlineExecutor
from bakeoff.running.interrupts import Interrupts
from bakeoff.running.local import LocalExecutor
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.watching import Stop

EXECUTORS = ("local", "inline")


@dataclass(frozen=True)
class Stage:
    """What the steps of one run share.

    Attributes:
        order: what is asked for.
        executor: what starts jobs.
        stop: what can end the run before its last trial.
        listener: who is told what happens.
    """

    order: RunOrder
    executor: Executor
    stop: Stop
    listener: Listener


def make_executor(order: RunOrder, trials: list[TrialSpec], interrupts: Interrupts) -> Executor:
    """The executor that an order names; it starts nothing before its first job.

    Args:
        order: the order.
        trials: what it will run; their architectures are imported once for all.
        interrupts: asked while it waits for a start.

    Returns:
        The executor.

    Raises:
        RunError: if no executor has that name.
    """
    if order.executor == "inline":
        return InlineExecutor(order.worker)
    if order.executor == "local":
        families = sorted({trial.recipe.model.family for trial in trials if trial.recipe.model is not None})
        return LocalExecutor(families, order.run.warm_console, order.worker, lambda: interrupts.raised)
    raise RunError(
        f"no executor is called {order.executor!r}", f"--executor {order.executor}", f"known: {', '.join(EXECUTORS)}"
    )
