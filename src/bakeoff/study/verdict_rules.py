"""When a verdict is green or yellow, in words.

rule      = all {"or" all}
all       = condition {"and" condition}
condition = ("main claim" | "claim" NUMBER | "all claims" | "no claim") state
          | "all trials complete" | "every trial completes" | "no trial failed"
          | "at most" NUMBER "trials failed" | NUMBER "to" NUMBER "trials failed"
          | "expectations met"
          | ["a" | "no"] "device fall-back"
          | "deviations allowed"
          | a claim, which has to be supported
state     = "supported" | "refuted" | "undecided" | "not refuted" | "not supported"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bakeoff.study.claims import Statement, Vocabulary
from bakeoff.study.claims_parsing import read_statement
from bakeoff.study.claims_words import Reader, SentenceError

Answer = Literal["supported", "refuted", "undecided"]
ANSWERS: tuple[Answer, ...] = ("supported", "refuted", "undecided")
STATES: dict[str, frozenset[Answer]] = {
    "not refuted": frozenset({"supported", "undecided"}),
    "not supported": frozenset({"refuted", "undecided"}),
    **{answer: frozenset({answer}) for answer in ANSWERS},
}
MAIN, ALL, NONE = 0, -1, -2
MOST_TRIALS = 1_000_000
DEFAULT_GREEN = "main claim supported and all trials complete"
DEFAULT_YELLOW = "main claim not refuted and at most 2 trials failed"
CONDITIONS = (
    "main claim supported",
    "claim 2 not refuted",
    "all claims supported",
    "no claim refuted",
    "all trials complete",
    "at most 2 trials failed",
    "1 to 2 trials failed",
    "expectations met",
    "a device fall-back",
    "deviations allowed",
)


@dataclass(frozen=True)
class ClaimIs:
    """How a claim was answered.

    Attributes:
        which: its place in the study from 0, `ALL` or `NONE` of them.
        answers: the answers that count.
    """

    which: int
    answers: frozenset[Answer]


@dataclass(frozen=True)
class TrialsFailed:
    """How many planned trials ended without completing.

    Attributes:
        least: at least this many.
        most: at most this many.
    """

    least: int
    most: int


@dataclass(frozen=True)
class ExpectationsMet:
    """Every expected interval holds what came."""


@dataclass(frozen=True)
class DeviceFallBack:
    """A trial went on with fewer devices than its recipe asks for.

    Attributes:
        wanted: whether that should be so, or should not.
    """

    wanted: bool


@dataclass(frozen=True)
class DeviationsAllowed:
    """What the machine forced does not keep a verdict from being green."""


@dataclass(frozen=True)
class Said:
    """A claim that the rule itself makes is supported.

    Attributes:
        statement: the claim.
    """

    statement: Statement


Meaning = ClaimIs | TrialsFailed | ExpectationsMet | DeviceFallBack | DeviationsAllowed | Said


@dataclass(frozen=True)
class Condition:
    """A condition of a rule.

    Attributes:
        text: as written.
        means: what it means.
    """

    text: str
    means: Meaning


@dataclass(frozen=True)
class Rule:
    """A rule of the verdict.

    Attributes:
        text: as written.
        ways: the rule holds if every condition of any one of these holds.
    """

    text: str
    ways: tuple[tuple[Condition, ...], ...]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All its conditions, in order."""
        return tuple(condition for way in self.ways for condition in way)


def parse_rule(text: str, known: Vocabulary, claims: int) -> Rule:
    """Read a rule.

    Args:
        text: the rule in words.
        known: the names that it may use.
        claims: how many claims the study has.

    Returns:
        The rule.

    Raises:
        SentenceError: if it cannot be read, with the word at which it stops.
    """
    reader = Reader(text)
    ways: list[list[Condition]] = [[]]
    while True:
        start = reader.here.place
        meaning = _condition(reader, known, claims)
        ways[-1].append(Condition(text[start - 1 : reader.here.place - 1].strip(" ,"), meaning))
        if reader.at_end:
            return Rule(text, tuple(tuple(way) for way in ways))
        reader.accept(",")
        if reader.expect("and", "or", after=f"`{ways[-1][-1].text}`") == "or":
            ways.append([])


def _condition(reader: Reader, known: Vocabulary, claims: int) -> Meaning:
    if reader.here.text in known.recipes:
        return Said(read_statement(reader, known))
    reader.accept("the")
    for read in (_about_claims, _about_trials, _about_machines):
        found = read(reader, claims)
        if found is not None:
            return found
    if reader.accept("expectations"):
        reader.accept("are")
        reader.expect("met", after="`expectations`")
        return ExpectationsMet()
    return _claim_or_nothing(reader, known)


def _claim_or_nothing(reader: Reader, known: Vocabulary) -> Said:
    start = reader.here
    try:
        return Said(read_statement(reader, known))
    except SentenceError as error:
        if error.word != start:
            raise
        raise reader.fault("no condition begins so", [*CONDITIONS, "a claim"], start) from error


def _about_claims(reader: Reader, claims: int) -> ClaimIs | None:
    start = reader.here
    named = reader.accept("main claim", "all claims", "every claim", "no claim", "claim")
    if not named:
        return None
    which = {"main claim": MAIN, "no claim": NONE}.get(named, ALL)
    if named == "claim":
        number = reader.here
        if not (number.text.isascii() and number.text.isdigit() and 1 <= int(number.text[:9]) <= claims):
            raise reader.fault("no claim has this number", f"1 to {claims}" if claims else "the study has no claims", number)
        which = int(reader.take().text) - 1
    elif not claims:
        raise reader.fault("the study has no claims", "claims, or a condition without them", start)
    reader.accept("is", "are", "was")
    return ClaimIs(which, STATES[reader.expect(*STATES, after=f"`{named}`")])


def _about_trials(reader: Reader, _claims: int) -> TrialsFailed | None:
    place = reader.place
    if reader.accept("all trials", "every trial"):
        reader.expect("complete", "completed", "completes", after="the trials")
        return TrialsFailed(0, 0)
    if reader.accept("no trial failed"):
        return TrialsFailed(0, 0)
    if reader.accept("at most"):
        most = _count(reader, "`at most`")
        least = 0
    elif reader.here.text.isascii() and reader.here.text.isdigit():
        least = most = _count(reader, "")
        if reader.accept("to", "or"):
            most = _count(reader, "`to`")
    else:
        reader.back_to(place)
        return None
    reader.expect("trials failed", "trial failed", after="a number")
    return TrialsFailed(least, most)


def _count(reader: Reader, after: str) -> int:
    word = reader.here
    if not (word.text.isascii() and word.text.isdigit() and int(word.text[:9]) <= MOST_TRIALS):
        raise reader.fault(f"no number after {after}", "a whole number, such as 2")
    return int(reader.take().text)


def _about_machines(reader: Reader, _claims: int) -> DeviceFallBack | DeviationsAllowed | None:
    if reader.accept("deviations"):
        reader.accept("are")
        reader.expect("allowed", after="`deviations`")
        return DeviationsAllowed()
    for phrase, wanted in (("no", False), ("a", True), ("", True)):
        if reader.accept(f"{phrase} device fall-back".strip(), f"{phrase} device fallback".strip()):
            return DeviceFallBack(wanted)
    return None
