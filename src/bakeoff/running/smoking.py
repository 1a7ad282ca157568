"""Smoke runs: one job a recipe shape, in processes like a trial's, before any trial begins."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bakeoff.records.paths import AttemptFolder, RunFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import JobSpec, TrialSpec, preloaded
from bakeoff.running.console import last_lines
from bakeoff.running.executors import Executor
from bakeoff.running.interrupts import Interrupted, Interrupts
from bakeoff.running.local import LocalExecutor
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.preparing import describe_ending, places
from bakeoff.running.ranks import rank_environment, rank_jobs, rank_outcome, visible_devices
from bakeoff.running.watching import TICK_SECONDS, Cause, Clock, Ending, Stop, Watch

Told = Callable[[str], None]


@dataclass(frozen=True)
class Smoked:
    """What came of trying one recipe on one task.

    Attributes:
        trial: what was tried.
        outcome: the job's last word; a failed one if it left none.
    """

    trial: TrialSpec
    outcome: Outcome


def smoke_trials(order: RunOrder, trials: Sequence[tuple[TrialSpec, list[str]]], told: Told) -> list[Smoked]:
    """Try recipes one after another; what is written is removed in the end.

    Args:
        order: the run that they would belong to; its run folder is not touched.
        trials: a trial of each shape, and what is tried, of `measure`, `steps` and `sanity`.
        told: told what is tried.

    Returns:
        What came of each, in order.

    Raises:
        KeyboardInterrupt: if a signal came meanwhile.
        JobError: if no process can be started.
    """
    run = RunFolder(order.home.jobs / f"smoke-{secrets.token_hex(4)}")
    run.jobs.mkdir(parents=True)
    families = preloaded([trial for trial, _ in trials])
    try:
        with Interrupts() as interrupts:
            stop = Stop(interrupts, Clock())
            with LocalExecutor(families, run.warm_console, order.worker, lambda: interrupts.raised) as executor:
                smoking = _Smoking(order, run, executor, stop, told)
                return [smoking.smoke(number, trial, parts) for number, (trial, parts) in enumerate(trials, 1)]
    except Interrupted as error:
        raise KeyboardInterrupt from error
    finally:
        shutil.rmtree(run.root, ignore_errors=True)


@dataclass(frozen=True)
class _Smoking:
    """Smoke runs under way."""

    order: RunOrder
    run: RunFolder
    executor: Executor
    stop: Stop
    told: Told

    def smoke(self, number: int, trial: TrialSpec, parts: list[str]) -> Smoked:
        fault = self.prepare(number, trial)
        if fault is not None:
            return Smoked(trial, fault)
        self.told(f"trying {trial.recipe.name} on {trial.task.name}: {', '.join(parts)}")
        where = places(self.order, trial)
        job = JobSpec(
            kind="smoke",
            id=f"smoke-{number}",
            families=[trial.recipe.model.family] if trial.recipe.model else [],
            trial=trial,
            dataset=str(where.dataset),
            model=str(where.model or ""),
            tokens=str(where.tokens or ""),
            smoke=parts,
        )
        return Smoked(trial, self.carry_out(job, trial.recipe.devices))

    def prepare(self, number: int, trial: TrialSpec) -> Outcome | None:
        """Make the token store if it is missing; why that failed, or None."""
        where = places(self.order, trial)
        if where.tokens is None or where.tokens.is_dir() or trial.recipe.model is None:
            return None
        self.told(f"tokenising {trial.task.dataset} for {trial.recipe.model.name}")
        job = JobSpec(
            kind="prepare",
            id=f"prepare-{number}",
            families=[trial.recipe.model.family],
            dataset=str(where.dataset),
            model=str(where.model),
            tokens=str(where.tokens),
            max_length=trial.task.max_length,
            stride=trial.task.stride,
            long_text=trial.task.long_text,
        )
        outcome = self.carry_out(job, 1)
        return None if outcome.state is State.COMPLETE else outcome

    def carry_out(self, job: JobSpec, ranks: int) -> Outcome:
        """Run a job, in several processes where its trial has several devices, to its end."""
        folder, limits = self.run.job(job.id), self.order.limits
        devices = visible_devices()
        jobs = rank_jobs(job, folder, ranks, limits.collective)
        handles = [self.executor.start(where, spec, rank_environment(spec.rank, ranks, devices)) for where, spec in jobs]
        watched = Watch(self.executor, handles, limits)
        while not watched.is_over:
            for ended in self.executor.poll(TICK_SECONDS):
                watched.take(ended)
            if self.stop.cause is not None:
                watched.end(self.stop.cause)
            watched.look()
        if watched.ending.cause is Cause.INTERRUPT:
            raise Interrupted
        return rank_outcome(folder, ranks) or _silent(folder, watched.ending)


def _silent(folder: AttemptFolder, ending: Ending) -> Outcome:
    said = " / ".join(last_lines(folder.console)[-3:])
    reason = f"it left no outcome: {describe_ending(ending)}"
    return Outcome(state=State.FAILED, reason=f"{reason}; it said: {said}" if said else reason)
