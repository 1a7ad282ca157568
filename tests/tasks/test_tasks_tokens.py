"""The token store holds what the tokenizer gave, and says so when it does not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bakeoff.errors import DataError, ModelError
from bakeoff.records.files import write_document
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import SPLITS, TokenStore, build_store, encode_chunk
from bakeoff.testing.models import FAMILIES, make_tiny_model
from tiny import make_dataset, random_store


@dataclass
class ListedTexts:
    """Texts by split, as the store sees a dataset."""

    by_split: dict[str, list[str]]
    fingerprint: str = "f" * 64
    asked: list[int] = field(default_factory=list)

    def size(self, split: str) -> int:
        return len(self.by_split[split])

    def texts(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        chosen = np.arange(self.size(split)) if rows is None else rows
        self.asked.append(len(chosen))
        return [self.by_split[split][row] for row in chosen]

    def seconds(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        raise AssertionError("asked for the second texts of rows that have none")

    def has(self, part: str) -> bool:
        return False


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "a 'tiny' model", "bert")


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> Any:
    return load_tokenizer(model)


def expected(tokenizer: Any, text: str, max_length: int) -> list[int]:
    ids: list[int] = tokenizer(text, truncation=True, max_length=max_length)["input_ids"]
    return ids


def test_every_text_is_found_by_split_and_row(tokenizer: Any, hostile_path: Path) -> None:
    texts = ListedTexts({"train": ["good day", "x", ""], "validation": ["very sad night, and bad"], "test": ["day", "the day"]})
    facts = build_store(texts, tokenizer, 6, hostile_path / "store")
    store = TokenStore.open(hostile_path / "store", texts.fingerprint)
    for split in SPLITS:
        for row, text in enumerate(texts.by_split[split]):
            one = np.array([row])
            assert store.gather(split, one).tolist() == expected(tokenizer, text, 6)
            assert store.lengths(split, one).tolist() == [len(expected(tokenizer, text, 6))]
    assert store.sizes == {"train": 3, "validation": 1, "test": 2}
    assert facts == {"rows": 6, "tokens": int(store.offsets[-1]), "truncated": 1, "longest": 6}
    assert store.tokens.dtype == np.int32
    assert [path.name for path in hostile_path.iterdir()] == ["store"]


def test_a_text_of_just_the_length_is_not_cut(tokenizer: Any, tmp_path: Path) -> None:
    texts = ListedTexts({"train": ["good " * 6, "good " * 7], "validation": [], "test": []})
    facts = build_store(texts, tokenizer, 8, tmp_path / "s")
    assert (facts["truncated"], facts["longest"]) == (1, 8)


def test_a_cut_text_keeps_its_special_tokens(tokenizer: Any, tmp_path: Path) -> None:
    build_store(ListedTexts({"train": ["good " * 50], "validation": [], "test": []}), tokenizer, 8, tmp_path / "s")
    ids = TokenStore.open(tmp_path / "s", "f" * 64).gather("train", np.array([0]))
    assert len(ids) == 8
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)


def test_a_text_longer_than_the_tokenizer_likes_gives_no_warning(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.model_max_length = 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        facts = build_store(ListedTexts({"train": ["good " * 50], "validation": [], "test": []}), tokenizer, 30, tmp_path / "s")
    assert facts["longest"] == 30


def test_empty_splits_have_no_rows(tokenizer: Any, tmp_path: Path) -> None:
    facts = build_store(ListedTexts({split: [] for split in SPLITS}), tokenizer, 8, tmp_path / "s")
    assert facts == {"rows": 0, "tokens": 0, "truncated": 0, "longest": 0}
    store = TokenStore.open(tmp_path / "s", "f" * 64)
    assert store.gather("test", np.zeros(0, dtype=np.int64)).tolist() == []


def test_texts_without_utf8_are_stored_as_the_replacement(tokenizer: Any, tmp_path: Path) -> None:
    build_store(
        ListedTexts({"train": ["good \ud800 day", "a\x00b\ufeff"], "validation": [], "test": []}), tokenizer, 30, tmp_path / "s"
    )
    store = TokenStore.open(tmp_path / "s", "f" * 64)
    assert store.gather("train", np.array([0])).tolist() == expected(tokenizer, "good ? day", 30)
    assert store.gather("train", np.array([1])).tolist() == expected(tokenizer, "a\x00b\ufeff", 30)


def test_a_text_without_tokens_is_named(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "m", "llama")  # adds no special tokens
    texts = ListedTexts({"train": ["good", ""], "validation": [], "test": []})
    with pytest.raises(DataError, match="text number 2 gives no token"):
        build_store(texts, load_tokenizer(folder), 8, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_stop_between_chunks_leaves_nothing(tokenizer: Any, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    texts = ListedTexts({"train": ["good"] * 4001, "validation": [], "test": []})
    with pytest.raises(KeyboardInterrupt):
        build_store(texts, tokenizer, 8, tmp_path / "s", stop)
    assert texts.asked == [2000]
    assert list(tmp_path.iterdir()) == []


def test_chunks_do_not_show(tokenizer: Any, tmp_path: Path) -> None:
    texts = ListedTexts({"train": ["good"] * 1999 + ["bad day", "the night", "x"], "validation": ["sad"], "test": []})
    build_store(texts, tokenizer, 8, tmp_path / "s")
    store = TokenStore.open(tmp_path / "s", texts.fingerprint)
    assert texts.asked == [2000, 2, 1]
    for row in (1998, 1999, 2000, 2001):
        assert store.gather("train", np.array([row])).tolist() == expected(tokenizer, texts.by_split["train"][row], 8)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_gathering_is_slicing(lengths: list[int], data: st.DataObject) -> None:
    store = random_store(lengths, 50)
    rows = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=15)), dtype=np.int64)
    slices = [store.tokens[store.offsets[row] : store.offsets[row + 1]] for row in rows]
    assert store.gather("train", rows).tolist() == [token for piece in slices for token in piece]
    assert store.lengths("train", rows).tolist() == [lengths[row] for row in rows]


@pytest.fixture
def stored(tokenizer: Any, tmp_path: Path) -> Path:
    dataset = make_dataset(tmp_path / "home")
    build_store(dataset, tokenizer, 16, tmp_path / "store")
    TokenStore.open(tmp_path / "store", dataset.fingerprint)
    (tmp_path / "fingerprint").write_text(dataset.fingerprint)
    return tmp_path / "store"


def refused(stored: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        TokenStore.open(stored, (stored.parent / "fingerprint").read_text())
    assert str(stored) in caught.value.remedy


@pytest.mark.parametrize("name", ["tokens.npy", "offsets.npy"])
def test_one_changed_byte_is_found(stored: Path, name: str) -> None:
    content = bytearray((stored / name).read_bytes())
    content[-1] ^= 1
    (stored / name).write_bytes(content)
    refused(stored, f"{name} of the token store is not what was written")


@pytest.mark.parametrize("name", ["tokens.npy", "offsets.npy"])
def test_a_torn_or_missing_file_is_found(stored: Path, name: str) -> None:
    (stored / name).write_bytes((stored / name).read_bytes()[:-3])
    refused(stored, f"{name} of the token store is not what was written")
    (stored / name).unlink()
    refused(stored, f"{name} of the token store is not what was written")


def test_a_missing_or_changed_card_is_found(stored: Path) -> None:
    (stored / "tokens.json").write_text((stored / "tokens.json").read_text().replace('"max_length"', '"max_length "'))
    refused(stored, "the token store cannot be read")
    (stored / "tokens.json").unlink()
    refused(stored, "the token store cannot be read")


def test_a_store_of_another_dataset_or_version_is_refused(stored: Path) -> None:
    with pytest.raises(DataError, match="made of another dataset"):
        TokenStore.open(stored, "0" * 64)
    write_document(stored / "tokens.json", "tokens", 99, {})
    refused(stored, "the token store cannot be read")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_tokenizer(family: Any, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_tiny_model(tmp_path / "m", family))
    assert len(tokenizer("What a happy day, 2 or 3 of them!")["input_ids"]) > 8


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_tokenizer_is_an_error_that_says_what_is_missing(family: Any, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "m", family)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"the tokenizer (cannot be loaded|has no vocabulary)") as caught:
        load_tokenizer(folder)
    assert "tokenizer.json" in caught.value.remedy
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match=r"the tokenizer (cannot be loaded|has no vocabulary)"):
        load_tokenizer(folder)


def test_a_torn_tokenizer_is_an_error(model: Path, tmp_path: Path) -> None:
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tokenizer.json").write_bytes((model / "tokenizer.json").read_bytes()[:200])
    with pytest.raises(ModelError, match="the tokenizer cannot be loaded"):
        load_tokenizer(tmp_path)


def test_a_text_cannot_speak_in_special_tokens(tokenizer: Any, tmp_path: Path) -> None:
    separator = tokenizer.sep_token
    texts = ListedTexts({"train": [f"good {separator} day", f"good {separator} day " * 40], "validation": [], "test": []})
    build_store(texts, tokenizer, 12, tmp_path / "store")
    store = TokenStore.open(tmp_path / "store", texts.fingerprint)
    for row in range(2):
        tokens = store.gather("train", np.array([row])).tolist()
        assert tokens.count(tokenizer.sep_token_id) == 1
        assert tokens[-1] == tokenizer.sep_token_id


def test_a_text_without_another_is_no_pair(tokenizer: Any) -> None:
    texts, others = ["good day", "very sad night, and bad", "day"], ["", "the day", ""]
    chunk = encode_chunk(texts, others, tokenizer, 6)
    pair = tokenizer(texts[1], others[1], truncation=True, max_length=6)
    assert chunk.ids == [expected(tokenizer, texts[0], 6), pair["input_ids"], expected(tokenizer, texts[2], 6)]
    assert [bool(second) for second in chunk.seconds] == [False, True, False]
    assert (chunk.cut, chunk.owners) == (1, [0, 1, 2])
    assert chunk.whole == [len(chunk.ids[0]), len(tokenizer(texts[1], others[1])["input_ids"]), len(chunk.ids[2])]
    assert encode_chunk(texts, ["", "", ""], tokenizer, 6).ids == [expected(tokenizer, text, 6) for text in texts]
