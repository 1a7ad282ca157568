"""Answers, comparisons and verdicts of fabricated runs: what is known must be said, and nothing more."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from bakeoff.analysis import claims, verdict
from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.comparisons import Compared, own_scores
from bakeoff.analysis.load import read_analysis
from bakeoff.analysis.verdict import exit_code
from bakeoff.analysis.verdict_model import ClaimPart, Conclusions
from bakeoff.catalog.metrics import METRICS
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outputs, Result, State, file_entry
from bakeoff.stats.replicates import plain_replicates
from bakeoff.stats.sides import Sided
from fabricate import Fabrication, fabricate, make_plan

FIVE = (1, 2, 3, 4, 5)
STRONG = {"bce": 1.2, "asl": 2.6, "tfidf": 0.4}


def concluded(root: Path, study: dict[str, Any] | None = None, **wanted: Any) -> Conclusions:
    """The conclusions of a fabricated run, and that they can be read back."""
    chosen = {"recipes": STRONG, "seeds": FIVE, "ends": {}, "examples": 300, "width": 4, **wanted}
    run = fabricate(root, Fabrication(claims=(), **chosen))
    run.study.write_text(yaml.safe_dump({"bakeoff": 1, "name": "x", **(study or {})}))
    analysis = analyse(run)
    assert read_analysis(run) == analysis
    assert analysis.notes == []
    assert analysis.conclusions is not None
    return analysis.conclusions


CLAIMS = {
    "asl beats bce": "supported",
    "asl beats bce by 5 points": "supported",
    "asl beats bce by 400%": "refuted",
    "bce beats asl": "refuted",
    "asl is best": "supported",
    "bce is best": "refuted",
    "asl is within 50% of bce": "refuted",
    "asl is within 90 points of bce": "supported",
    "bce is no worse than asl by more than 1%": "refuted",
    "asl is no worse than bce by more than 1%": "supported",
    "asl reaches 0.2": "supported",
    "asl reaches 0.999": "refuted",
    "asl beats 0.2": "supported",
    "any of [bce, asl] beats tfidf": "supported",
    "all of [bce, asl] beat tfidf": "supported",
    "all of [bce, tfidf] beat asl": "refuted",
    "asl beats bce in f1_micro@0.3": "supported",
    "asl beats bce in hamming_loss": "supported",
    "asl beats bce in average_precision_macro": "supported",
    "asl beats bce in f1_macro@per-label": "supported",
    "every trial completes": "supported",
    "total peak memory stays below 22GB": "supported",
    "peak memory stays below 1MB": "refuted",
    "total time stays below 1s": "refuted",
    "asl takes less time than bce": "refuted",
}


def test_claims_of_a_large_difference(tmp_path: Path) -> None:
    found = concluded(tmp_path, {"claims": list(CLAIMS)})
    assert {claim.text: claim.answer for claim in found.claims} == CLAIMS
    assert [claim.main for claim in found.claims] == [True] + [False] * (len(CLAIMS) - 1)
    inferential = [claim for claim in found.claims if claim.inferential]
    assert found.inferential == len(inferential)
    for claim in inferential:
        assert claim.p is not None
        assert claim.corrected is not None
        assert claim.p <= claim.corrected <= found.alpha
    assert all(claim.p is None for claim in found.claims if not claim.inferential)


def test_with_one_seed_nothing_is_better_worse_or_equivalent(tmp_path: Path) -> None:
    recipes, rivals = ["asl", "bce", "tfidf"], ["bce", "tfidf", "asl", "0.2"]
    verbs = ["beats {}", "beats {} by 10%", "beats {} by 1 point", "is within 90 points of {}", "is within 99% of {}"]
    verbs += ["is no worse than {} by more than 3%", "is best", "reaches 0.01", "takes less time than {}"]
    texts = [
        f"{subject} {verb.format(rival)}{where}"
        for subject, verb, rival, where in itertools.product(recipes, verbs, rivals, ["", " in hamming_loss"])
        if subject != rival and not ("time" in verb and (where or rival == "0.2"))
    ]
    texts += [f"{how} of [asl, bce] {verb.format('tfidf')}" for how, verb in itertools.product(["any", "all"], verbs)]
    found = concluded(tmp_path, {"claims": list(dict.fromkeys(texts))}, seeds=(7,))
    assert len(found.claims) > 100
    assert {claim.answer for claim in found.claims} == {"undecided"}
    assert all("seed" in claim.next or not claim.inferential for claim in found.claims)
    (task,) = found.tasks
    assert {(pair.direction, pair.relevance) for pair in task.pairs} == {("undecided", "undecided")}
    assert task.not_shown_worse == ["asl", "bce", "tfidf"]
    assert {entry.corrected for entry in task.labels} == {1.0}
    assert any("one seed" in warning for warning in task.warnings)
    assert found.verdict.colour == "yellow"


def test_a_failed_trial_leaves_every_mean_over_it_undecided(tmp_path: Path) -> None:
    study = {"claims": ["asl beats bce", "asl beats tfidf", "every trial completes", "asl is best"]}
    found = concluded(tmp_path, study, ends={("bce", 3): State.DIVERGED})
    assert [claim.answer for claim in found.claims] == ["undecided", "supported", "refuted", "undecided"]
    assert "a trial of asl or bce has no score" in found.claims[0].reason
    assert "retry" in found.claims[0].next
    assert found.failed == 1
    assert "1 of 15 trials failed" in found.verdict.paragraph
    assert "bce" in found.tasks[0].not_shown_worse


def test_comparisons(tmp_path: Path) -> None:
    found = concluded(tmp_path, {"claims": ["asl beats bce"]})
    (task,) = found.tasks
    assert (task.leader, task.not_shown_worse, task.examples, task.groups) == ("asl", ["asl"], 300, 100)
    pairs = {(pair.recipe, pair.rival): pair for pair in task.pairs}
    assert set(pairs) == {("asl", "bce"), ("tfidf", "bce"), ("asl", "tfidf")}
    pair = pairs["asl", "bce"]
    assert pair.claimed
    assert not pairs["asl", "tfidf"].claimed
    assert pair.wide_low < pair.low < pair.value < pair.high < pair.wide_high
    assert (pair.direction, pair.relevance, pair.form, pair.seeds) == ("better", "relevant", "paired", [5, 5])
    assert pairs["tfidf", "bce"].direction == "worse"
    assert sum(pair.each) / 5 == pytest.approx(pair.value)
    assert pair.p <= pair.corrected
    assert pair.hedges is not None
    assert pair.hedges.low < pair.hedges.value
    assert pair.improvement is not None
    assert pair.improvement.value == 1
    assert pair.sensitive_low is not None
    assert pair.sensitive_low <= pair.low
    assert [entry.key for entry in pair.differing] == ["training.learning_rate"]
    assert task.label_pair == ["asl", "bce"]
    assert len(task.labels) == 4
    assert task.smallest is not None
    assert 0 < task.smallest.difference < 1


def test_of_a_loss_less_is_better(tmp_path: Path) -> None:
    found = concluded(tmp_path, {"claims": ["asl is best"]}, metric="hamming_loss")
    assert found.claims[0].answer == "supported"
    (task,) = found.tasks
    assert task.leader == "asl"
    assert all(pair.direction == "better" for pair in task.pairs if pair.recipe == "asl")
    assert next(pair for pair in task.pairs if (pair.recipe, pair.rival) == ("asl", "bce")).value > 0


def test_what_would_decide_is_told_of_the_part_that_leans_to_the_answer() -> None:
    """Of "within 3%" one part speaks against it and the other was shown long ago: the latter would decide nothing."""

    def part(value: float, refute: float, seeds: int, examples: int) -> ClaimPart:
        ends = dict.fromkeys(
            ("low", "high", "wide_low", "wide_high", "score", "rival_score", "ratio", "ratio_low", "ratio_high"), 0
        )
        words = {"says": "a is within 3% of b", "contrast": "a − 0.97 × b", "seeds": [3, 3]}
        needed = {"needed_seeds": seeds, "needed_examples": examples}
        return ClaimPart.model_validate({"value": value, "support": 1 - refute, "refute": refute, **ends, **words, **needed})

    parts = [part(-0.044, 0.0156, 7, 1269), part(0.081, 0.996, 3, 409)]
    evidence: dict[str, Any] = {"reviews": SimpleNamespace(gold=range(500))}
    said = claims._next(claims._Judged(Sided(0.98, 0.0311), []), parts, evidence, any_part=False)
    assert said.startswith("about 7 seeds or about 1,269 test examples")


def test_equal_recipes_are_not_told_apart_and_what_would_decide_is_said(tmp_path: Path) -> None:
    found = concluded(tmp_path, {"claims": ["asl beats base by 1%", "asl is best"]}, recipes={"base": 1.5, "asl": 1.5})
    assert [claim.answer for claim in found.claims] == ["undecided", "undecided"]
    assert "seeds" in found.claims[0].next or "examples" in found.claims[0].next
    assert set(found.tasks[0].not_shown_worse) == {"asl", "base"}
    assert f"Claim 2 is open; what would likely decide it: {found.claims[1].next}." in found.verdict.paragraph
    assert found.verdict.colour == "yellow"


RULES = {
    "green": ({"green": "main claim supported and all trials complete"}, {}, "green", 0),
    "a rule's own claim": ({"green": "asl beats bce by 10%"}, {}, "green", 0),
    "yellow": ({"green": "asl beats bce by 900%", "yellow": "asl beats bce by 10%"}, {}, "yellow", 10),
    "or": ({"green": "1 to 2 trials failed", "yellow": "5 trials failed or claim 1 supported"}, {}, "yellow", 10),
    "red": ({"green": "main claim refuted", "yellow": "1 to 2 trials failed"}, {}, "red", 20),
    "failed": ({"yellow": "1 to 2 trials failed"}, {("tfidf", 1): State.FAILED}, "yellow", 10),
    "defaults": ({}, {}, "green", 0),
    "defaults, three failed": ({}, {("tfidf", seed): State.OOM for seed in (1, 2, 3)}, "red", 20),
    "expectations": ({"green": "expectations met"}, {}, "green", 0),
    "no fall-back": ({"green": "no device fall-back and no claim refuted"}, {}, "green", 0),
}


@pytest.mark.parametrize(("rules", "ends", "colour", "code"), RULES.values(), ids=list(RULES))
def test_rules(tmp_path: Path, rules: dict[str, str], ends: dict[tuple[str, int], State], colour: str, code: int) -> None:
    study = {"claims": ["asl beats bce"], "verdict": rules, "expect": {"asl": {"f1_macro": [0.01, 0.99]}}}
    found = concluded(tmp_path, study, ends=ends)
    assert found.verdict.colour == colour
    assert exit_code(found.verdict.colour) == code
    assert found.verdict.paragraph.startswith(colour.capitalize())
    assert found.verdict.paragraph.split("\n")[0] == found.verdict.headline
    assert found.verdict.declared is bool(rules)


def test_what_the_machine_forced_keeps_a_verdict_from_green_unless_declared(tmp_path: Path) -> None:
    study = {"claims": ["asl beats bce"]}
    found = concluded(tmp_path / "a", study, seeds=(1337, 1, 2, 3, 4))  # the fabricated seed 1337 deviates
    assert (found.verdict.colour, found.deviating) == ("yellow", 3)
    assert "not run to the recipe's letter" in found.verdict.paragraph
    allowed = {**study, "verdict": {"green": "main claim supported and deviations allowed"}}
    assert concluded(tmp_path / "b", allowed, seeds=(1337, 1, 2, 3, 4)).verdict.colour == "green"


def test_only_red_fails_where_asked() -> None:
    assert [exit_code(colour, "red") for colour in ("green", "yellow", "red")] == [0, 0, 20]


def test_a_study_without_claims_is_never_green(tmp_path: Path) -> None:
    found = concluded(tmp_path)
    assert found.verdict.colour == "yellow"
    assert "claims nothing" in found.verdict.paragraph


def test_expectations_and_what_came(tmp_path: Path) -> None:
    expected = {"asl": {"f1_macro": [0.0, 0.1], "f1_micro@0.5": [0.99, 1.0]}, "bce": {"f1_macro": [0.0, 1.0]}}
    found = concluded(tmp_path, {"expect": expected})
    assert [(one.recipe, one.metric, one.came) for one in found.expectations] == [
        ("asl", "f1_macro", "above"),
        ("asl", "f1_micro@0.5", "below"),
        ("bce", "f1_macro", "inside"),
    ]


def test_a_sentence_of_an_older_run_that_cannot_be_read_is_undecided_and_noted(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(claims=("asl will surely win", "bce beats tfidf"), ends={}))
    analysis = analyse(run)
    assert analysis.claims[0].status == "undecided"
    assert "cannot be answered" in analysis.notes[0]
    assert analysis.conclusions is not None
    assert analysis.conclusions.claims[0].main


def test_a_difference_that_hangs_on_one_rare_label_is_named(tmp_path: Path) -> None:
    run = fabricate(
        tmp_path, Fabrication(recipes={"bce": 2.0, "asl": 2.0}, seeds=FIVE, ends={}, claims=(), width=3, examples=60)
    )
    for spec in make_plan(Fabrication(recipes={"bce": 2.0, "asl": 2.0}, seeds=FIVE)).trials:
        folder = next(path for path in run.root.glob(f"trials/goemotions-{spec.recipe.name}-s{spec.seed}-*"))
        for split in ("validation", "test"):
            path = folder / f"{split}.npz"
            outputs = Outputs.read(path)
            gold = np.zeros_like(outputs.gold)
            gold[:30, 0], gold[30:, 1], gold[:5, 2] = 1, 1, 1
            logits = np.where(gold, 4.0, -4.0).astype(np.float32)
            if spec.recipe.name == "bce":
                logits[:, 2] = -4.0 - 0.1 * gold[:, 2]
            Outputs(outputs.ids, logits, gold).write(path)
        result = RunFolder(run.root).trial(folder.name).result
        stored = Result.read(result)
        manifest = {path.name: file_entry(path) for path in (folder / "validation.npz", folder / "test.npz")}
        stored.model_copy(update={"manifest": manifest}).write(result)
    conclusions = analyse(run).conclusions
    assert conclusions is not None
    (task,) = conclusions.tasks
    assert task.labels[0].label == "label 2"
    (warning,) = [text for text in task.warnings if "not to be trusted" in text]
    assert "100 % of the difference lies in label 2, which 5 test examples bear" in warning


def test_a_claim_that_holds_alone_is_undecided_beside_many(tmp_path: Path) -> None:
    texts = [f"asl reaches {0.50 + 0.01 * step:.2f}" for step in range(45)]
    found = concluded(tmp_path, {"claims": texts})
    between = [claim for claim in found.claims if claim.p is not None and claim.corrected is not None]
    between = [claim for claim in between if (claim.p or 0) <= found.alpha < (claim.corrected or 0)]
    assert between
    assert {claim.answer for claim in between} == {"undecided"}
    assert all("alone it would be decided" in claim.reason for claim in between)


def test_any_of_needs_one_and_all_of_needs_each(tmp_path: Path) -> None:
    found = concluded(tmp_path, {"claims": ["any of [asl, tfidf] beats bce", "all of [asl, tfidf] beat bce"]})
    assert [claim.answer for claim in found.claims] == ["supported", "refuted"]
    assert "it pays for choosing the best of 2" in found.claims[0].reason
    assert "it pays" not in found.claims[1].reason


def test_examples_that_belong_together_are_one_unit_of_the_test_set(tmp_path: Path) -> None:
    (alone,) = concluded(tmp_path / "alone").tasks
    (together,) = concluded(tmp_path / "together", clusters=12).tasks
    assert (alone.clusters, alone.groups, alone.few_clusters) == (300, 100, False)
    assert (together.clusters, together.groups, together.few_clusters) == (12, 12, True)
    assert any("fewer than 20 independent examples" in warning for warning in together.warnings)
    assert [pair.value for pair in together.pairs] == [pair.value for pair in alone.pairs]
    assert [pair.example_variance for pair in together.pairs] != [pair.example_variance for pair in alone.pairs]


def test_the_interval_of_a_score_ends_where_its_metric_does() -> None:
    two = Compared({"bce": plain_replicates((1, 2), [0.95, 0.75]), "one": plain_replicates((1,), [0.9])}, False, "", 100)
    free, _ = own_scores(two)
    assert free.low < 0 < 1 < free.high
    bce, one = own_scores(replace(two, bounds=(0.0, 1.0)))
    assert (bce.low, bce.mean, bce.high) == (0.0, pytest.approx(0.85), 1.0)
    assert not np.isfinite([one.low, one.high]).any(), "that nothing is known must not look like an interval from 0 to 1"
    assert {card.name: card.bounds for card in METRICS if card.bounds != (0, 1)} == {"mcc": (-1, 1)}


def test_recipes_with_one_and_the_same_mean_are_not_told_as_a_lead() -> None:
    def said(**values: float) -> str:
        pairs = [SimpleNamespace(recipe="a", rival=name, value=value, relevance="open") for name, value in values.items()]
        shown = [name for name, value in values.items() if value < 0.5]
        task = SimpleNamespace(task="t", leader="a", metric="m", not_shown_worse=["a", *shown], pairs=pairs)
        return verdict._leader(task)  # type: ignore[arg-type]

    assert said(b=0.0, c=0.1) == "On t, a has the best mean m, the same as b; not shown to be worse: c."
    assert said(b=0.0, c=0.9) == "On t, a has the best mean m, the same as b, and every other recipe is shown to be worse."
    assert said(b=0.0) == "On t, a has the best mean m, the same as b; there is no other."
