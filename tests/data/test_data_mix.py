"""Mixing: the shares that epochs really have are those that were declared, and every epoch can be asked for by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.treatments.mix import declared_shares, drawn_shares, mix_draws
from bakeoff.errors import DataError, StudyError
from bakeoff.records.mixing import choosing, trained_sources
from bakeoff.records.specs import MixSpec
from bakeoff.study.loading import load_study

NAMES = ("a", "b", "c")
SOURCES = np.repeat(np.arange(3, dtype=np.int32), [60, 30, 10])
TARGETS = np.eye(4, dtype=np.uint8)[np.arange(100) % 4]


def test_shares_are_declared_or_follow_from_sizes() -> None:
    sizes = [60, 30, 10]
    np.testing.assert_allclose(declared_shares(MixSpec(shares={"a": 1, "c": 3}), NAMES, sizes), [0.25, 0, 0.75])
    np.testing.assert_allclose(declared_shares(MixSpec(), NAMES, sizes), [0.6, 0.3, 0.1])
    np.testing.assert_allclose(declared_shares(MixSpec(temperature=1e9), NAMES, sizes), [1 / 3] * 3)
    roots = np.sqrt([60, 10])
    found = declared_shares(MixSpec(temperature=2, sources=["a", "c"]), NAMES, sizes)
    np.testing.assert_allclose(found, [roots[0] / roots.sum(), 0, roots[1] / roots.sum()])
    with pytest.raises(DataError, match="source b has no training"):
        declared_shares(MixSpec(shares={"b": 1}), NAMES, [5, 0, 5])


@given(
    st.dictionaries(st.sampled_from(NAMES), st.floats(0.01, 10), min_size=1),
    st.integers(1, 400),
    st.integers(0, 5),
    st.integers(0, 2**32 - 1),
)
def test_an_epoch_has_its_shares_up_to_one_example(shares: dict[str, float], examples: int, epoch: int, seed: int) -> None:
    mix = MixSpec(shares=shares, examples=examples)
    draws = mix_draws(mix, NAMES, SOURCES, TARGETS)
    drawn = draws.examples(seed, epoch)
    assert len(drawn) == draws.size == examples
    counts = np.bincount(SOURCES[drawn], minlength=3)
    assert (np.abs(counts - examples * declared_shares(mix, NAMES, [60, 30, 10])) < 1).all()
    np.testing.assert_array_equal(drawn, mix_draws(mix, NAMES, SOURCES, TARGETS).examples(seed, epoch))
    each = np.bincount(drawn, minlength=100)
    for number in range(3):
        assert np.ptp(each[number == SOURCES]) <= 1, "no example is drawn twice before all of its source are drawn once"


def test_a_source_that_is_drawn_in_part_is_gone_through() -> None:
    draws = mix_draws(MixSpec(shares={"a": 1, "b": 1}, examples=40), NAMES, SOURCES, TARGETS)
    seen = np.concatenate([draws.examples(7, epoch) for epoch in range(3)])
    assert set(seen[SOURCES[seen] == 0]) == set(range(60)), "three epochs of twenty are all sixty"


def test_without_shares_an_epoch_is_every_example_once() -> None:
    draws = mix_draws(MixSpec(), NAMES, SOURCES, TARGETS)
    np.testing.assert_array_equal(draws.examples(1, 0), np.arange(100))
    alone = mix_draws(MixSpec(sources=["b"]), NAMES, SOURCES, TARGETS)
    assert set(SOURCES[alone.examples(1, 3)]) == {1}
    assert drawn_shares(alone, SOURCES, 3, 1, 2) == [0.0, 1.0, 0.0]


def test_a_source_that_is_not_trained_on_chooses_nothing() -> None:
    assert trained_sources(None, NAMES) == list(NAMES)
    assert trained_sources(MixSpec(shares={"c": 1, "a": 2}), NAMES) == ["a", "c"]
    some = MixSpec(sources=["b"])
    np.testing.assert_array_equal(choosing(some, NAMES, SOURCES), SOURCES == 1)
    assert choosing(MixSpec(sources=["b"], choose="all"), NAMES, SOURCES).all()
    assert choosing(None, NAMES, SOURCES).all()
    assert choosing(some, NAMES, np.zeros(4, dtype=np.int32)).all(), "where none could choose, all do"


STUDY = """\
tasks: {t: {kind: multilabel, sources: {goemotions: {}, isear: {map: isear-goemotions}}}, plain: {dataset: demo}}
recipes:
  mixed:
    tasks: [t]
    treatment:
      mix: MIX
"""


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ("{shares: {isaer: 1}}", "no source 'isaer'"),
        ("{sources: [x]}", "no source 'x'"),
        ("{shares: {isear: 0}}", "range"),
        ("{shares: {isear: 1}, temperature: 2.0}", "say it already"),
        ("{temperature: 0.0}", "range"),
        ("{share: {isear: 1}}", "unknown key"),
    ],
)
def test_faults_of_a_mix(tmp_path: Path, mix: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.replace("MIX", mix))
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert any(words in fault.problem and fault.line == 6 for fault in caught.value.faults), caught.value.faults


@pytest.mark.parametrize(
    "mix", ["{shares: {isear: 2, goemotions: 1.0}, examples: 90}", "{sources: [isear], choose: all}", "{}"]
)
def test_a_mix_is_a_part_of_the_resolved_study(tmp_path: Path, mix: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.replace("MIX", mix))
    study = load_study(path)
    (tmp_path / "again.yaml").write_text(study.resolved_yaml())
    again = load_study(tmp_path / "again.yaml")
    assert again.recipes == study.recipes
    treatment = study.recipes["mixed"].for_task("t").treatment
    assert treatment is not None
    assert treatment.mix is not None


def test_a_task_with_one_source_has_nothing_to_mix(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("tasks: {plain: {dataset: demo}}\nrecipes: {r: {treatment: {mix: {temperature: 2.0}}}}\n")
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert "nothing to mix" in caught.value.faults[0].problem
