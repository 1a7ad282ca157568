"""The verdict: green, yellow or red by the study's rules, and a few sentences that say no more than is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.analysis.claims_words import points
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict_model import (
    ClaimAnswer,
    Colour,
    ConditionFound,
    Contrast,
    Expectation,
    TaskComparison,
    Verdict,
)
from bakeoff.records.results import State
from bakeoff.study.claims import Statement
from bakeoff.study.verdict_rules import (
    ALL,
    NONE,
    ClaimIs,
    Condition,
    DeviationsAllowed,
    DeviceFallBack,
    ExpectationsMet,
    Rule,
    Said,
    TrialsFailed,
)

FALL_BACK = "one device in place of"
"""How a trial's deviation begins if it went on with fewer devices."""
EXIT_CODES: dict[Colour, int] = {"green": 0, "yellow": 10, "red": 20}
COLOURS: tuple[Colour, ...] = ("green", "yellow", "red")


@dataclass(frozen=True)
class Rules:
    """The rules of a verdict.

    Attributes:
        green: when it is green; None if nothing was claimed that could be.
        yellow: when it is yellow.
        declared: whether the study declares them.
    """

    green: Rule | None
    yellow: Rule
    declared: bool


@dataclass(frozen=True)
class Facts:
    """What a verdict is made from.

    Attributes:
        trials: every planned trial.
        claims: answers to the study's claims.
        said: answers to the claims that rules make, by statement.
        expectations: expected ranges and what came.
        tasks: comparisons by task.
        looks: sets of trials whose test scores were opened.
        planned_looks: how many of them were declared, this one included.
    """

    trials: Sequence[TrialAnalysis]
    claims: Sequence[ClaimAnswer]
    said: Mapping[Statement, ClaimAnswer]
    expectations: Sequence[Expectation]
    tasks: Sequence[TaskComparison]
    looks: int
    planned_looks: int = 1

    @property
    def failed(self) -> int:
        """Trials that ended without completing."""
        return sum(trial.state is not State.COMPLETE for trial in self.trials)

    @property
    def deviating(self) -> int:
        """Trials in which the machine forced something."""
        return sum(bool(trial.deviations) for trial in self.trials)

    @property
    def fallen_back(self) -> int:
        """Trials that went on with fewer devices than their recipe asks for."""
        return sum(any(FALL_BACK in deviation for deviation in trial.deviations) for trial in self.trials)


def exit_code(colour: Colour, fail_on: Colour = "yellow") -> int:
    """The exit code of a verdict.

    Args:
        colour: the verdict.
        fail_on: the best colour that counts as a failure.

    Returns:
        10 for yellow and 20 for red, or 0 if that is better than what fails.
    """
    return EXIT_CODES[colour] if COLOURS.index(colour) >= COLOURS.index(fail_on) else 0


def judge(rules: Rules, facts: Facts) -> Verdict:
    """Reach the verdict.

    Args:
        rules: when it is green or yellow.
        facts: what was found.

    Returns:
        The verdict.
    """
    green, conditions = _weigh(rules.green, "green", facts)
    yellow, others = _weigh(rules.yellow, "yellow", facts)
    capped = _cap(rules.green, facts) if green else ""
    colour: Colour = "green" if green and not capped else "yellow" if green or yellow else "red"
    headline = _headline(colour, facts)
    return Verdict(
        colour=colour,
        green=rules.green.text if rules.green else "",
        yellow=rules.yellow.text,
        declared=rules.declared,
        conditions=[*conditions, *others],
        capped=capped,
        headline=headline,
        paragraph="\n".join([headline, *_sentences(colour, capped, facts)]),
    )


def _weigh(rule: Rule | None, colour: Colour, facts: Facts) -> tuple[bool, list[ConditionFound]]:
    assert colour != "red"
    found = []
    holds = False
    for number, way in enumerate(rule.ways if rule else (), start=1):
        weighed = [(condition, *_holds(condition, facts)) for condition in way]
        holds = holds or all(yes for _, yes, _ in weighed)
        found += [
            ConditionFound(colour=colour, way=number, text=condition.text, holds=yes, found=words)
            for condition, yes, words in weighed
        ]
    return holds, found


def _holds(condition: Condition, facts: Facts) -> tuple[bool, str]:
    match condition.means:
        case ClaimIs():
            return _claims_are(condition.means, facts.claims)
        case TrialsFailed(least, most):
            return least <= facts.failed <= most, f"{facts.failed} of {len(facts.trials)} trials failed"
        case ExpectationsMet():
            missed = [one for one in facts.expectations if one.came != "inside"]
            words = f"{len(facts.expectations) - len(missed)} of {len(facts.expectations)} ranges hold what came"
            return not missed, words
        case DeviceFallBack(wanted):
            return (facts.fallen_back > 0) is wanted, f"{facts.fallen_back} trials went on with fewer devices"
        case DeviationsAllowed():
            return True, "declared"
        case Said(statement):
            found = facts.said[statement]
            return found.answer == "supported", found.answer


def _claims_are(condition: ClaimIs, claims: Sequence[ClaimAnswer]) -> tuple[bool, str]:
    if condition.which in (ALL, NONE):
        fitting = sum(claim.answer in condition.answers for claim in claims)
        wanted = len(claims) if condition.which == ALL else 0
        return fitting == wanted, f"so are {fitting} of {len(claims)} claims"
    found = claims[condition.which].answer
    return found in condition.answers, found


def _cap(green: Rule | None, facts: Facts) -> str:
    """Why a verdict whose rule of green holds is yellow nevertheless."""
    declared = green and any(isinstance(one.means, DeviceFallBack | DeviationsAllowed) for one in green.conditions)
    if not facts.deviating or declared:
        return ""
    noun = "trial was" if facts.deviating == 1 else "trials were"
    return f"{facts.deviating} {noun} not run to the recipe's letter, and the study does not say that this may be"


def _headline(colour: Colour, facts: Facts) -> str:
    """The answer first."""
    if not facts.claims:
        return f"{colour.capitalize()}. The study claims nothing, so nothing is answered."
    main = facts.claims[0]
    return f"{colour.capitalize()}. The main claim is {main.answer}: “{main.text}”."


def _sentences(colour: Colour, capped: str, facts: Facts) -> list[str]:
    """What the headline rests on, and what must be known with it."""
    sentences = []
    if facts.claims:
        sentences.append(f"Found: {facts.claims[0].reason}.")
        if facts.claims[0].next:
            sentences.append(f"What would likely decide it: {facts.claims[0].next}.")
    others = facts.claims[1:]
    if others:
        counts = [
            f"{sum(claim.answer == kind for claim in others)} {kind}"
            for kind in ("supported", "refuted", "undecided")
            if any(claim.answer == kind for claim in others)
        ]
        sentences.append(f"Of the other {'claim' if len(others) == 1 else f'{len(others)} claims'}: {', '.join(counts)}.")
        sentences += _open(facts.claims)
    sentences += [_leader(task) for task in facts.tasks if task.leader]
    complete = len(facts.trials) - facts.failed
    sentences.append(
        f"All {complete} trials completed." if not facts.failed else f"{facts.failed} of {len(facts.trials)} trials failed."
    )
    if capped:
        sentences.append(f"It is not green because {capped}.")
    if colour == "red" and all(claim.answer != "refuted" for claim in facts.claims):
        sentences.append("Red says that the study's conditions of green and yellow are not met, not that a claim was refuted.")
    if facts.looks > facts.planned_looks:
        planned = "one planned look" if facts.planned_looks == 1 else f"{facts.planned_looks} planned looks"
        sentences.append(
            f"Test was opened for {facts.looks} different sets of trials; the stated error rate is that of {planned}."
        )
    return sentences


def _open(claims: Sequence[ClaimAnswer]) -> list[str]:
    """What would decide the first of the claims beside the main one that is open."""
    for number, claim in enumerate(claims[1:], start=2):
        if claim.answer == "undecided" and claim.next:
            return [f"Claim {number} is open; what would likely decide it: {claim.next}."]
    return []


def _leader(task: TaskComparison) -> str:
    """Who leads, and how sure that is; a lead that is not shown is not called one."""
    mine = [pair for pair in task.pairs if task.leader in (pair.recipe, pair.rival)]
    tied = {pair.rival if pair.recipe == task.leader else pair.recipe for pair in mine if pair.value == 0}
    same = [name for name in task.not_shown_worse[1:] if name in tied]
    equals = [name for name in task.not_shown_worse[1:] if name not in tied]
    lead = f"On {task.task}, {task.leader} has the best mean {task.metric}"
    if same:
        lead += f", the same as {', '.join(same)}"
    if equals:
        sentence = f"{lead}; not shown to be worse: {', '.join(equals)}."
    elif len(mine) > len(same):
        sentence = f"{lead}, and every other recipe is shown to be worse."
    else:
        sentence = f"{lead}; there is no other."
    negligible = [pair for pair in mine if pair.relevance == "negligible" and pair.value != 0]
    names = [_other(pair, task.leader) for pair in negligible]
    return f"{sentence} Practically equal to it (within half a point): {', '.join(names)}." if names else sentence


def _other(pair: Contrast, leader: str) -> str:
    size = points(abs(pair.value)) if math.isfinite(pair.value) else "unknown"
    return f"{pair.rival if pair.recipe == leader else pair.recipe} ({size} points)"
