"""Claims about drift: read, answered by what was measured, undecided with the remedy before, and corrected with all others."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bakeoff.analysis.claims import Asked, answer_claims
from bakeoff.analysis.drift_claims import drift_sides, measured, read_drift
from bakeoff.analysis.drift_model import Drift, DriftClaim, Spread
from bakeoff.analysis.folder import read_inputs
from bakeoff.analysis.spending import read_spending
from bakeoff.analysis.verdict_model import ClaimAnswer
from bakeoff.records.paths import RunFolder
from bakeoff.study.claims import Claim, DriftsLess, Several
from bakeoff.study.claims_checking import vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.claims_words import SentenceError
from fabricate import fabricate

KNOWN = vocabulary(
    {"lora": ["sst2", "rte"], "full": ["sst2", "rte"], "probe": ["sst2"]},
    dict.fromkeys(("sst2", "rte"), ("single-label", "accuracy")),
)
TEXT = "lora drifts at least 20% less than full on sst2"


def found(p: float, contrast: float = 0.012, text: str = TEXT) -> DriftClaim:
    spread = Spread(values=[], mean=contrast, low=contrast - 0.004, high=contrast + 0.004)
    return DriftClaim(claim=text, task="sst2", answer="supported", contrast=spread, p=p, corrected_p=p)


def answered(claims: list[Claim], *drifts: DriftClaim) -> list[ClaimAnswer]:
    drift = Drift(study="s", pooling="", tasks=[], claims=list(drifts))
    asked = [Asked(claim, "claims") for claim in claims]
    return answer_claims(asked, {}, [], read_spending({}, 3, []), measured(drift, claims))


def test_the_sentence_is_read_and_said_again() -> None:
    claim = parse_claim(TEXT, KNOWN)
    assert claim.statement == DriftsLess("lora", "full", 0.2, "sst2") and claim.inferential
    assert claim.parts[0].words == TEXT  # type: ignore[union-attr]
    assert parse_claim("lora drifts less than full on rte", KNOWN).statement == DriftsLess("lora", "full", 0.0, "rte")
    several = parse_claim("all of [lora, probe] drift less than full on sst2", KNOWN).statement
    assert isinstance(several, Several) and [part.recipe for part in several.parts] == ["lora", "probe"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lora drifts less than full", "on which task is not said"),
        ("lora drifts less than lora on sst2", "compared with itself"),
        ("lora drifts at least 100% less than full on sst2", "out of range"),
        ("probe drifts less than full on rte", "not carried out on rte"),
        ("lora drifts more than full on sst2", "after `drifts`"),
    ],
)
def test_what_cannot_be_tested_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SentenceError) as caught:
        parse_claim(text, KNOWN)
    assert problem in str(caught.value)


def test_sides_follow_the_direction_of_the_contrast() -> None:
    assert (drift_sides(found(0.02)).support, drift_sides(found(0.02)).refute) == pytest.approx((0.01, 0.99))
    assert (drift_sides(found(0.02, -0.01)).support, drift_sides(found(0.02, -0.01)).refute) == pytest.approx((0.99, 0.01))
    for nothing in (None, found(1.0), found(math.nan)):
        assert (drift_sides(nothing).support, drift_sides(nothing).refute) == (1.0, 1.0)


def test_a_claim_is_answered_once_drift_was_measured() -> None:
    claim = parse_claim(TEXT, KNOWN)
    (before,) = answered([claim])
    assert before.answer == "undecided"
    assert before.reason.startswith("drift of lora and full on sst2 was not measured")
    assert "bakeoff drift" in before.next
    (yes,), (no,), (open_,) = (answered([claim], found(p, mean)) for p, mean in ((0.01, 0.012), (0.01, -0.012), (0.3, 0.002)))
    assert (yes.answer, no.answer, open_.answer) == ("supported", "refuted", "undecided")
    assert yes.reason.startswith("0.8 times the drift of full less that of lora on sst2 is 0.0120 (0.0080 to 0.0160)")
    assert yes.next == "" and "more seeds" in open_.next


def test_it_shares_the_error_rate_with_all_others() -> None:
    claims = [parse_claim(text, KNOWN) for text in (TEXT, "lora drifts less than full on sst2")]
    drifts = [found(0.04), found(0.04, text="lora drifts less than full on sst2")]
    assert [one.answer for one in answered(claims[:1], drifts[0])] == ["supported"]
    assert [one.answer for one in answered(claims, *drifts)] == ["undecided", "undecided"]


def test_the_analysis_is_stale_once_drift_was_measured(tmp_path: Path) -> None:
    run = fabricate(tmp_path / "run")
    before, notes = read_inputs(run), list[str]()
    assert read_drift(run, notes) is None
    Drift(study="s", pooling="", tasks=[], claims=[found(0.01)]).write(run.drift)
    assert read_inputs(run) != before
    drift = read_drift(run, notes)
    assert drift is not None and drift.claims == [found(0.01)] and notes == []
    RunFolder(run.root).drift.write_text("{", encoding="utf8")
    assert read_drift(run, notes) is None and "drift.json cannot be read" in notes[0]
