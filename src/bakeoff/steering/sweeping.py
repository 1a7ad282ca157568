"""A sweep: proposals one after another, each an ordinary trial, made from what is known of those before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.errors import FormatError
from bakeoff.records.decisions import Judgement, Proposal
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Circumstances, Result, State, read_complete
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.running.guiding import Guide, Rung
from bakeoff.running.keeping import validation_score
from bakeoff.running.plan_run import read_state
from bakeoff.steering.history import History
from bakeoff.steering.pruning import Reached, why_stop
from bakeoff.steering.sampling import Known, Question, Told, suggest
from bakeoff.steering.spaces import stated
from bakeoff.study.model import Study
from bakeoff.study.planning import PlanFacts
from bakeoff.study.proposing import Pair, with_settings
from bakeoff.study.rounds import Scalar, Sweep

DECLARED = "declared"
TO_BLAME = (State.DIVERGED, State.OOM, State.TIMEOUT, State.PRUNED)
"""Ends for which the settings themselves are to blame; `failed` and `cancelled` say nothing of them."""


@dataclass(frozen=True)
class Search:
    """What a sweep is carried out with.

    Attributes:
        run: the run folder.
        study: the study as it is in the phase, narrowed down to what is left.
        facts: what plans are made from.
        phase: the phase's name.
        place: which phase it is, from 1.
        lower: metrics of which less is better, by bare name.
    """

    run: RunFolder
    study: Study
    facts: PlanFacts
    phase: str
    place: int
    lower: frozenset[str] = frozenset()

    @property
    def sweep(self) -> Sweep:
        """The search as it is declared."""
        assert self.study.sweep is not None
        return self.study.sweep

    @property
    def pairs(self) -> list[Pair]:
        """The recipes that are searched, each on each of its tasks."""
        return [(name, task) for name, task, _ in self.study.pairs if name in self.sweep.recipes]

    def is_lower(self, task: str) -> bool:
        """Whether less is better on a task.

        Args:
            task: the task.

        Returns:
            True if so.
        """
        return self.study.tasks[task].metric.partition("@")[0] in self.lower


@dataclass(frozen=True)
class Outcome:
    """What a proposal came to.

    Attributes:
        proposal: the proposal.
        told: how it stands.
        score: the mean over its seeds; None without one.
        seeds: the score of each seed that has one.
        seconds: what its trials took.
    """

    proposal: Proposal
    told: Told
    score: float | None
    seeds: tuple[float, ...] = ()
    seconds: float = 0.0


class Sweeper(Guide):
    """Carries a sweep out as the runner asks what follows.

    All that it knows is read from the run folder: its records, and how trials ended. So a kill at any time loses nothing, and
    with one worker the same proposals come out, bit for bit.

    Args:
        search: what is searched.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.history = History.read(search.run.proposals(search.phase))
        self._exhausted: set[Pair] = set()
        self._ends: dict[str, tuple[State, float | None, float]] = {}
        self._specs: dict[str, list[TrialSpec]] = {}
        self._of_trial: dict[str, Proposal] = {}
        for proposal in self.history.proposals:
            self._remember(proposal, self._trials(proposal.recipe, proposal.task, proposal.number, proposal.settings))
        for spec in self.trials:
            self._read(spec)

    @property
    def trials(self) -> list[TrialSpec]:
        """All trials so far, in the order of their proposals."""
        return [spec for one in self.history.proposals for spec in self._specs.get(str(one.number), [])]

    @property
    def plan(self) -> Plan:
        """The plan as it stands."""
        return self.search.facts.plan(self.search.study, self.search.phase, self.search.place, False).model_copy(
            update={"trials": self.trials, "baseline": ""}
        )

    @property
    def alike(self) -> list[TrialSpec]:
        """The recipes as they are declared (see `Guide.alike`)."""
        return self.search.facts.plan(self.search.study).trials

    @property
    def is_done(self) -> bool:
        """Whether every proposal was made, and has ended."""
        still = any(self.outcome(one).told is Told.OPEN for one in self.history.proposals)
        return not still and self._next_pair() is None

    @property
    def total(self) -> int:
        """Trials in all, as far as can be foreseen."""
        proposals = self.search.sweep.proposals or 0
        return max(len(self.trials), proposals * len(self.search.pairs) * len(self.search.study.seeds))

    def follow(self) -> list[TrialSpec]:
        """The trials of the next proposal (see `Guide.follow`).

        Returns:
            Trials; none if the budget is spent, or a grid has no more points.
        """
        for spec in self.trials:
            if spec.id not in self._ends:  # completed as the runner before was killed, and put into place when this one began
                self._read(spec)
        while (pair := self._next_pair()) is not None:
            proposal, specs = self._propose(pair)
            if proposal is None:
                self._exhausted.add(pair)
                continue
            self.history.add(proposal)
            self._remember(proposal, specs if proposal.repeats is None else [])
            if proposal.repeats is None:
                self.plan.write(self.search.run.plan(self.search.phase))
                return specs
        return []

    def _next_pair(self) -> Pair | None:
        """The search that has the fewest proposals and some budget left; of equals the first in the study."""
        counts = {pair: len(self.of(pair)) for pair in self.search.pairs if pair not in self._exhausted}
        open_ = [pair for pair in counts if not self._is_spent(pair, counts[pair])]
        return min(open_, key=lambda pair: counts[pair]) if open_ else None

    def _is_spent(self, pair: Pair, count: int) -> bool:
        sweep = self.search.sweep
        if sweep.proposals is not None and count >= sweep.proposals:
            return True
        return sweep.time is not None and sum(one.seconds for one in self.outcomes(pair)) >= sweep.time

    def of(self, pair: Pair) -> list[Proposal]:
        """The proposals of a search.

        Args:
            pair: recipe and task.

        Returns:
            Its proposals, in order.
        """
        return [one for one in self.history.proposals if (one.recipe, one.task) == pair]

    def _propose(self, pair: Pair) -> tuple[Proposal | None, list[TrialSpec]]:
        recipe, task = pair
        before, number = self.of(pair), len(self.history.proposals) + 1
        settings: dict[str, Scalar] | None = {}
        if before:
            settings = suggest(self._question(pair, len(before)))
            if settings is None:
                return None, []
        specs = self._trials(recipe, task, number, settings or {})
        definitions = [spec.definition_hash for spec in specs]
        twin = next((one for one in before if self._definitions(one) == definitions), None)
        return Proposal(
            number=number,
            nth=len(before) + 1,
            task=task,
            recipe=recipe,
            settings=settings or {},
            source=self.search.sweep.sampler.name if before else DECLARED,
            repeats=twin.number if twin else None,
            known=sum(self.outcome(one).told is not Told.OPEN for one in before),
            trials=[] if twin else [spec.id for spec in specs],
        ), specs

    def _definitions(self, proposal: Proposal) -> list[str]:
        return [spec.definition_hash for spec in self._specs.get(str(proposal.number), [])]

    def _question(self, pair: Pair, number: int) -> Question:
        recipe, task = pair
        space = self.search.sweep.space_of(recipe, task)
        known = []
        for one in self.outcomes(pair):
            settings = dict(one.proposal.settings)
            if one.proposal.source == DECLARED:
                own = stated(self.search.study.recipes[recipe].for_task(task), space)
                if own is None:
                    continue  # the declared recipe lies outside of the space
                settings = own
            known.append(Known(settings, one.told, one.score, self._rungs(one.proposal)))
        return Question(space, self.search.sweep.sampler, f"{recipe}/{task}", number, known, self.search.is_lower(task))

    def _rungs(self, proposal: Proposal) -> dict[int, float]:
        first = proposal.trials[:1]
        return {rung: one.score for (trial, rung), one in self.history.judgements.items() if trial in first}

    def _trials(self, recipe: str, task: str, number: int, settings: dict[str, Scalar]) -> list[TrialSpec]:
        """A proposal's trials: ordinary ones, under a name that says which proposal they belong to."""
        changed = with_settings(self.search.study, {(recipe, task): settings})
        name = f"{recipe}-p{number:03d}"
        own = changed.recipes[recipe].for_task(task).model_copy(update={"on": {}, "tasks": [task]})
        return self.search.facts.plan(changed.model_copy(update={"recipes": {name: own}, "baseline": ""})).trials

    def _remember(self, proposal: Proposal, specs: list[TrialSpec]) -> None:
        own = specs if proposal.repeats is None else []
        self._specs[str(proposal.number)] = own
        self._of_trial.update({spec.id: proposal for spec in own})

    def _read(self, spec: TrialSpec) -> None:
        result = read_complete(self.search.run.trial(spec.id), spec.definition_hash)
        state = read_state(self.search.run, spec).state
        if result is not None:
            self._take(spec, State.COMPLETE, result)
        elif state.ended and state is not State.COMPLETE:
            self._take(spec, state, None)

    def _take(self, spec: TrialSpec, state: State, result: Result | None) -> None:
        score = validation_score(spec, result) if result is not None else None
        self._ends[spec.id] = (state, score, self._seconds(spec.id))

    def _seconds(self, trial: str) -> float:
        try:
            lived = Circumstances.read(self.search.run.trial(trial).circumstances)
        except (FormatError, ValueError):
            return 0.0
        return lived.seconds + lived.seconds_before

    def ended(self, trial: TrialSpec, state: State, result: Result | None) -> None:
        """A trial has ended (see `Guide.ended`).

        Args:
            trial: which.
            state: how.
            result: its result.
        """
        self._take(trial, state, result)

    def outcomes(self, pair: Pair) -> list[Outcome]:
        """What the proposals of a search came to.

        Args:
            pair: recipe and task.

        Returns:
            Outcomes in order.
        """
        return [self.outcome(one) for one in self.of(pair)]

    def outcome(self, proposal: Proposal) -> Outcome:
        """What a proposal came to.

        Args:
            proposal: the proposal.

        Returns:
            Its outcome; of one that repeats another, that one's score, at no time.
        """
        if proposal.repeats is not None:
            twin = self.outcome(self.history.proposals[proposal.repeats - 1])
            return Outcome(proposal, twin.told, twin.score, twin.seeds)
        ends = [self._ends.get(trial) for trial in proposal.trials]
        known = [end for end in ends if end is not None]
        scores = tuple(score for _, score, _ in known if score is not None)
        seconds = sum(end[2] for end in known)
        if len(known) < len(ends):
            return Outcome(proposal, Told.OPEN, None, scores, seconds)
        states = [state for state, _, _ in known]
        if any(state in TO_BLAME for state in states) or any(math.isnan(score) for score in scores):
            return Outcome(proposal, Told.BAD, None, scores, seconds)
        if len(scores) < len(states):
            return Outcome(proposal, Told.FAILED, None, scores, seconds)
        return Outcome(proposal, Told.SCORED, sum(scores) / len(scores), scores, seconds)

    def best(self, pair: Pair) -> Outcome | None:
        """The best proposal of a search; of equals the first.

        Args:
            pair: recipe and task.

        Returns:
            Its outcome; None if no proposal has a score.
        """
        scored = [one for one in self.outcomes(pair) if one.score is not None]
        sign = -1.0 if self.search.is_lower(pair[1]) else 1.0
        return max(scored, key=lambda one: sign * (one.score or 0.0), default=None)

    def judges(self, trial: TrialSpec) -> bool:
        """Whether a trial has to ask at its validations (see `Guide.judges`).

        Args:
            trial: which.

        Returns:
            True where the sweep prunes.
        """
        return self.search.sweep.pruning.name != "none" and trial.id in self._of_trial

    def stops(self, rung: Rung) -> str:
        """Whether a trial stops at a validation (see `Guide.stops`). What was said once stays said.

        Args:
            rung: the validation.

        Returns:
            Why; empty if it goes on.
        """
        said = self.history.judgements.get((rung.trial, rung.number))
        if said is not None:
            return said.stop
        proposal = self._of_trial[rung.trial]
        others = self._others(proposal, rung)
        reached = Reached(rung.score, rung.number, rung.count, proposal.nth, others)
        reason = why_stop(self.search.sweep.pruning, reached, self.search.is_lower(proposal.task))
        self.history.add(
            Judgement(trial=rung.trial, rung=rung.number, rungs=rung.count, step=rung.step, score=rung.score, stop=reason)
        )
        return reason

    def _others(self, proposal: Proposal, rung: Rung) -> Sequence[tuple[int, float]]:
        pair = (proposal.recipe, proposal.task)
        found = []
        for (trial, number), one in self.history.judgements.items():
            other = self._of_trial.get(trial)
            if number == rung.number and trial != rung.trial and other and (other.recipe, other.task) == pair:
                found.append((other.nth, one.score))
        return found
