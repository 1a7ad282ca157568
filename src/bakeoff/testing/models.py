"""Model folders with random weights, of every supported family, made in a blink: real files, only small."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel

Family = Literal[
    "bert",
    "roberta",
    "xlm-roberta",
    "distilbert",
    "electra",
    "deberta-v2",
    "modernbert",
    "llama",
    "qwen2",
    "qwen3",
    "gpt2",
]
ENCODERS: tuple[Family, ...] = ("bert", "roberta", "xlm-roberta", "distilbert", "electra", "deberta-v2", "modernbert")
DECODERS: tuple[Family, ...] = ("llama", "qwen2", "qwen3", "gpt2")
FAMILIES: tuple[Family, ...] = (*ENCODERS, *DECODERS)

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


def _xlm_roberta_tokenizer(letters: str = "") -> Any:
    special = ("<s>", "<pad>", "</s>", "<unk>")
    likely = [(f"▁{word}", -2.0) for word in WORDS]
    pieces = [
        *((piece, 0.0) for piece in special),
        ("▁", -3.0),
        *likely,
        *((letter, -4.0) for letter in dict.fromkeys((*LETTERS, *letters))),
        ("<mask>", 0.0),
    ]
    return transformers.XLMRobertaTokenizer(vocab=pieces)


def _bytes_tokenizer(special: tuple[str, ...], **named: str) -> Any:
    """Bytes and two merges, as GPT-2 and Qwen have them; without a token for padding unless one is named."""
    pieces = (*sorted(ByteLevel.alphabet()), "th", "the", *special)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return transformers.GPT2Tokenizer(vocab=vocabulary, merges=[("t", "h"), ("th", "e")], **named)


def _gpt2_tokenizer() -> Any:
    end = "<|endoftext|>"
    return _bytes_tokenizer((end,), unk_token=end, bos_token=end, eos_token=end)


def _qwen_tokenizer() -> Any:
    end = "<|endoftext|>"
    return _bytes_tokenizer((end, "<|im_end|>"), unk_token=end, eos_token="<|im_end|>", pad_token=end)  # noqa: S106


def _relative() -> dict[str, Any]:
    layers = {"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0}
    return {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"], **layers}


KINDS = {
    "bert": transformers.BertConfig,
    "electra": transformers.ElectraConfig,
    "roberta": transformers.RobertaConfig,
    "xlm-roberta": transformers.XLMRobertaConfig,
    "qwen2": transformers.Qwen2Config,
    "llama": transformers.LlamaConfig,
}


def _encoder_config(family: Family, sizes: dict[str, Any], context: int, dropout: float) -> Any:
    dropouts = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    positions = {"max_position_embeddings": context}
    # their positions begin behind that of the padding token; one type of tokens, as the published models have
    behind = {"max_position_embeddings": context + int(sizes["pad_token_id"]) + 1, "type_vocab_size": 1}
    match family:
        case "bert" | "electra":
            # the token vectors of an ELECTRA are narrower than its layers, as in the published models
            narrow = {"embedding_size": WIDTH // 2} if family == "electra" else {}
            return KINDS[family](**sizes, **dropouts, **positions, **narrow)
        case "roberta" | "xlm-roberta":
            return KINDS[family](**sizes, **dropouts, **behind)
        case "distilbert":
            shape = {"dim": WIDTH, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": 2 * WIDTH}
            own = {"dropout": dropout, "attention_dropout": dropout, "seq_classif_dropout": dropout}
            names = {key: sizes[key] for key in ("vocab_size", "pad_token_id", "initializer_range")}
            return transformers.DistilBertConfig(**names, **shape, **own, **positions)
        case "modernbert":
            own = {"embedding_dropout": dropout, "attention_dropout": dropout, "mlp_dropout": dropout}
            # every second layer sees four tokens to each side
            near = {"global_attn_every_n_layers": 2, "local_attention": 8}
            ends = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"))
            return transformers.ModernBertConfig(**sizes, **own, **near, **ends, **positions, classifier_dropout=dropout)
        case _:
            return transformers.DebertaV2Config(**sizes, **dropouts, **positions, **_relative())


def _config(family: Family, tokens: int, padding: int | None, context: int, dropout: float) -> Any:
    shape = {"vocab_size": tokens, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    sizes = {**shape, "intermediate_size": 2 * WIDTH, "pad_token_id": padding, "initializer_range": NOISE_SD}
    if family in ENCODERS:
        return _encoder_config(family, sizes, context, dropout)
    if family == "gpt2":
        own = {"resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout}
        ends = {"bos_token_id": tokens - 1, "eos_token_id": tokens - 1}
        return transformers.GPT2Config(
            vocab_size=tokens, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=context, **own, **ends
        )
    heads = {"num_key_value_heads": HEADS // 2, "attention_dropout": dropout, "max_position_embeddings": context}
    if family == "qwen3":
        return transformers.Qwen3Config(**sizes, **heads, head_dim=WIDTH // HEADS)
    return KINDS[family](**sizes, **heads)


TOKENIZERS = {
    "bert": _bert_tokenizer,
    "roberta": _roberta_tokenizer,
    "xlm-roberta": _xlm_roberta_tokenizer,
    "distilbert": _bert_tokenizer,
    "electra": _bert_tokenizer,
    "deberta-v2": _deberta_tokenizer,
    "modernbert": _bert_tokenizer,
    "llama": _llama_tokenizer,
    "qwen2": _qwen_tokenizer,
    "qwen3": _qwen_tokenizer,
    "gpt2": _gpt2_tokenizer,
}


def make_tiny_model(
    folder: Path, family: Family, *, context: int = CONTEXT, dropout: float = 0.0, seed: int = 0, letters: str = ""
) -> Path:
    """Write a model of 2 layers and width 32 with random weights, and a fast tokenizer that knows every English text.

    No parameter is at the value at which it would be created (biases 0, norms 1), so that a test notices one that is lost.

    Args:
        folder: where; made if it is missing.
        family: the architecture, as `model_type` names it.
        context: tokens that a row may have at most.
        dropout: probability of every dropout in the model.
        seed: governs the weights.
        letters: more letters that the tokenizer of an `xlm-roberta` knows, for texts in other scripts.

    Returns:
        The folder: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`.
    """
    transformers.logging.disable_progress_bar()
    tokenizer = _xlm_roberta_tokenizer(letters) if family == "xlm-roberta" else TOKENIZERS[family]()
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
