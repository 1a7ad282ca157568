"""Carry a study out phase by phase: each reads what the one before found on validation, and writes the next plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bakeoff.errors import RunError
from bakeoff.records.decisions import Decision
from bakeoff.records.results import State
from bakeoff.records.specs import Plan
from bakeoff.running.events import Decided, Event, Listener, PhaseBegan, TrialBegan, nobody
from bakeoff.running.guiding import Guide
from bakeoff.running.plan_run import RunOrder, limits_of
from bakeoff.running.runner import RunSummary, Session
from bakeoff.steering.again import again_plan, again_scores, decide_search
from bakeoff.steering.best import best_of, read_settings, write_best
from bakeoff.steering.deciding import ERROR_RATE, Ended, decide
from bakeoff.steering.narrowing import narrow
from bakeoff.steering.sweeping import Search, Sweeper
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
    def phases(self) -> int:
        """Phases that are carried out: those that are declared, and the best again after a search."""
        return sum(1 + bool(one.again) for one in self.study.rounds)

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
    return _Walk(course, listener).go()


@dataclass
class _Walk:
    """The way from the first phase to the last.

    Attributes:
        course: the study, and how.
        listener: told what happens.
    """

    course: Course
    listener: Listener

    def __post_init__(self) -> None:
        self.counted = _Counted(self.listener, self.course.order.at_most)
        self.states: dict[str, State] = {}
        self.fallen: set[Pair] = set()
        self.found: dict[Pair, Settings] = {}
        self.stored = self.course.stored
        self.place = 0

    def go(self) -> RunSummary:
        """Carry out what is still to be carried out."""
        order = self.course.order
        with Session(order.run, order.limits.study) as session:
            summary: RunSummary | None = None
            for round_ in self.course.study.rounds:
                self.place += 1
                carry = self._search if round_.phase.sweep else self._run
                summary, decision = carry(session, round_)
                if decision is None:
                    break
                self.counted(Decided(decision))
                self.fallen |= decision.fallen
                if decision.stops:
                    break
                _see_that_some_are_left(decision, self.course)
            assert summary is not None
            return RunSummary(order.run, self.states, summary.signal, summary.seconds)

    def _carry_out(self, session: Session, round_: Round, plan: Plan, guide: Guide | None = None) -> RunSummary:
        self.counted(PhaseBegan(plan, self.course.phases))
        order = _order(self.course, round_, plan, self.counted.left)
        summary = session.carry_out(replace(order, guide=guide), self.counted)
        self.states |= summary.states
        return summary

    def _run(self, session: Session, round_: Round) -> tuple[RunSummary, Decision | None]:
        """A phase of recipes as they are; no decision if it has not ended, or is the last."""
        plan = plan_round(self.course, self.place, round_, (self.fallen, self.found), self.stored)
        summary = self._carry_out(session, round_, plan)
        if not summary.finished or plan.last:
            return summary, None
        decision, changed = decide(Ended(self.course.order.run, round_.phase, plan, self.course.error_rate))
        self.stored = self.stored and not changed  # what was planned from another choice no longer holds
        return summary, decision

    def _search(self, session: Session, round_: Round) -> tuple[RunSummary, Decision | None]:
        """A phase that searches, and then measures the best and the declared settings again with fresh seeds."""
        run = self.course.order.run
        study = narrow(round_.study, self.fallen, self.found)
        search = Search(run, study, self.course.facts, round_.phase.name, self.place, self.course.order.lower_is_better)
        sweeper = Sweeper(search)
        summary = self._carry_out(session, round_, sweeper.plan, sweeper)
        if not summary.finished or not sweeper.is_done:
            return summary, None
        best = best_of(sweeper)
        again: dict[Pair, float] = {}
        if round_.again and best:
            self.place += 1
            plan = again_plan(sweeper, best, round_.again, self.place)
            summary = self._carry_out(session, round_, plan)
            if not summary.finished:
                return summary, None
            again = again_scores(run, plan)
        write_best(sweeper, best, again)
        self.found |= read_settings(run.best)
        return summary, decide_search(sweeper, round_.phase, best)


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


def plan_round(
    course: Course, place: int, round_: Round, before: tuple[set[Pair], Mapping[Pair, Settings]], stored: bool = False
) -> Plan:
    """The plan of a phase.

    Args:
        course: the study.
        place: which phase of the run it is, from 1.
        round_: the phase.
        before: what the phases before left out, and the settings that a sweep found.
        stored: whether the plan that stands in the run folder is taken as it is.

    Returns:
        Its trials.
    """
    stands = course.order.run.plan(round_.phase.name)
    if stored and stands.is_file():
        return Plan.read(stands)
    last = round_.phase.name == course.study.rounds[-1].phase.name
    return course.facts.plan(narrow(round_.study, *before), round_.phase.name, place, last)


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
