"""Checks of tokenizers: readable, and of the model's own vocabulary. transformers is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bakeoff.hub.modelfiles import read_small_json
from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.shapes import ModelShape
from bakeoff.preflight.subject import Subject, whole_shapes
from bakeoff.study.model import ModelRequest

SENTENCEPIECE_FILES = ("spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
TIKTOKEN_FILES = ("tiktoken.model", "tekken.json")
FETCH_AGAIN = "fetch or export the model again"


def look_at_tokenizers(subject: Subject) -> Iterator[Finding]:
    """Whether tokenizers can be read, and speak of tokens that their model has.

    Args:
        subject: what is looked at.

    Yields:
        An error for files that cannot be read, packages that are missing, and tokens that the model does not have.
    """
    for request, found, shape in whole_shapes(subject):
        folder = found.folder
        if (folder / "tokenizer.json").is_file():
            yield from _fast_tokenizer(request, folder, shape)
            continue
        for files, package in ((SENTENCEPIECE_FILES, "sentencepiece"), (TIKTOKEN_FILES, "tiktoken")):
            here = next((name for name in files if (folder / name).is_file()), "")
            if not here:
                continue
            if not subject.machine.has(package):
                yield Finding(
                    Severity.ERROR,
                    f"the tokenizer of {request.key} is a {package} file, and the package {package} is not installed",
                    f"{here} without {package}",
                    f"the package {package}, or a tokenizer.json",
                    f"pip install {package}",
                    str(folder / here),
                )
            elif package == "sentencepiece":
                yield from _sentencepiece(request, folder / here, shape)


def _fast_tokenizer(request: ModelRequest, folder: Path, shape: ModelShape) -> Iterator[Finding]:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare exceptions
        yield Finding(
            Severity.ERROR,
            f"the tokenizer of {request.key} cannot be read: {' '.join(str(error).split())[:200]}",
            "a tokenizer.json that is torn or of another format",
            "a tokenizer.json that the package tokenizers reads",
            FETCH_AGAIN,
            str(path),
        )
        return
    numbers = tokenizer.get_vocab(with_added_tokens=True).values()
    yield from _strange_tokens(request, path, shape, max(numbers, default=-1), len(numbers))
    padding = shape.config.get("pad_token_id")
    config = folder / "tokenizer_config.json"
    name = read_small_json(config).get("pad_token") if config.is_file() else None
    word = name.get("content") if isinstance(name, dict) else name
    number = tokenizer.token_to_id(word) if isinstance(word, str) else None
    if isinstance(padding, int) and number is not None and number != padding:
        yield Finding(
            Severity.ERROR,
            f"the tokenizer of {request.key} pads with token {number}, and the model takes token {padding} for padding",
            f"{word} is {number}",
            f"pad_token_id {padding}",
            f"put the tokenizer that the model was trained with beside it: {FETCH_AGAIN}",
            str(path),
        )


def _strange_tokens(request: ModelRequest, path: Path, shape: ModelShape, last: int, count: int) -> Iterator[Finding]:
    rows = shape.embedded[0] if shape.embedded else shape.vocabulary
    remedy = f"put the tokenizer that the model was trained with beside it: {FETCH_AGAIN}"
    if last < 0:
        yield Finding(
            Severity.ERROR,
            f"the tokenizer of {request.key} has no vocabulary",
            "0 tokens",
            f"{rows:,} tokens",
            remedy,
            str(path),
        )
    elif rows and last >= rows:
        yield Finding(
            Severity.ERROR,
            f"the tokenizer of {request.key} is another model's: its last token is {last:,}, and the model has {rows:,}",
            f"{last + 1:,} tokens",
            f"at most {rows:,} tokens",
            remedy,
            str(path),
        )
    elif rows and count < rows / 2:
        yield Finding(
            Severity.WARNING,
            f"the tokenizer of {request.key} knows {count:,} of the model's {rows:,} tokens: it may be another model's",
            f"{count:,} tokens",
            f"about {rows:,} tokens",
            remedy,
            str(path),
        )


def _sentencepiece(request: ModelRequest, path: Path, shape: ModelShape) -> Iterator[Finding]:
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError, TypeError) as error:
        yield Finding(
            Severity.ERROR,
            f"the SentencePiece file of {request.key} cannot be read: {' '.join(str(error).split())[:200]}",
            "a torn file",
            "a whole SentencePiece model",
            FETCH_AGAIN,
            str(path),
        )
        return
    count = int(processor.vocab_size())
    yield from _strange_tokens(request, path, shape, count - 1, count)


CHECKS = (
    Check("model-tokenizers", "tokenizers can be read, and speak of tokens that their model has", "study", look_at_tokenizers),
)
