"""Numbers and findings in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.recipe_model import Summary
from bakeoff.records.results import State
from bakeoff.report import words
from fabricate import Fabrication, fabricate

NAN = float("nan")


def test_numbers_in_words() -> None:
    assert [words.score(value) for value in (None, NAN, 0.41235)] == ["–", "not finite", "0.4123"]
    assert words.summary(Summary(mean=0.4, sd=NAN, n=1)) == "0.4000"
    assert words.summary(Summary(mean=0.4, sd=0.01, n=2)) == "0.4000 ± 0.0100"
    assert words.summary(Summary(mean=NAN, sd=NAN, n=2)) == "not finite"
    assert words.summary(Summary(mean=NAN, sd=NAN, n=0)) == words.summary(None) == "–"
    assert [words.points(value) for value in (0.0123, -0.5, NAN, None)] == ["+1.23", "−50.00", "–", "–"]
    assert [words.duration(value) for value in (None, 3.21, 125.4, 3725.0)] == ["–", "3.2 s", "2 min 05 s", "1 h 02 min"]
    assert [words.size(value) for value in (None, 0, 900 << 20, 3 << 30)] == ["–", "–", "900 MiB", "3.00 GiB"]


def analysed(folder: Path, **wanted):
    analysis = analyse(fabricate(folder, Fabrication(**{"ends": {}, **wanted})))
    return analysis, analysis.tasks[0]


def test_the_leader_is_named_with_its_distance_from_the_baseline(tmp_path: Path) -> None:
    _, task = analysed(tmp_path, baseline="tfidf")
    leader = task.standings[0]
    sentence = words.headline(task)
    assert sentence.startswith(
        f"bce leads with {leader.score.mean:.4f} ± {leader.score.sd:.4f} on test (f1_macro at the threshold"
    )
    assert sentence.endswith(f"3 seeds), {100 * leader.difference:.2f} points above the baseline tfidf.")


def test_an_undeclared_baseline_is_not_called_declared(tmp_path: Path) -> None:
    _, task = analysed(tmp_path, baseline="")
    assert words.headline(task).endswith("points above the best recipe that fine-tunes no model, tfidf.")


def test_a_leading_baseline_says_so(tmp_path: Path) -> None:
    analysis, task = analysed(tmp_path)
    apart = 100 * (task.standings[0].score.mean - task.standings[1].score.mean)
    assert words.headline(task).endswith(f"It is the baseline; {task.standings[1].recipe} follows, {apart:.2f} points behind.")
    assert words.caveats(analysis, task)[0].startswith("A ranking is no proof")


def test_equal_leaders_share_the_lead(tmp_path: Path) -> None:
    _, task = analysed(tmp_path, recipes={"tfidf-a": 2.0, "tfidf-b": 2.0}, baseline="")
    assert words.headline(task).startswith("tfidf-a, tfidf-b lead together with 0.")
    assert [standing.rank for standing in task.standings] == [1, 1]


def test_one_seed_and_no_baseline(tmp_path: Path) -> None:
    _, task = analysed(tmp_path, recipes={"bce": 2.0}, seeds=(1,), baseline="")
    assert words.headline(task).endswith("one seed); there is no baseline with a score to compare with.")


def test_a_recipe_with_a_failed_trial_does_not_lead_whatever_its_mean(tmp_path: Path) -> None:
    analysis, task = analysed(tmp_path, ends={("bce", 42): State.DIVERGED})
    assert task.standings[0].recipe == "bce"
    assert task.leader == "tfidf"
    sentences = words.caveats(analysis, task)
    assert any(sentence.startswith("bce: a higher mean, but over part of the seeds only") for sentence in sentences)
    assert any("seed 42 diverged" in sentence for sentence in sentences)
    assert sentences[-1] == "Below tfidf, which fine-tunes no model: lr-high."


def test_nothing_to_rank(tmp_path: Path) -> None:
    _, task = analysed(tmp_path, recipes={"bce": 2.0}, seeds=(1,), ends={("bce", 1): State.OOM})
    assert words.headline(task).startswith("No recipe can be ranked")


def test_validation_is_said_to_flatter(tmp_path: Path) -> None:
    run = fabricate(tmp_path, Fabrication(ends={("bce", 42): State.PENDING}))
    analysis = analyse(run, open_test=False)
    assert "they flatter. Test is closed: trials still to run: 1." in words.caveats(analysis, analysis.tasks[0])[0]
    assert " on validation (" in words.headline(analysis.tasks[0])


@pytest.mark.parametrize(("metric", "expected"), [("f1_macro", "tuned on validation"), ("f1_macro@0.3", "fixed threshold 0.3")])
def test_the_metric_is_named_with_its_threshold(tmp_path: Path, metric: str, expected: str) -> None:
    _, task = analysed(tmp_path, metric=metric, seeds=(1,))
    assert expected in words.metric(task)
