"""Answer the claims of a study: supported, refuted or undecided.

All inferential claims, those in the verdict's rules included, share one error rate by Holm, in both directions at once; where
a study declares several looks, each look has a share of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bakeoff.analysis.cautions import of_seeds
from bakeoff.analysis.claims_words import (
    Family,
    because,
    contrast_words,
    earlier_words,
    found_in,
    next_words,
    says,
)
from bakeoff.analysis.comparisons import LEVEL, decides
from bakeoff.analysis.drift_claims import Drifts, drift_facts, drift_next, drift_sides
from bakeoff.analysis.measuring import Evidence
from bakeoff.analysis.observing import observe
from bakeoff.analysis.skill import Doubt, below_simple, doubt, partly_fallen
from bakeoff.analysis.spending import ALPHA, Spending
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict_model import Answer, ClaimAnswer, ClaimPart
from bakeoff.stats.corrections import bonferroni_level, holm
from bakeoff.stats.estimates import Estimate, Interval, ratio_interval
from bakeoff.stats.margins import beats, no_worse, within
from bakeoff.stats.replicates import Replicates
from bakeoff.stats.sides import Sided, all_of, answer, any_of, sided
from bakeoff.study.claims import (
    Beats,
    Best,
    Claim,
    DriftsLess,
    EveryTrialCompletes,
    Margin,
    Measure,
    NoWorse,
    Reaches,
    Several,
    Single,
    Statement,
    StaysBelow,
    TakesLess,
    Within,
)

Source = Literal["claims", "green", "yellow"]
Rival = str | float


@dataclass(frozen=True)
class Asked:
    """A claim and where it stands.

    Attributes:
        claim: the claim.
        source: `claims`, or the colour of the rule that it stands in.
    """

    claim: Claim
    source: Source


@dataclass(frozen=True)
class _Compared:
    """A contrast, what it is about, and why its numbers may be no evidence."""

    recipe: str
    rival: Rival
    measure: Measure
    estimate: Estimate
    words: str
    doubt: Doubt | None = None

    @property
    def sides(self) -> Sided:
        """Both p-values, of what counts as evidence."""
        found = sided(self.estimate)
        return self.doubt.left_of(found) if self.doubt is not None else found

    @property
    def names(self) -> list[str]:
        """The recipes that are compared."""
        return [self.recipe, self.rival] if isinstance(self.rival, str) else [self.recipe]


@dataclass(frozen=True)
class _Judged:
    """A statement with both its p-values and the contrasts behind it."""

    sides: Sided
    compared: list[_Compared]


@dataclass(frozen=True)
class _Look:
    """All inferential claims of a study, judged on the seeds of one look.

    Attributes:
        spending: what the look may spend.
        judged: the statements; one that stands twice is one.
        corrected: their two-sided p-values after Holm.
        contrasts: contrasts that all statements rest on.
    """

    spending: Spending
    judged: Mapping[Statement, _Judged]
    corrected: Mapping[Statement, float]

    @property
    def contrasts(self) -> int:
        return sum(len(one.compared) for one in self.judged.values())

    def answer(self, statement: Statement) -> Answer:
        alpha = self.spending.alpha
        return answer(self.judged[statement].sides, self.corrected[statement], alpha) if alpha else "undecided"


def answer_claims(
    asked: Sequence[Asked],
    evidence: Mapping[str, Evidence],
    trials: Sequence[TrialAnalysis],
    spending: Spending,
    drifts: Drifts | None = None,
) -> list[ClaimAnswer]:
    """Answer claims.

    A claim that an earlier declared look decided stays decided: each look has an error rate of its own, and all together
    have the study's.

    Args:
        asked: the study's claims, the main one first, then those of the verdict's rules.
        evidence: test outputs by task.
        trials: every planned trial.
        spending: how the error rate is spent.
        drifts: what was measured of drift; None for nothing.

    Returns:
        Answers in the same order.
    """
    statements = list(dict.fromkeys(one.claim.statement for one in asked if one.claim.inferential))
    measured = drifts or {}
    # what drift was at an earlier look is not known
    looks = [
        _look(statements, {task: one.first(past.seeds) for task, one in evidence.items()}, past, {})
        for past in spending.earlier
    ]
    looks.append(_look(statements, evidence, spending, measured))
    return [
        _inferred(one, looks, evidence, measured, _is_main(place, one))
        if one.claim.inferential
        else _observed(one, trials, place)
        for place, one in enumerate(asked)
    ]


def _is_main(place: int, asked: Asked) -> bool:
    return place == 0 and asked.source == "claims"


def _look(statements: Sequence[Statement], evidence: Mapping[str, Evidence], spending: Spending, drifts: Drifts) -> _Look:
    judged = {statement: _judge(statement, evidence, drifts) for statement in statements}
    p_values = [one.sides.two_sided for one in judged.values()]
    return _Look(spending, judged, dict(zip(judged, holm(p_values).tolist(), strict=True)) if judged else {})


def _judge(statement: Statement, evidence: Mapping[str, Evidence], drifts: Drifts) -> _Judged:
    if isinstance(statement, Several):
        parts = [_judge_one(part, evidence, drifts) for part in statement.parts]
        combine = any_of if statement.how == "any" else all_of
        return _Judged(combine([part.sides for part in parts]), [one for part in parts for one in part.compared])
    return _judge_one(statement, evidence, drifts)


def _judge_one(statement: Single, evidence: Mapping[str, Evidence], drifts: Drifts) -> _Judged:
    if isinstance(statement, DriftsLess):
        return _Judged(drift_sides(drifts.get(statement)), [])
    assert not isinstance(statement, TakesLess | StaysBelow | EveryTrialCompletes)
    known = evidence.get(statement.measure.task)
    if known is None:
        return _Judged(Sided(1.0, 1.0), [])
    compared = [_doubted(one, statement, known) for one in _contrasts(statement, known)]
    return _Judged(all_of([one.sides for one in compared]), compared)


def _doubted(one: _Compared, statement: Single, evidence: Evidence) -> _Compared:
    replicates = [_replicates(evidence, name, one.measure) for name in one.names]
    return replace(one, doubt=doubt(statement, one.names, replicates, evidence))


def _replicates(evidence: Evidence, recipe: str, measure: Measure) -> Replicates:
    own = measure.metric == evidence.measure.metric and not measure.rule
    return evidence.telling(recipe) if own else evidence.telling(recipe, measure.metric, measure.rule)


def _contrasts(statement: Beats | Best | Within | NoWorse | Reaches, evidence: Evidence) -> list[_Compared]:
    """The contrasts of which all have to be above 0."""
    measure, lower = statement.measure, statement.measure.lower

    def scores(name: Rival) -> Replicates | float:
        return name if isinstance(name, float) else _replicates(evidence, name, measure)

    a = _replicates(evidence, statement.recipe, measure)
    match statement:
        case Beats(recipe, rival, _, margin):
            estimate = beats(a, scores(rival), margin.size, margin.relative, lower)
            return [_Compared(recipe, rival, measure, estimate, contrast_words(recipe, rival, margin, measure))]
        case Best(recipe, _):
            rivals = [name for name in evidence.recipes if name != recipe]
            return [
                _Compared(
                    recipe,
                    rival,
                    measure,
                    beats(a, scores(rival), lower=lower),
                    contrast_words(recipe, rival, Margin(), measure),
                )
                for rival in rivals
            ]
        case Within(recipe, rival, _, margin):
            return _both_sides(statement, within(a, scores(rival), margin.size, margin.relative))
        case NoWorse(recipe, rival, _, margin):
            estimate = no_worse(a, scores(rival), margin.size, margin.relative, lower)
            return [_Compared(recipe, rival, measure, estimate, contrast_words(recipe, rival, margin, measure, -1.0))]
        case Reaches(recipe, value, _):
            estimate = beats(a, value, lower=lower)
            return [_Compared(recipe, value, measure, estimate, contrast_words(recipe, value, Margin(), measure))]


def _both_sides(statement: Within, estimates: tuple[Estimate, Estimate]) -> list[_Compared]:
    recipe, rival, margin = statement.recipe, statement.rival, statement.margin
    upward = Measure(statement.measure.task, statement.measure.metric, statement.measure.rule, lower=False)
    downward = Measure(statement.measure.task, statement.measure.metric, statement.measure.rule, lower=True)
    return [
        _Compared(recipe, rival, statement.measure, estimate, contrast_words(recipe, rival, margin, measure, -1.0))
        for estimate, measure in zip(estimates, (upward, downward), strict=True)
    ]


def _part(one: _Compared, evidence: Evidence, look: _Look, statement: str) -> ClaimPart:
    a = _replicates(evidence, one.recipe, one.measure)
    b = _replicates(evidence, one.rival, one.measure) if isinstance(one.rival, str) else None
    interval, wide = (one.estimate.interval(level) for level in (LEVEL, bonferroni_level(look.spending.level, look.contrasts)))
    ratio = ratio_interval(a, b, LEVEL) if b is not None else Interval(math.nan, math.nan)
    sides = one.sides
    needed = decides(one.estimate, len(evidence.gold), len(look.judged), look.spending.alpha)
    rival_score = b.mean if b is not None else float(one.rival)
    return ClaimPart(
        says=statement,
        contrast=one.words,
        value=one.estimate.value,
        low=interval.low,
        high=interval.high,
        wide_low=wide.low,
        wide_high=wide.high,
        support=sides.support,
        refute=sides.refute,
        score=a.mean,
        rival_score=rival_score,
        ratio=a.mean / rival_score if b is not None and rival_score else math.nan,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        seeds=list(one.estimate.seeds),
        needed_seeds=needed.seeds,
        needed_examples=needed.examples,
        doubt=one.doubt.words if one.doubt is not None else "",
    )


def _inferred(
    asked: Asked, looks: Sequence[_Look], evidence: Mapping[str, Evidence], drifts: Drifts, main: bool
) -> ClaimAnswer:
    """The answer of the first look that gave one, with what the last one found."""
    statement, now = asked.claim.statement, looks[-1]
    judged, corrected = now.judged[statement], now.corrected[statement]
    deciding = next((look for look in looks if look.answer(statement) != "undecided"), now)
    found = deciding.answer(statement)
    parts = []
    for one in judged.compared:
        of_recipe = next(part for part in asked.claim.parts if getattr(part, "recipe", "") == one.recipe)
        parts.append(_part(one, evidence[one.measure.task], now, says(of_recipe)))
    known = [(part, one.recipe, one.rival) for part, one in zip(parts, judged.compared, strict=True)]
    any_part = isinstance(statement, Several) and statement.how == "any"
    facts = found_in(known, any_part) if known else drift_facts(asked.claim, drifts) or "no trial of this task has test scores"
    sure = because(found, judged.sides.two_sided, corrected, Family(len(now.judged), now.spending))
    if sure and any_part and len(parts) > 1 and found != "refuted":
        sure += f" (it pays for choosing the best of {len(parts)})"
    if deciding is not now:
        sure = earlier_words(found, deciding.corrected[statement], deciding.spending)
    return ClaimAnswer(
        text=asked.claim.text,
        source=asked.source,
        main=main,
        inferential=True,
        answer=found,
        decided_at=deciding.spending.seeds if deciding.spending.looks is not None and found != "undecided" else None,
        p=judged.sides.two_sided,
        corrected=corrected,
        reason="; ".join([facts, *filter(None, [sure]), *_cautions(judged, evidence)]),
        next=""
        if found != "undecided"
        else _next(judged, parts, evidence, any_part)
        if parts
        else drift_next(asked.claim, drifts),
        parts=parts,
    )


def _cautions(judged: _Judged, evidence: Mapping[str, Evidence]) -> list[str]:
    """What must be known with an answer: why numbers do not count, and what recipes that count are like."""
    found = [f"no evidence: {one.doubt.words}" for one in judged.compared if one.doubt is not None]
    for one in judged.compared:
        known = evidence[one.measure.task]
        lower = below_simple(known)
        sure = [] if one.doubt is not None else one.names
        found += [words for name in sure for words in (partly_fallen(known, name), lower.get(name, "")) if words]
    return list(dict.fromkeys(found))


def _of_seeds(judged: _Judged, evidence: Mapping[str, Evidence]) -> str:
    """A recipe that a claim is about and that is one trial made of all seeds of another; empty if there is none."""
    for one in judged.compared:
        lone = of_seeds(evidence[one.measure.task])
        found = next((name for name in (one.recipe, one.rival) if name in lone), "")
        if found:
            return str(found)
    return ""


def _next(judged: _Judged, parts: Sequence[ClaimPart], evidence: Mapping[str, Evidence], any_part: bool) -> str:
    if lone := _of_seeds(judged, evidence):
        return f"not more seeds: {lone} is made of all of them and stays one replicate; other recipes, or other studies"
    # one part decides an "any of" that leans to hold, and whatever else leans not to
    holds = judged.sides.support <= judged.sides.refute
    enough = any_part is holds
    # then only a part that leans that way can: of "within" the one that speaks against it, not the one that is long shown
    leaning = [part for part in parts if (part.value > 0) is holds or not math.isfinite(part.value)] if enough else []
    wanted = leaning or parts
    examples = max((len(one.gold) for one in evidence.values()), default=0)
    open_parts = [part for part in wanted if min(part.support, part.refute) * 2 > ALPHA or not math.isfinite(part.value)]
    return next_words(open_parts or wanted, examples, enough)


def _observed(asked: Asked, trials: Sequence[TrialAnalysis], place: int) -> ClaimAnswer:
    found, reason = observe(asked.claim.statement, trials)
    return ClaimAnswer(
        text=asked.claim.text,
        source=asked.source,
        main=_is_main(place, asked),
        inferential=False,
        answer=found,
        p=None,
        corrected=None,
        reason=reason,
    )
