"""Carry a study out phase by phase: each reads what the one before found on validation, and writes the next plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bakeoff.errors import RunError
from bakeoff.records.decisions import Decision
from bakeoff.records.results import State
from bakeoff.records.specs import Plan
from bakeoff.running.events import Decided, Event, Listener, PhaseBegan, TrialBegan, nobody
from bakeoff.running.plan_run import RunOrder, limits_of
from bakeoff.running.runner import RunSummary, Session
from bakeoff.steering.deciding import ERROR_RATE, Ended, decide
from bakeoff.steering.narrowing import narrow
from bakeoff.study.model import Round, Study
from bakeoff.study.planning import PlanFacts
from bakeoff.study.proposing import Pair, Settings


@dataclass(frozen=True)
class Course:
    """A study in phases, and how it is to be carried out.

    Attributes:
        study: the study.
        facts: what plans are made from.
        order: all that is asked of the runner, but for the plan.
        stored: whether plans that stand in the run folder are taken as they are, on whatever machine they were made.
    """

    study: Study
    facts: PlanFacts
    order: RunOrder
    stored: bool = False

    @property
    def error_rate(self) -> float:
        """Of wrongly calling a recipe worse, for each phase that asks for it; all together they stay below `ERROR_RATE`."""
        asking = sum(bool(one.phase.choose and one.phase.choose.not_worse) for one in self.study.rounds)
        return ERROR_RATE / max(1, asking)


def carry_out(course: Course, listener: Listener = nobody) -> RunSummary:
    """Carry a study out, or go on with it: phases that have ended are read, not run again.

    Args:
        course: the study, and how.
        listener: told what happens.

    Returns:
        How every trial of every phase stands that is planned by now.

    Raises:
        LockedError: if another runner holds the run folder.
        RunError: if no recipe is left for a phase, or as `run_study` says.
    """
    states: dict[str, State] = {}
    counted = _Counted(listener, course.order.at_most)
    with Session(course.order.run, course.order.limits.study) as session:
        fallen: set[Pair] = set()
        stored = course.stored
        for place, round_ in enumerate(course.study.rounds, 1):
            if round_.phase.sweep:
                raise RunError(
                    "sweeps are not carried out by this version yet", f"phase {round_.phase.name}", "leave sweep out"
                )
            plan = plan_round(course, place, fallen, {}, stored)
            counted(PhaseBegan(plan, len(course.study.rounds)))
            summary = session.carry_out(_order(course, round_, plan, counted.left), counted)
            states |= summary.states
            if not summary.finished or plan.last:
                break
            decision, changed = decide(Ended(course.order.run, round_.phase, plan, course.error_rate))
            stored = stored and not changed  # what was planned from another choice no longer holds
            counted(Decided(decision))
            fallen |= decision.fallen
            if decision.stops:
                break
            _see_that_some_are_left(decision, course)
        return RunSummary(course.order.run, states, summary.signal, summary.seconds)


class _Counted:
    """A listener that counts the trials that were begun."""

    def __init__(self, listener: Listener, at_most: int | None) -> None:
        self._listener, self._at_most = listener, at_most
        self._begun: set[str] = set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialBegan):
            self._begun.add(event.trial.id)
        self._listener(event)

    @property
    def left(self) -> int | None:
        return None if self._at_most is None else max(0, self._at_most - len(self._begun))


def plan_round(course: Course, place: int, fallen: set[Pair], found: Mapping[Pair, Settings], stored: bool = False) -> Plan:
    """The plan of a phase.

    Args:
        course: the study.
        place: which phase, from 1.
        fallen: recipe and task of all that the phases before left out.
        found: settings that a sweep found, by recipe and task.
        stored: whether the plan that stands in the run folder is taken as it is.

    Returns:
        Its trials.
    """
    round_, last = course.study.rounds[place - 1], place == len(course.study.rounds)
    stands = course.order.run.plan(round_.phase.name)
    if stored and stands.is_file():
        return Plan.read(stands)
    return course.facts.plan(narrow(round_.study, fallen, found), round_.phase.name, place, last)


def _order(course: Course, round_: Round, plan: Plan, at_most: int | None) -> RunOrder:
    last = plan.last
    only = conditions_in(plan, course.order.only)
    limits = replace(limits_of(round_.study.limits), study=None, grace=course.order.limits.grace)
    keep = course.order.keep if last else "none"  # what only chose is not deployed
    wanted = at_most if only is not None else 0
    return replace(course.order, plan=plan, limits=limits, keep=keep, at_most=wanted, only=only or ())


def conditions_in(plan: Plan, only: tuple[str, ...]) -> tuple[str, ...] | None:
    """Conditions on trials, as far as they are about a phase: a recipe may have fallen, a trial belong to another phase.

    Args:
        plan: the phase's plan.
        only: conditions, each `key=value` or several joined by commas.

    Returns:
        The conditions whose values the plan has; None if for some key it has none of those that are asked for, so that no
        trial of it is wanted.
    """
    known = {
        "recipe": {trial.recipe.name for trial in plan.trials},
        "task": {trial.task.name for trial in plan.trials},
        "seed": {str(trial.seed) for trial in plan.trials},
        "id": {trial.id for trial in plan.trials},
    }
    parts = [part.strip() for text in only for part in text.split(",")]
    kept = [part for part in parts if part.partition("=")[2] in known.get(part.partition("=")[0], {part.partition("=")[2]})]
    keys = {part.partition("=")[0] for part in parts}
    return tuple(kept) if {part.partition("=")[0] for part in kept} == keys else None


def _see_that_some_are_left(decision: Decision, course: Course) -> None:
    for task in dict.fromkeys(one.task for one in decision.candidates):
        if not any(one.goes_on for one in decision.candidates if one.task == task):
            raise RunError(
                f"no recipe is left on {task}: none of the phase {decision.phase} completed",
                str(course.order.run.decision(decision.phase)),
                "`bakeoff retry` runs its trials again; then the same command goes on",
            )
