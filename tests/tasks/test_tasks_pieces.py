"""Texts beyond what a model reads at once: nothing of them is lost that is not said to be."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.dataset import write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.errors import DataError
from bakeoff.records.paths import Home
from bakeoff.tasks.pieces import Ends, LongText, cut_row, mean_of_pieces
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import TokenStore, build_store, encode_chunk
from bakeoff.testing.models import FAMILIES, Family, make_tiny_model

BODIES = st.integers(0, 60).map(lambda size: list(range(100, 100 + size)))


@given(BODIES, st.integers(0, 2), st.integers(0, 2), st.integers(6, 30), st.integers(0, 9))
def test_windows_hold_every_token_in_order(body: list[int], before: int, behind: int, room: int, stride: int) -> None:
    row = [*range(before), *body, *range(50, 50 + behind)]
    ends, shared = Ends(before, behind), min(stride, (room - before - behind) // 2)
    pieces = cut_row(row, ends, room, LongText("windows", shared))
    bare = [piece[before : len(piece) - behind] for piece in pieces]
    assert all(len(piece) <= room for piece in pieces)
    assert all(piece[:before] == row[:before] and piece[len(piece) - behind :] == row[len(row) - behind :] for piece in pieces)
    assert bare[0] + [token for piece in bare[1:] for token in piece[shared:]] == body
    assert all(piece[-shared:] == after[:shared] for piece, after in itertools.pairwise(bare) if shared)


@given(BODIES, st.integers(6, 30))
def test_beginning_and_end_fill_the_room(body: list[int], room: int) -> None:
    (piece,) = cut_row([1, *body, 2], Ends(1, 1), room, LongText("head-tail"))
    assert len(piece) == min(room, len(body) + 2)
    if len(body) + 2 > room:
        head = -(-(room - 2) // 4)
        assert piece == [1, *body[:head], *body[len(body) - (room - 2 - head) :], 2]


def test_the_mean_is_that_of_a_texts_pieces() -> None:
    values = np.array([[1.0, 2.0], [3.0, 0.0], [5.0, 5.0], [1.0, 1.0], [2.0, 3.0], [3.0, 2.0]], dtype=np.float32)
    found = mean_of_pieces(values, np.array([0, 0, 4, 7, 7, 7]))
    np.testing.assert_array_equal(found, np.array([[2.0, 1.0], [5.0, 5.0], [2.0, 2.0]], dtype=np.float32))
    assert found.dtype == np.float32


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_tokenizer_puts_around_a_text_stays(tmp_path: Path, family: Family) -> None:
    tokenizer = load_tokenizer(make_tiny_model(tmp_path / "model", family))
    tokenizer.model_max_length = int(1e9)
    text = "the happy day and a very good night " * 9
    whole = tokenizer(text)["input_ids"]
    for how in ("head-tail", "windows"):
        chunk = encode_chunk([text, "the day"], None, tokenizer, 24, LongText(how, 5))  # type: ignore[arg-type]
        ends = Ends.of(tokenizer)
        assert all(row[: ends.before] == whole[: ends.before] for row in chunk.ids)
        assert all(row[len(row) - ends.behind :] == whole[len(whole) - ends.behind :] for row in chunk.ids)
        assert chunk.whole == [len(whole), len(tokenizer("the day")["input_ids"])]
        assert chunk.owners == ([0, 1] if how == "head-tail" else [*[0] * (len(chunk.ids) - 1), 1])
        assert chunk.cut == (how == "head-tail")


def test_a_store_knows_whose_pieces_it_has(tmp_path: Path) -> None:
    texts = ["the day", "the happy day and a bad night " * 4, "good", "very bad and very sad " * 5]
    splits = {
        split: [Row(f"{split}-{n}", text, (0,)) for n, text in enumerate(texts)] for split in ("train", "validation", "test")
    }
    dataset = write_dataset(Home(tmp_path), Import("long", ("yes", "no"), splits))
    tokenizer = load_tokenizer(make_tiny_model(tmp_path / "model", "bert"))
    facts = build_store(dataset, tokenizer, 12, tmp_path / "store", long_text=LongText("windows", 3))
    store = TokenStore.open(tmp_path / "store", dataset.fingerprint)
    assert (facts["longest"], facts["truncated"]) == (12, 0)
    assert store.whole is not None
    assert store.whole["test"].tolist() == [len(tokenizer(text)["input_ids"]) for text in texts]
    rows = store.rows_of("test", np.array([1, 3]))
    assert len(rows) > 4
    assert set(store.owners_of("test", rows)) == {1, 3}
    again = [
        tokenizer.decode(store.gather("test", np.array([row])), skip_special_tokens=True)
        for row in store.rows_of("test", np.array([2]))
    ]
    assert again == ["good"]
    plain = build_store(dataset, tokenizer, 12, tmp_path / "plain")
    assert (plain["rows"], plain["truncated"]) == (12, 6)
    assert TokenStore.open(tmp_path / "plain", dataset.fingerprint).owners is None


def test_pairs_are_truncated_and_nothing_else(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_tiny_model(tmp_path / "model", "bert"))
    with pytest.raises(DataError, match="long_text: windows is for texts that stand alone"):
        encode_chunk(["a"], ["b"], tokenizer, 12, LongText("windows"))
