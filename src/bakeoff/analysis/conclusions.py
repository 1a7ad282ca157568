"""From test scores to conclusions: comparisons, answers to claims, expectations, the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bakeoff.analysis.claims import Asked, Source, answer_claims
from bakeoff.analysis.comparisons import Validation, compare
from bakeoff.analysis.drift_claims import measured
from bakeoff.analysis.drift_model import Drift
from bakeoff.analysis.fallen import Fallen, left_of
from bakeoff.analysis.gate import Opened
from bakeoff.analysis.measuring import Evidence, gather
from bakeoff.analysis.model import TaskAnalysis
from bakeoff.analysis.sources import compare_sources
from bakeoff.analysis.spending import read_spending
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict import Facts, Rules, judge
from bakeoff.analysis.verdict_model import ClaimAnswer, Conclusions, DeclaredLook, Expectation
from bakeoff.records.results import Outputs
from bakeoff.stats.margins import PRACTICALLY_EQUAL
from bakeoff.study.claims import Beats, Claim, NoWorse, Statement, Vocabulary, Within
from bakeoff.study.claims_checking import vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.claims_words import SentenceError
from bakeoff.study.verdict_rules import DEFAULT_GREEN, DEFAULT_YELLOW, Rule, Said, parse_rule

WITHOUT_CLAIMS = "at most 2 trials failed"


@dataclass(frozen=True)
class Before:
    """What happened before test scores were opened.

    Attributes:
        opened: how test was opened so far, this time included.
        fallen: recipes that earlier phases left out.
        drift: what was measured of drift; None for nothing.
    """

    opened: Opened = field(default_factory=lambda: Opened(1))
    fallen: Fallen = field(default_factory=dict)
    drift: Drift | None = None


def conclude(
    study: Mapping[str, Any],
    tasks: Sequence[TaskAnalysis],
    trials: Sequence[TrialAnalysis],
    tests: Mapping[str, Outputs],
    before: Before,
    validation: Validation,
    notes: list[str],
) -> Conclusions:
    """Draw the conclusions of a run whose test scores are open.

    Args:
        study: the resolved study as it stands in the run folder.
        tasks: the tasks' parts of the analysis.
        trials: every planned trial.
        tests: test outputs by trial id.
        before: what happened before these test scores were opened.
        validation: how a trial's validation outputs are read.
        notes: gets a line for each sentence that this version cannot read.

    Returns:
        The conclusions.
    """
    recipes: dict[str, set[str]] = {}
    for trial in trials:
        recipes.setdefault(trial.recipe, set()).add(trial.task)
    for recipe, task in before.fallen:
        recipes.setdefault(recipe, set()).add(task)
    known = vocabulary(recipes, {task.name: (task.kind, task.metric) for task in tasks})
    written = study.get("claims")
    texts = [str(text) for text in written] if isinstance(written, list) else []
    claims = [_read_claim(text, known, before.fallen, notes) for text in texts]
    evidence = {task.name: found for task in tasks if (found := gather(task, trials, tests)) is not None}
    rules = _read_rules(study.get("verdict"), known, len(claims), notes)
    asked = [Asked(claim, "claims") for claim in claims if isinstance(claim, Claim)]
    ruled = _said(rules)
    left = {one: left_of(one.claim, before.fallen) for one in ruled}
    said = [replace(one, claim=claim) for one, claim in left.items() if isinstance(claim, Claim)]
    spending = read_spending(study, len({trial.seed for trial in trials}), notes)
    drifts = measured(before.drift, [one.claim for one in (*asked, *said)])
    answers = answer_claims([*asked, *said], evidence, trials, spending, drifts)
    of_claims = _in_place(claims, answers[: len(asked)], texts)
    of_rules = iter(answers[len(asked) :])
    said_answers = {
        one.claim.statement: next(of_rules) if isinstance(claim, Claim) else _unanswered(one.claim.text, one.source, claim)
        for one, claim in left.items()
    }
    compared = [compare(one, _claimed(asked + said, one), spending, validation) for one in evidence.values()]
    expectations = _expectations(study.get("expect"), evidence)
    facts = Facts(
        trials=trials,
        claims=of_claims,
        said=said_answers,
        expectations=expectations,
        tasks=compared,
        looks=before.opened.sets,
        planned_looks=len(spending.earlier) + 1,
    )
    inferential = {one.claim.statement for one in (*asked, *said) if one.claim.inferential}
    return Conclusions(
        alpha=spending.alpha,
        declared=[DeclaredLook(seeds=one.seeds, alpha=one.alpha) for one in spending.all],
        changed_looks=before.opened.declared_later,
        seeds=spending.seeds,
        inferential=len(inferential),
        looks=before.opened.sets,
        negligible=PRACTICALLY_EQUAL,
        planned=len(trials),
        failed=facts.failed,
        deviating=facts.deviating,
        verdict=judge(rules, facts),
        claims=[*of_claims, *said_answers.values()],
        expectations=expectations,
        tasks=compared,
        sources=[told for one in evidence.values() if (told := compare_sources(one, spending.alpha)) is not None],
    )


def _read_claim(text: str, known: Vocabulary, fallen: Fallen, notes: list[str]) -> Claim | str:
    """What of a claim is to be answered, or why nothing is."""
    try:
        return left_of(parse_claim(text, known), fallen)
    except SentenceError as error:
        notes.append(f"the claim “{text}” cannot be answered: {error} (allowed: {error.allowed})")
        return "this version cannot read the sentence"


def _in_place(claims: Sequence[Claim | str], answers: Sequence[ClaimAnswer], written: Sequence[str]) -> list[ClaimAnswer]:
    """The answers in the order of the study; a sentence of which nothing is to be answered is undecided."""
    left = iter(answers)
    found = [
        next(left) if isinstance(claim, Claim) else _unanswered(text, "claims", claim)
        for claim, text in zip(claims, written, strict=True)
    ]
    return [one.model_copy(update={"main": place == 0}) for place, one in enumerate(found)]


def _unanswered(text: str, source: Source, reason: str) -> ClaimAnswer:
    return ClaimAnswer(
        text=text,
        source=source,
        main=False,
        inferential=False,
        answer="undecided",
        p=None,
        corrected=None,
        reason=reason,
    )


def _read_rules(written: Any, known: Vocabulary, claims: int, notes: list[str]) -> Rules:
    stated = written if isinstance(written, dict) else {}

    def read(colour: str, default: str) -> Rule | None:
        text = stated.get(colour)
        try:
            return parse_rule(str(text), known, claims) if text else parse_rule(default, known, claims) if default else None
        except SentenceError as error:
            notes.append(
                f"the verdict's rule of {colour} cannot be read, so it never holds: {error} (allowed: {error.allowed})"
            )
            return None

    green = read("green", DEFAULT_GREEN if claims else "")
    yellow = read("yellow", DEFAULT_YELLOW if claims else WITHOUT_CLAIMS)
    return Rules(green, yellow or Rule(str(stated.get("yellow", "")), ()), bool(stated))


def _said(rules: Rules) -> list[Asked]:
    """The claims that rules make, each once."""
    found: dict[Statement, Asked] = {}
    sources: tuple[tuple[Rule | None, Source], ...] = ((rules.green, "green"), (rules.yellow, "yellow"))
    for rule, source in sources:
        for condition in rule.conditions if rule else ():
            if isinstance(condition.means, Said):
                claim = Claim(condition.text, condition.means.statement)
                found.setdefault(claim.statement, Asked(claim, source))
    return list(found.values())


def _claimed(asked: Sequence[Asked], evidence: Evidence) -> frozenset[frozenset[str]]:
    """Pairs that a claim compares in the task's own metric and rule."""
    pairs = set()
    for part in (part for one in asked for part in one.claim.parts):
        if isinstance(part, Beats | Within | NoWorse) and isinstance(part.rival, str):
            measure = part.measure
            if (measure.task, measure.metric, measure.rule) == (evidence.task.name, evidence.measure.metric, ""):
                pairs.add(frozenset((part.recipe, part.rival)))
    return frozenset(pairs)


def _expectations(written: Any, evidence: Mapping[str, Evidence]) -> list[Expectation]:
    found = []
    for recipe, metrics in written.items() if isinstance(written, dict) else ():
        for metric, bounds in metrics.items() if isinstance(metrics, dict) else ():
            for task, known in evidence.items():
                if recipe in known.recipes and isinstance(bounds, list) and len(bounds) == 2:
                    found.append(_expectation(known, task, recipe, str(metric), (float(bounds[0]), float(bounds[1]))))
    return found


def _expectation(evidence: Evidence, task: str, recipe: str, metric: str, bounds: tuple[float, float]) -> Expectation:
    name, _, rule = metric.partition("@")
    known = {*evidence.measure.metrics, *evidence.measure.ranked}
    score = evidence.replicates(recipe, name, str(float(rule)) if rule else "").mean if name in known else float("nan")
    low, high = bounds
    came = "inside" if low <= score <= high else "below" if score < low else "above" if score > high else "no score"
    return Expectation.model_validate(
        {"recipe": recipe, "task": task, "metric": metric, "low": low, "high": high, "score": score, "came": came}
    )
