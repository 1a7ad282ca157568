"""Model folders with random weights, of every supported family, made in a blink: real files, only small."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel

Family = Literal["bert", "roberta", "deberta-v2", "llama"]
FAMILIES: tuple[Family, ...] = ("bert", "roberta", "deberta-v2", "llama")

LAYERS, WIDTH, HEADS = 2, 32, 4
CONTEXT = 64
NOISE_SD = 0.1
LETTERS = (*string.ascii_lowercase, *string.digits, *".,!?'")
WORDS = ("the", "and", "good", "bad", "happy", "sad", "very", "not", "day", "night")


def _bert_tokenizer() -> Any:
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    pieces = (*special, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS)
    return transformers.BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})


def _roberta_tokenizer() -> Any:
    pieces = ("<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), "th", "the", "<mask>")
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=[("t", "h"), ("th", "e")])


def _deberta_tokenizer() -> Any:
    special = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
    likely = [(f"▁{word}", -2.0) for word in WORDS]
    pieces = [
        *((piece, 0.0) for piece in special),
        ("▁", -3.0),
        *likely,
        *((letter, -4.0) for letter in LETTERS),
        ("[MASK]", 0.0),
    ]
    return transformers.DebertaV2Tokenizer(vocab=pieces)


def _llama_tokenizer() -> Any:
    pieces = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *LETTERS, "th", "the")
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return transformers.LlamaTokenizer(vocab=vocabulary, merges=[("t", "h"), ("th", "e")])


def _config(family: Family, tokens: int, padding: int | None, context: int, dropout: float) -> Any:
    shape = {"vocab_size": tokens, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    sizes = {**shape, "intermediate_size": 2 * WIDTH, "pad_token_id": padding, "initializer_range": NOISE_SD}
    encoder = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    match family:
        case "bert":
            return transformers.BertConfig(**sizes, **encoder, max_position_embeddings=context)
        case "roberta":
            # its positions begin behind that of the padding token; one type of tokens, as the published models have
            positions = context + int(padding or 0) + 1
            return transformers.RobertaConfig(**sizes, **encoder, max_position_embeddings=positions, type_vocab_size=1)
        case "deberta-v2":
            relative = {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"]}
            layers = {"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0}
            return transformers.DebertaV2Config(**sizes, **encoder, **relative, **layers, max_position_embeddings=context)
        case "llama":
            heads = {"num_key_value_heads": HEADS // 2, "attention_dropout": dropout}
            return transformers.LlamaConfig(**sizes, **heads, max_position_embeddings=context)


TOKENIZERS = {
    "bert": _bert_tokenizer,
    "roberta": _roberta_tokenizer,
    "deberta-v2": _deberta_tokenizer,
    "llama": _llama_tokenizer,
}


def make_tiny_model(folder: Path, family: Family, *, context: int = CONTEXT, dropout: float = 0.0, seed: int = 0) -> Path:
    """Write a model of 2 layers and width 32 with random weights, and a fast tokenizer that knows every English text.

    No parameter is at the value at which it would be created (biases 0, norms 1), so that a test notices one that is lost.

    Args:
        folder: where; made if it is missing.
        family: the architecture, as `model_type` names it.
        context: tokens that a row may have at most.
        dropout: probability of every dropout in the model.
        seed: governs the weights.

    Returns:
        The folder: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`.
    """
    transformers.logging.disable_progress_bar()
    tokenizer = TOKENIZERS[family]()
    config = _config(family, len(tokenizer), tokenizer.pad_token_id, context, dropout)
    model = transformers.AutoModel.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            start = torch.ones_like(parameter) if parameter.ndim == 1 and bool((parameter == 1).all()) else 0.0
            parameter.copy_(start + NOISE_SD * torch.randn(parameter.shape, generator=generator))
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder
