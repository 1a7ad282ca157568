"""The grammar of claims and of the verdict's rules: what it reads, and at which word it says that it cannot go on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bakeoff.study.claims import (
    Beats,
    Best,
    EveryTrialCompletes,
    Margin,
    Measure,
    NoWorse,
    Reaches,
    Several,
    StaysBelow,
    TakesLess,
    Within,
)
from bakeoff.study.claims_checking import vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.claims_words import SentenceError
from bakeoff.study.verdict_rules import ALL, ClaimIs, DeviceFallBack, Said, TrialsFailed, parse_rule

ONE = vocabulary({key: ["goemotions"] for key in ("bce", "asl", "asl70-focal30")}, {"goemotions": ("multilabel", "f1_macro")})
TWO = vocabulary(
    {**{key: ["goemotions", "sst2"] for key in ("bce", "asl", "2e-4")}, "rare": ["goemotions"], "alone": ["squad"]},
    {"goemotions": ("multilabel", ""), "sst2": ("single-label", "accuracy"), "squad": ("qa", "")},
)
F1 = Measure("goemotions", "f1_macro")

READ: dict[str, Any] = {
    "asl beats bce": Beats("asl", "bce", F1),
    "asl beats bce by 10% in f1_macro on goemotions": Beats("asl", "bce", F1, Margin(0.1, True)),
    "asl beats bce by 10 % on goemotions in f1_micro": Beats(
        "asl", "bce", Measure("goemotions", "f1_micro"), Margin(0.1, True)
    ),
    "asl beats bce by more than 15%": Beats("asl", "bce", F1, Margin(0.15, True)),
    "asl beats bce by 1 point": Beats("asl", "bce", F1, Margin(0.01)),
    "asl beats bce by 10 points": Beats("asl", "bce", F1, Margin(0.1)),
    "asl beats 0.4218 in f1_macro@0.30": Beats("asl", 0.4218, Measure("goemotions", "f1_macro", "0.3")),
    "asl beats bce in hamming_loss": Beats("asl", "bce", Measure("goemotions", "hamming_loss", "", True)),
    "asl is best": Best("asl", F1),
    "asl is within 3% of bce in f1_macro": Within("asl", "bce", F1, Margin(0.03, True)),
    "asl is within 0.5 points of bce": Within("asl", "bce", F1, Margin(0.005)),
    "asl is no worse than bce by more than 3%": NoWorse("asl", "bce", F1, Margin(0.03, True)),
    "asl reaches 0.50 in f1_macro@0.2": Reaches("asl", 0.5, Measure("goemotions", "f1_macro", "0.2")),
    "asl reaches .5 in f1_macro@per-label": Reaches("asl", 0.5, Measure("goemotions", "f1_macro", "per-label")),
    "any of [asl, asl70-focal30] beats bce": Several("any", (Beats("asl", "bce", F1), Beats("asl70-focal30", "bce", F1))),
    "all of [asl,bce] reach 0.4": Several("all", (Reaches("asl", 0.4, F1), Reaches("bce", 0.4, F1))),
    "every trial completes": EveryTrialCompletes(),
    "total peak memory stays below 22GB": StaysBelow("memory", 22e9, "22GB", True),
    "time stays below 2 h": StaysBelow("time", 7200.0, "2 h"),
    "asl takes less time than bce": TakesLess("asl", "bce", "time", "goemotions"),
}


@pytest.mark.parametrize(("text", "statement"), READ.items(), ids=list(READ))
def test_what_a_claim_says(text: str, statement: object) -> None:
    assert parse_claim(text, ONE).statement == statement


def test_the_task_decides_metric_and_thresholds() -> None:
    assert parse_claim("asl is best on sst2", TWO).statement == Best("asl", Measure("sst2", "accuracy"))
    assert parse_claim("asl beats 2e-4 on sst2", TWO).statement == Beats("asl", "2e-4", Measure("sst2", "accuracy"))
    assert parse_claim("asl takes less time than bce", TWO).statement == TakesLess("asl", "bce", "time", "")


REFUSED = {
    "asl beets bce": ("beets", "cannot go on", "beats", "beats"),
    "alr beats bce": ("alr", "no recipe", "bce, asl", "asl"),
    "asl beats bse": ("bse", "no recipe", "bce", "bce"),
    "asl beats asl": ("asl", "itself", "another", ""),
    "any of [asl, bce] beats bce": ("bce", "itself", "another", ""),
    "any of [asl, asl] beats bce": ("asl", "twice", "once", ""),
    "any of [asl bce] is best": ("bce", "cannot go on", "]", ""),
    "all of [bce, asl, asl70-focal30] are best": ("are", "no recipe is left", "fewer", ""),
    "asl beats bce by 10": ("", "cannot go on", "%", ""),
    "asl beats bce by ten%": ("ten", "no number", "0.42", ""),
    "asl beats bce by 0%": ("0", "out of range", "more than 0", ""),
    "asl is within 100% of bce": ("100", "out of range", "below 100", ""),
    "asl beats bce in f1_marco": ("f1_marco", "no metric", "f1_macro", "f1_macro"),
    "asl beats bce on goemotion": ("goemotion", "no task", "goemotions", "goemotions"),
    "asl beats bce in f1_macro@2": ("f1_macro@2", "not a threshold", "f1_macro@0.2", ""),
    "asl beats bce in average_precision_macro@0.2": ("average_precision_macro@0.2", "no threshold", "", ""),
    "asl reaches 50": ("50", "between 0 and 1", "0.5", ""),
    "asl beats 42.18": ("42.18", "between 0 and 1", "0.4218", ""),
    "asl beats bce in f1_macro in f1_micro": ("in", "should end", "on", ""),
    "asl is no worse than bce": ("", "cannot go on", "by", ""),
    "asl is good": ("good", "cannot go on", "best", ""),
    "total peak memory stays below 22gb": ("22gb", "unknown unit", "5GB", "22GB"),
    "every trial fails": ("fails", "cannot go on", "completes", ""),
    "asl": ("", "cannot go on", "beats", ""),
    "": ("", "missing", "asl", ""),
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items(), ids=list(REFUSED))
def test_a_fault_points_at_the_word(text: str, told: tuple[str, str, str, str]) -> None:
    word, problem, allowed, suggestion = told
    with pytest.raises(SentenceError) as caught:
        parse_claim(text, ONE)
    error = caught.value
    assert (error.word.text, error.suggestion) == (word, suggestion)
    assert problem in error.problem
    assert allowed in error.allowed
    assert text[error.word.place - 1 :].startswith(word)


def test_where_a_study_has_several_tasks_the_task_is_said() -> None:
    with pytest.raises(SentenceError, match="on which task"):
        parse_claim("asl is best", TWO)
    with pytest.raises(SentenceError, match="takes no threshold"):
        parse_claim("asl beats bce in f1_macro@0.2 on sst2", TWO)


@pytest.mark.parametrize(
    ("text", "word", "problem"),
    [
        ("rare beats bce on sst2", "rare", "rare is not carried out on sst2"),
        ("bce is within 3% of rare on sst2", "rare", "rare is not carried out on sst2"),
        ("any of [bce, rare] reach 0.5 on sst2", "rare", "rare is not carried out on sst2"),
        ("bce takes less time than rare on sst2", "rare", "rare is not carried out on sst2"),
        ("bce takes less time than rare", "", "bce and rare are on different tasks"),
        ("alone is best on squad", "alone", "no other recipe is carried out on squad"),
    ],
)
def test_recipes_are_compared_where_they_are_carried_out(text: str, word: str, problem: str) -> None:
    with pytest.raises(SentenceError) as caught:
        parse_claim(text, TWO)
    assert (caught.value.word.text, caught.value.problem) == (word, problem)
    parse_claim("bce takes less time than asl", TWO)
    parse_claim("rare is best on goemotions", TWO)


def test_any_text_is_read_or_refused_with_a_place() -> None:
    words = ["asl", "bce", "beats", "is", "best", "within", "of", "by", "10", "%", "[", "]", ",", "in", "on", "any", "f1_macro"]
    generator = random.Random(1)
    for _ in range(3_000):
        text = " ".join(generator.choices([*words, "\u2028", "é" * 3, "1" * 400, "@", "goemotions"], k=generator.randint(0, 9)))
        for read in (lambda t: parse_claim(t, ONE), lambda t: parse_rule(t, ONE, 2)):
            try:
                read(text)
            except SentenceError as error:
                assert 1 <= error.word.place <= len(text) + 1
    with pytest.raises(SentenceError, match="too long"):
        parse_claim("asl " * 1_000, ONE)


def test_rules_of_the_verdict() -> None:
    rule = parse_rule(
        "asl beats bce by 10% and at most 2 trials failed or all claims are supported and a device fall-back", ONE, 2
    )
    (first, second), (third, fourth) = rule.ways
    assert first.means == Said(Beats("asl", "bce", F1, Margin(0.1, True)))
    assert first.text == "asl beats bce by 10%"
    assert second.means == TrialsFailed(0, 2)
    assert third.means == ClaimIs(ALL, frozenset({"supported"}))
    assert fourth.means == DeviceFallBack(True)
    (condition,) = parse_rule("claim 2 is not refuted", ONE, 2).conditions
    assert condition.means == ClaimIs(1, frozenset({"supported", "undecided"}))
    assert parse_rule("1 or 2 trials failed", ONE, 0).conditions[0].means == TrialsFailed(1, 2)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("main claim suported", "suported"),
        ("claim 3 supported", "3"),
        ("perhaps", "perhaps"),
        ("all trials complete but", "but"),
    ],
)
def test_a_faulty_rule_points_at_the_word(text: str, word: str) -> None:
    with pytest.raises(SentenceError) as caught:
        parse_rule(text, ONE, 2)
    assert caught.value.word.text == word


def test_a_rule_about_claims_needs_claims() -> None:
    with pytest.raises(SentenceError, match="no claims"):
        parse_rule("main claim supported", ONE, 0)
