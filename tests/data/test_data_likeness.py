"""Exact and near duplicates: shingles, verified pairs, groups; every text alone gives the same as among others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.audit import minhash, shingles
from bakeoff.data.audit.likeness import find_likeness, near_groups
from bakeoff.data.audit.minhash import similar_pairs
from bakeoff.data.audit.shingles import bare, distinct, make_shingles, plain, similarities

Texts = st.lists(st.text(max_size=30), min_size=1, max_size=12)
WORDS = ["river", "stone", "garden", "window", "market", "letter", "winter", "candle", "forest", "bridge", "silver", "mirror"]


def sentence(generator: np.random.Generator, words: int = 14) -> str:
    return " ".join([*generator.choice(WORDS, words).tolist(), str(generator.integers(10**6))])


def sets_of(text: str) -> set[str]:
    return {text[start : start + 4] for start in range(max(1, len(text) - 3))}


@given(Texts)
def test_similarity_is_jaccard_s_of_sets_of_four_signs(texts: list[str]) -> None:
    pairs = np.array([(i, j) for i in range(len(texts)) for j in range(len(texts))], dtype=np.int64)
    expected = []
    for first, second in pairs.tolist():
        one, other = sets_of(texts[first]), sets_of(texts[second])
        expected.append(len(one & other) / len(one | other))
    assert similarities(make_shingles(texts), pairs, at_once=5).tolist() == pytest.approx(expected)


@given(Texts, st.integers(1, 20))
def test_shingles_do_not_depend_on_what_is_hashed_at_once(texts: list[str], signs: int) -> None:
    whole = make_shingles(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shingles, "SIGNS_AT_ONCE", signs)
        cut = make_shingles(texts)
    assert np.array_equal(whole.hashes, cut.hashes)
    assert np.array_equal(whole.starts, cut.starts)


def test_bands_do_not_depend_on_what_is_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_shingles([sentence(np.random.default_rng(seed)) for seed in range(20)])
    whole = minhash.band_keys(made)
    monkeypatch.setattr(minhash, "HASHED_AT_ONCE", 100)
    assert np.array_equal(whole, minhash.band_keys(made))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hello  World", "hello world"), ("CAFE\u0301", "café"), ("ＡＢＣ", "abc"), ("straße", "STRASSE"), ("a\u00a0b", "A b")],
)
def test_plain_texts_forget_what_makes_no_other_text(one: str, other: str) -> None:
    assert plain(one) == plain(other)


def test_bare_texts_have_no_punctuation_and_keep_marks_of_other_scripts() -> None:
    assert bare(plain("Well -- that's GREAT!!! 😀")) == "well that s great"
    assert bare("😀!") == "😀!"
    assert bare("हिन्दी") == "हिन्दी"


def test_planted_near_duplicates_are_found_and_others_are_not() -> None:
    generator = np.random.default_rng(3)
    texts = [sentence(generator) for _ in range(600)]
    planted = [text.replace(text.split()[5], "", 1) for text in texts[:100]]  # a word less
    groups = near_groups([*texts, *planted])
    found = groups[:100] == groups[600:]
    assert found.mean() >= 0.97
    assert len(np.unique(groups[:600])) == 600


@given(
    st.lists(
        st.sampled_from(["a", "A", "yes!", "Yes", "one two three four five six", "one two three four five six!"]), max_size=9
    )
)
def test_exact_duplicates_share_a_group_and_short_texts_need_to_be_exact(texts: list[str]) -> None:
    groups = near_groups(texts).tolist()
    for first, one in enumerate(texts):
        for second, other in enumerate(texts):
            same = plain(one) == plain(other) or (len(one) > 20 and len(other) > 20)
            assert (groups[first] == groups[second]) == same


def test_pairs_are_near_only_if_both_halves_are() -> None:
    premise, other = "the committee met on tuesday to discuss it", "somebody else entirely wrote these many words"
    seconds = ["nobody came to the meeting at all", "nobody came to the meeting at any", "all of them were there in time"]
    groups = near_groups([premise, premise, premise, other], [*seconds, seconds[0]])
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


def test_a_bucket_that_many_share_is_linked_from_one_to_the_next() -> None:
    texts = [f"this very same sentence is posted by every bot number {number}" for number in range(200)]
    assert len(np.unique(near_groups(texts))) == 1


def test_nothing_is_alike_among_no_texts() -> None:
    assert near_groups([]).tolist() == []
    assert find_likeness([""]).groups().tolist() == [0]


def test_the_threshold_is_kept() -> None:
    texts = ["the quick brown fox jumps over it", "the quick brown fox jumped over it"]
    alike = float(similarities(make_shingles(texts), np.array([[0, 1]]))[0])
    assert len(similar_pairs(make_shingles(texts), alike - 1e-9)[0]) == 1
    assert len(similar_pairs(make_shingles(texts), alike + 1e-9)[0]) == 0


def test_distinct_numbers_texts_in_their_order() -> None:
    names, numbers = distinct(["b", "a", "b"])
    assert (names, numbers.tolist()) == (["b", "a"], [0, 1, 0])
