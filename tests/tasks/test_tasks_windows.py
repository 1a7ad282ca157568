"""Windows: every accepted answer is found in some window and cut out again, whatever script it is written in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.dataset import Dataset
from bakeoff.data.rows import Answer
from bakeoff.errors import DataError
from bakeoff.tasks.spans import Asked, best_spans, cut_answer, decode
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.windows import Cut, Window, WindowStore, build_windows, cut_windows, target_of
from bakeoff.testing.models import DECODERS, FAMILIES, Family, make_tiny_model
from questions import CONTEXTS, LENGTH, STRIDE, make_questions
from tiny import make_dataset

CUT = Cut(LENGTH, STRIDE)
WORDS = ("good", "day", "e\u0301t", "naïve", "😀🏽", "👩‍👩‍👧", "שלום", "مرحبا", "日本語", "“quoted”", "x.", "the", "İ", "ﬁn")


@pytest.fixture(scope="module")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Path]:
    root = tmp_path_factory.mktemp("models")

    def make(family: Family) -> Path:
        return root / family if (root / family).is_dir() else make_tiny_model(root / family, family)

    return make


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_questions(tmp_path_factory.mktemp("home"))


def recovered(context: str, window: Window, answer: Answer) -> str | None:
    span = window.span(answer)
    if span is None:
        return None
    first, last = (place - window.first for place in span)
    return cut_answer(context, int(window.places[first, 0]), int(window.places[last, 1]))


@pytest.mark.parametrize("family", FAMILIES)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=40), data=st.data())
def test_an_answer_of_any_script_is_found_and_cut_out_again(
    model_of: Callable[[Family], Path], family: Family, words: list[str], data: st.DataObject
) -> None:
    context = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    text = words[first]
    answer = Answer(len(" ".join(words[:first])) + (first > 0), text)
    tokenizer = load_tokenizer(model_of(family))
    tokenizer.model_max_length = int(1e9)
    (windows,) = cut_windows(["what?"], [context], tokenizer, Cut(64, 21))
    found = [recovered(context, window, answer) for window in windows]
    assert text in found
    assert set(found) <= {text, None}
    tokens = sum(len(window.places) for window in windows)
    assert tokens >= len(windows[0].places)
    assert all(len(window.ids) <= 64 for window in windows)
    assert (windows[0].opens, windows[-1].closes) == (True, True)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_store_gives_back_windows_and_answers(
    model_of: Callable[[Family], Path], dataset: Dataset, family: Family, tmp_path: Path
) -> None:
    facts = build_windows(dataset, load_tokenizer(model_of(family)), CUT, tmp_path / "store")
    store = WindowStore.open(tmp_path / "store", dataset.fingerprint)
    assert facts["questions"] == 32
    assert facts["rows"] == sum(store.sizes.values()) > 32
    assert facts["longest"] <= LENGTH
    for split in ("train", "test"):
        rows = np.arange(dataset.size(split))
        contexts, answers = dataset.seconds(split), dataset.answers(split)
        for row in rows:
            windows = store.windows(split, np.array([row]))
            targets = store.targets(split, windows)
            texts = set()
            for window, (first, last) in zip(windows.tolist(), targets.tolist(), strict=True):
                begin, _, null = store.contexts[window + store.first_row[split]].tolist()
                if first != null:
                    places = store.places_of(split, window)
                    texts.add(cut_answer(contexts[row], int(places[first - begin, 0]), int(places[last - begin, 1])))
            assert texts == {answer.text for answer in answers[row]}


def test_what_stands_for_no_answer(model_of: Callable[[Family], Path]) -> None:
    for family in FAMILIES:
        tokenizer = load_tokenizer(model_of(family))
        (window,) = cut_windows(["who?"], ["the day"], tokenizer, CUT)[0]
        token = tokenizer.eos_token_id if family in DECODERS else tokenizer.cls_token_id
        assert window.ids[window.null] == token
        assert target_of(window, ()) == (window.null, window.null)
        assert not window.first <= window.null < window.first + len(window.places)
    tokenizer.eos_token = None
    with pytest.raises(DataError, match="no token can stand"):
        cut_windows(["who?"], ["the day"], tokenizer, CUT)


def test_a_long_question_gives_way_and_an_empty_context_has_no_answer(model_of: Callable[[Family], Path]) -> None:
    tokenizer = load_tokenizer(model_of("bert"))
    long, empty = cut_windows(["very " * 60, "who?"], [CONTEXTS[1], " "], tokenizer, CUT)
    assert all(len(window.ids) <= LENGTH and len(window.places) > STRIDE for window in long)
    assert len(empty) == 1
    assert len(empty[0].places) == 0


def test_an_answer_beyond_every_window_is_counted(model_of: Callable[[Family], Path], tmp_path: Path) -> None:
    tokenizer = load_tokenizer(model_of("bert"))
    (windows,) = cut_windows(["who?"], [CONTEXTS[1]], tokenizer, CUT)
    assert all(window.span(Answer(0, CONTEXTS[1])) is None for window in windows)
    assert all(window.span(Answer(5, "")) is None for window in windows)


def test_texts_without_contexts_are_refused(model_of: Callable[[Family], Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no context"):
        build_windows(make_dataset(tmp_path), load_tokenizer(model_of("bert")), CUT, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=12),
    st.lists(st.integers(-20, 20), min_size=12, max_size=12),
    st.integers(1, 14),
)
def test_the_best_spans_are_the_best_of_all(starts: list[int], ends: list[int], longest: int) -> None:
    count = len(starts)
    found = list(best_spans(np.array(starts, dtype=np.float32), np.array(ends[:count], dtype=np.float32), longest))
    every = {
        (first, last): starts[first] + ends[last]
        for first in range(count)
        for last in range(first, min(count, first + longest))
    }
    assert [score for score, *_ in found] == sorted(every.values(), reverse=True)[:5]
    assert all(every[first, last] == score for score, first, last in found)


def test_answers_are_merged_over_windows(model_of: Callable[[Family], Path], dataset: Dataset, tmp_path: Path) -> None:
    build_windows(dataset, load_tokenizer(model_of("bert")), CUT, tmp_path / "store")
    store = WindowStore.open(tmp_path / "store", dataset.fingerprint)
    rows = np.array([1, 3])
    windows = store.windows("test", rows)
    logits = np.full((len(windows), 2, LENGTH), -9.0, dtype=np.float32)
    logits[:, :, 0] = np.arange(len(windows))[:, None]  # the first window has the lowest score of "no answer"
    own = np.flatnonzero(store.questions[windows + store.first_row["test"]] == 1)
    best = own[-1]
    first, count, _ = store.contexts[windows[best] + store.first_row["test"]].tolist()
    logits[best, 0, first + 1], logits[best, 1, first + 2] = 7.0, 6.0
    contexts = dataset.seconds("test", rows)
    scores, answers = decode(store, Asked("test", rows, contexts, [("x",), ()]), windows, logits, 30)
    places = store.places_of("test", int(windows[best]))
    assert answers.best[0] == contexts[0][places[1, 0] : places[2, 1]]
    assert scores[0].tolist() == [0.0, 13.0]
    assert scores[1, 1] == -18.0
    assert len(set(answers.texts[0])) == len(answers.texts[0]) == 5
    assert count > 3
    logits[best, 0, first] = np.nan
    broken, none = decode(store, Asked("test", rows, contexts, [("x",), ()]), windows, logits, 30)
    assert np.isnan(broken[0]).all()
    assert np.isfinite(broken[1]).all()
    assert none.texts[0] == ()
