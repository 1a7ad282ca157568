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
from bakeoff.analysis.length_model import TaskLengths
from bakeoff.analysis.lengths import compare_lengths
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


@dataclass(frozen=True)
class Tested:
    """A run whose test scores are open.

    Attributes:
        tasks: the tasks' parts of the analysis.
        trials: every planned trial.
        tests: test outputs by trial id.
        validation: how a trial's validation outputs are read.
    """

    tasks: Sequence[TaskAnalysis]
    trials: Sequence[TrialAnalysis]
    tests: Mapping[str, Outputs]
    validation: Validation

    def vocabulary(self, fallen: Fallen) -> Vocabulary:
        """What sentences of the study may speak of.

        Args:
            fallen: recipes that earlier phases left out: they may be named, too.

        Returns:
            The names.
        """
        recipes: dict[str, set[str]] = {}
        for name, task in [*((trial.recipe, trial.task) for trial in self.trials), *fallen]:
            recipes.setdefault(name, set()).add(task)
        return vocabulary(recipes, {task.name: (task.kind, task.metric) for task in self.tasks})

    def evidence(self) -> dict[str, Evidence]:
        """The evidence by task; tasks without test outputs are left out."""
        found = {task.name: gather(task, self.trials, self.tests) for task in self.tasks}
        return {name: one for name, one in found.items() if one is not None}


@dataclass(frozen=True)
class _Sentences:
    """What a study says that is to be answered.

    Attributes:
        texts: its claims as written.
        claims: the same as read, or why nothing is to be answered.
        rules: the rules of its verdict.
        said: what is left of each claim that they make.
    """

    texts: list[str]
    claims: list[Claim | str]
    rules: Rules
    said: dict[Asked, Claim | str]

    @property
    def asked(self) -> list[Asked]:
        """All that can be answered: the claims first, then what rules say."""
        claimed = [Asked(claim, "claims") for claim in self.claims if isinstance(claim, Claim)]
        return claimed + [replace(one, claim=claim) for one, claim in self.said.items() if isinstance(claim, Claim)]

    def of_claims(self, answers: Sequence[ClaimAnswer]) -> list[ClaimAnswer]:
        """Answers to the claims, in the order of the study."""
        left = iter(answers)
        found = [
            next(left) if isinstance(claim, Claim) else _unanswered(text, "claims", claim)
            for claim, text in zip(self.claims, self.texts, strict=True)
        ]
        return [one.model_copy(update={"main": place == 0}) for place, one in enumerate(found)]

    def of_rules(self, answers: Sequence[ClaimAnswer]) -> dict[Statement, ClaimAnswer]:
        """Answers to what the rules say, by statement."""
        left = iter(answers[sum(isinstance(claim, Claim) for claim in self.claims) :])
        return {
            one.claim.statement: next(left) if isinstance(claim, Claim) else _unanswered(one.claim.text, one.source, claim)
            for one, claim in self.said.items()
        }


def conclude(study: Mapping[str, Any], tested: Tested, before: Before, notes: list[str]) -> Conclusions:
    """Draw the conclusions of a run whose test scores are open.

    Args:
        study: the resolved study as it stands in the run folder.
        tested: the run.
        before: what happened before these test scores were opened.
        notes: gets a line for each sentence that this version cannot read.

    Returns:
        The conclusions.
    """
    sentences = _read_sentences(study, tested.vocabulary(before.fallen), before.fallen, notes)
    spending = read_spending(study, len({trial.seed for trial in tested.trials}), notes)
    evidence, asked = tested.evidence(), sentences.asked
    drifts = measured(before.drift, [one.claim for one in asked])
    answers = answer_claims(asked, evidence, tested.trials, spending, drifts)
    facts = Facts(
        trials=tested.trials,
        claims=sentences.of_claims(answers),
        said=sentences.of_rules(answers),
        expectations=_expectations(study.get("expect"), evidence),
        tasks=[compare(one, _claimed(asked, one), spending, tested.validation) for one in evidence.values()],
        looks=before.opened.sets,
        planned_looks=len(spending.earlier) + 1,
    )
    return Conclusions(
        alpha=spending.alpha,
        declared=[DeclaredLook(seeds=one.seeds, alpha=one.alpha) for one in spending.all],
        changed_looks=before.opened.declared_later,
        seeds=spending.seeds,
        inferential=len({one.claim.statement for one in asked if one.claim.inferential}),
        looks=before.opened.sets,
        negligible=PRACTICALLY_EQUAL,
        planned=len(tested.trials),
        failed=facts.failed,
        deviating=facts.deviating,
        verdict=judge(sentences.rules, facts),
        claims=[*facts.claims, *facts.said.values()],
        expectations=list(facts.expectations),
        tasks=list(facts.tasks),
        sources=[told for one in evidence.values() if (told := compare_sources(one, spending.alpha)) is not None],
        lengths=_lengths(evidence),
    )


def _read_sentences(study: Mapping[str, Any], known: Vocabulary, fallen: Fallen, notes: list[str]) -> _Sentences:
    written = study.get("claims")
    texts = [str(text) for text in written] if isinstance(written, list) else []
    claims = [_read_claim(text, known, fallen, notes) for text in texts]
    rules = _read_rules(study.get("verdict"), known, len(claims), notes)
    return _Sentences(texts, claims, rules, {one: left_of(one.claim, fallen) for one in _said(rules)})


def _lengths(evidence: Mapping[str, Evidence]) -> list[TaskLengths]:
    """By length of texts, where the study says what is done with long ones: in one task, to compare them with the others."""
    if all(one.task.data.long_text == "truncate" for one in evidence.values()):
        return []
    return [told for one in evidence.values() if (told := compare_lengths(one)) is not None]


def _read_claim(text: str, known: Vocabulary, fallen: Fallen, notes: list[str]) -> Claim | str:
    """What of a claim is to be answered, or why nothing is."""
    try:
        return left_of(parse_claim(text, known), fallen)
    except SentenceError as error:
        notes.append(f"the claim “{text}” cannot be answered: {error} (allowed: {error.allowed})")
        return "this version cannot read the sentence"


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
