"""Vocabularies that are no tokenizer.json: what reads them is installed, and gives what the model was trained on."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
import sentencepiece

from bakeoff.tasks.tokenizer import load_tokenizer

PIECES = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
NAMES = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}


@pytest.fixture(scope="module")
def pieces() -> bytes:
    """A SentencePiece model as DeBERTa's are."""
    texts = [f"the quick brown fox number {number} jumps over lazy dogs and cats {number * 7}" for number in range(400)]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=written, vocab_size=120, minloglevel=2, **PIECES, **NAMES
    )
    return written.getvalue()


@pytest.mark.parametrize(("family", "file"), [("deberta-v2", "spm.model"), ("xlm-roberta", "sentencepiece.bpe.model")])
def test_a_sentencepiece_model_is_read_and_special_tokens_are_added(
    family: str, file: str, pieces: bytes, hostile_path: Path
) -> None:
    (hostile_path / file).write_bytes(pieces)
    (hostile_path / "config.json").write_text(json.dumps({"model_type": family}), encoding="utf8")
    (hostile_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}), encoding="utf8")
    tokenizer = load_tokenizer(hostile_path)
    ids = tokenizer("the quick fox")["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert tokenizer.decode(ids[1:-1]) == "the quick fox"
    assert tokenizer("")["input_ids"] == [tokenizer.cls_token_id, tokenizer.sep_token_id]


def test_a_tiktoken_vocabulary_is_read(hostile_path: Path) -> None:
    ranks = [f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256)]
    (hostile_path / "tokenizer.model").write_text("".join(ranks), encoding="utf8")
    (hostile_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (hostile_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf8")
    assert load_tokenizer(hostile_path)("the fox")["input_ids"] == list(b"the fox")
