"""From test scores to conclusions: comparisons, answers to claims, expectations, the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.analysis.claims import Asked, Source, answer_claims
from bakeoff.analysis.claims_words import ALPHA
from bakeoff.analysis.comparisons import Validation, compare
from bakeoff.analysis.measuring import Evidence, gather
from bakeoff.analysis.model import TaskAnalysis
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict import Facts, Rules, judge
from bakeoff.analysis.verdict_model import ClaimAnswer, Conclusions, Expectation
from bakeoff.records.results import Outputs
from bakeoff.stats.margins import PRACTICALLY_EQUAL
from bakeoff.study.claims import Beats, Claim, NoWorse, Statement, Vocabulary, Within
from bakeoff.study.claims_checking import vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.claims_words import SentenceError
from bakeoff.study.verdict_rules import DEFAULT_GREEN, DEFAULT_YELLOW, Rule, Said, parse_rule

WITHOUT_CLAIMS = "at most 2 trials failed"


def conclude(
    study: Mapping[str, Any],
    tasks: Sequence[TaskAnalysis],
    trials: Sequence[TrialAnalysis],
    tests: Mapping[str, Outputs],
    looks: int,
    validation: Validation,
    notes: list[str],
) -> Conclusions:
    """Draw the conclusions of a run whose test scores are open.

    Args:
        study: the resolved study as it stands in the run folder.
        tasks: the tasks' parts of the analysis.
        trials: every planned trial.
        tests: test outputs by trial id.
        looks: sets of trials whose test scores were opened so far.
        validation: how a trial's validation outputs are read.
        notes: gets a line for each sentence that this version cannot read.

    Returns:
        The conclusions.
    """
    recipes: dict[str, set[str]] = {}
    for trial in trials:
        recipes.setdefault(trial.recipe, set()).add(trial.task)
    known = vocabulary(recipes, {task.name: (task.kind, task.metric) for task in tasks})
    written = study.get("claims")
    claims = [_read_claim(str(text), known, notes) for text in written] if isinstance(written, list) else []
    evidence = {task.name: found for task in tasks if (found := gather(task, trials, tests)) is not None}
    rules = _read_rules(study.get("verdict"), known, len(claims), notes)
    asked = [Asked(claim, "claims") for claim in claims if claim is not None]
    said = _said(rules)
    answers = answer_claims([*asked, *said], evidence, trials)
    of_claims = _in_place(claims, answers[: len(asked)], written)
    compared = [compare(one, _claimed(asked + said, one), validation) for one in evidence.values()]
    expectations = _expectations(study.get("expect"), evidence)
    facts = Facts(
        trials=trials,
        claims=of_claims,
        said={one.claim.statement: answer for one, answer in zip(said, answers[len(asked) :], strict=True)},
        expectations=expectations,
        tasks=compared,
        looks=looks,
    )
    inferential = {one.claim.statement for one in (*asked, *said) if one.claim.inferential}
    return Conclusions(
        alpha=ALPHA,
        inferential=len(inferential),
        looks=looks,
        negligible=PRACTICALLY_EQUAL,
        planned=len(trials),
        failed=facts.failed,
        deviating=facts.deviating,
        verdict=judge(rules, facts),
        claims=[*of_claims, *answers[len(asked) :]],
        expectations=expectations,
        tasks=compared,
    )


def _read_claim(text: str, known: Vocabulary, notes: list[str]) -> Claim | None:
    try:
        return parse_claim(text, known)
    except SentenceError as error:
        notes.append(f"the claim “{text}” cannot be answered: {error} (allowed: {error.allowed})")
        return None


def _in_place(claims: Sequence[Claim | None], answers: Sequence[ClaimAnswer], written: Any) -> list[ClaimAnswer]:
    """The answers in the order of the study; a sentence that cannot be read is undecided."""
    left = iter(answers)
    placed = []
    for place, claim in enumerate(claims):
        if claim is not None:
            placed.append(next(left).model_copy(update={"main": place == 0}))
            continue
        placed.append(
            ClaimAnswer(
                text=str(written[place]),
                source="claims",
                main=place == 0,
                inferential=False,
                answer="undecided",
                p=None,
                corrected=None,
                reason="this version cannot read the sentence",
            )
        )
    return placed


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
