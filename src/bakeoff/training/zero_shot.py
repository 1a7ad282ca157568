"""The method `zero-shot`: labels by their names alone. Training examples are not looked at.

An encoder says how near a text's vector is to that of a label's name; a decoder, how likely the name is behind the text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from bakeoff.catalog.methods import ZeroShotSettings
from bakeoff.errors import ModelError
from bakeoff.tasks.pieces import Ends, LongText, cut_row, mean_of_pieces
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import usable
from bakeoff.training.adapting import frozen_hash
from bakeoff.training.arithmetic import accelerator_for
from bakeoff.training.backbone import load_config
from bakeoff.training.baselines import SHARPNESS, finish, unit
from bakeoff.training.batches import Batch
from bakeoff.training.extracting import frozen_model, vectors_of
from bakeoff.training.material import open_material
from bakeoff.training.work import Work

PASS_TOKENS = 1024
"""Tokens of a decoder's pass: each gets as many numbers as the vocabulary has words."""
TEXT = "{text}"


def is_decoder(folder: Path) -> bool:
    """Whether a model predicts the next word, and fills no gaps.

    Args:
        folder: holds config.json.

    Returns:
        True for the families of Llama, Qwen and GPT-2 and their like.
    """
    kind = type(load_config(folder))
    # encoders such as BERT have a class that predicts the next word as well
    return kind in transformers.MODEL_FOR_CAUSAL_LM_MAPPING and kind not in transformers.MODEL_FOR_MASKED_LM_MAPPING


def run(work: Work) -> None:
    """Score validation and test by the names of the labels, and hand them in.

    Args:
        work: the trial.
    """
    assert work.model is not None
    settings = ZeroShotSettings.model_validate(work.trial.recipe.method.settings)
    words = label_words(work, settings)
    work.progress.say("begin", steps=0, examples=0)
    if is_decoder(work.model):
        by_likelihood(work, settings, words)
    else:
        by_similarity(work, settings, words)


def label_words(work: Work, settings: ZeroShotSettings) -> list[str]:
    """What stands for each label.

    Args:
        work: the trial.
        settings: may say other words than the label's name.

    Returns:
        One text a label.

    Raises:
        ModelError: if the settings name a label that the task does not have.
    """
    strange = sorted(settings.words.keys() - set(work.dataset.labels))
    if strange:
        raise ModelError(
            f"the task has no label {strange[0]!r}", "method.words", f"its labels: {', '.join(work.dataset.labels)}"
        )
    return [settings.words.get(label, label.replace("_", " ")) for label in work.dataset.labels]


def _centred(values: NDArray[Any]) -> NDArray[np.float32]:
    """Without what a text gives all labels alike."""
    return np.asarray(values - values.mean(axis=1, keepdims=True), dtype=np.float32)


def by_similarity(work: Work, settings: ZeroShotSettings, words: list[str]) -> None:
    """Cosine of a text's vector and that of each label's words.

    Args:
        work: the trial.
        settings: the sentence around the words.
        words: one text a label.
    """
    assert work.model is not None
    assert work.trial.recipe.model is not None
    material, model = open_material(work), frozen_model(work)
    accelerator = accelerator_for("fp32", work.trial.recipe.model.family)
    model.to(accelerator.device)
    ids = [load_tokenizer(work.model)(settings.sentence.format(label=word))["input_ids"] for word in words]
    order = np.argsort([len(row) for row in ids], kind="stable")
    tokens = torch.tensor([token for label in order for token in ids[label]], dtype=torch.int64)
    batch = Batch(order, tokens, np.array([len(ids[label]) for label in order]))
    with torch.no_grad():
        named = np.empty((len(words), model.backbone.width), dtype=np.float32)
        named[order] = model.backbone(batch).float().cpu().numpy()

    def outputs(split: str) -> NDArray[np.float32]:
        vectors = material.whole(split, vectors_of(material, model, accelerator.autocast, split))
        return _centred(SHARPNESS * unit(vectors) @ unit(named).T)

    finish(work, outputs, _facts(model.backbone, "similarity"))


def _facts(model: Any, by: str) -> dict[str, Any]:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "base_sha256": frozen_hash(model), "by": by}


def load_decoder(folder: Path) -> Any:
    """Load a decoder with the matrix that predicts words.

    Args:
        folder: holds config.json and safetensors.

    Returns:
        A `PreTrainedModel` in evaluation mode.

    Raises:
        ModelError: if weights are missing: a model that was saved without that matrix cannot say how likely a word is.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
    )
    if report["missing_keys"]:
        some = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(
            f"the model cannot predict words: {some} is missing", str(folder), "a checkpoint with its language head"
        )
    return model.requires_grad_(False).eval()


def by_likelihood(work: Work, settings: ZeroShotSettings, words: list[str]) -> None:
    """Mean log-likelihood of the tokens of each label's words behind the text.

    Args:
        work: the trial.
        settings: what stands around the text.
        words: one text a label.
    """
    assert work.model is not None
    assert work.trial.recipe.model is not None
    tokenizer, model = load_tokenizer(work.model), load_decoder(work.model)
    model.to(accelerator_for("fp32", work.trial.recipe.model.family).device)
    before, _, behind = settings.prompt.partition(TEXT)
    answers = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    ends, long_text = Ends.of(tokenizer), LongText(work.trial.task.long_text or "truncate", work.trial.task.stride or 0)
    tail = tokenizer(behind, add_special_tokens=False)["input_ids"] if behind else []
    room = work.trial.task.max_length - len(tail) - max(map(len, answers))
    if room < 1:
        raise ModelError("max_length leaves no room for a text beside the labels", "tasks.max_length", "more, or shorter words")

    def outputs(split: str) -> NDArray[np.float32]:
        texts = [before + text for text in usable(work.texts(split))]
        # a text that says "</s>" says four characters
        rows = tokenizer(texts, split_special_tokens=True)["input_ids"]
        read = [cut_row(row, ends, room, long_text) for row in rows]
        owners = np.repeat(np.arange(len(read)), [len(pieces) for pieces in read])
        prompts = [piece + tail for pieces in read for piece in pieces]
        pairs = [(prompt, answer) for prompt in prompts for answer in answers]
        said = _likelihoods(work, model, pairs).reshape(len(prompts), len(answers))
        return _centred(mean_of_pieces(said, owners))

    finish(work, outputs, _facts(model, "likelihood"))


def _likelihoods(work: Work, model: Any, pairs: list[tuple[list[int], list[int]]]) -> NDArray[np.float64]:
    """Mean log-likelihood of each answer's tokens behind its prompt, [pairs]; passes of about equal work."""
    lengths = np.array([len(prompt) + len(answer) for prompt, answer in pairs])
    order, found, first = np.argsort(-lengths, kind="stable"), np.empty(len(pairs)), 0
    while first < len(pairs):
        work.progress.check()
        count = max(1, PASS_TOKENS // int(lengths[order[first]]))
        chosen = order[first : first + count]
        found[chosen] = _pass(model, [pairs[place] for place in chosen])
        first += count
        if work.progress.due:
            work.progress.say("step", step=first)
    return found


def _pass(model: Any, pairs: list[tuple[list[int], list[int]]]) -> NDArray[np.float64]:
    width = max(len(prompt) + len(answer) for prompt, answer in pairs)
    # padded on the right, where nothing that counts looks back at it: any token will do
    ids, mask = torch.zeros((len(pairs), width), dtype=torch.int64), torch.zeros((len(pairs), width), dtype=torch.int64)
    for row, (prompt, answer) in enumerate(pairs):
        ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        mask[row, : len(prompt) + len(answer)] = 1
    with torch.no_grad():
        logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits.float()
        said = logits[:, :-1].log_softmax(dim=-1).gather(2, ids[:, 1:, None].to(model.device))[:, :, 0].cpu().numpy()
    spans = [(len(prompt) - 1, len(prompt) + len(answer) - 1) for prompt, answer in pairs]
    return np.array([said[row, first:last].mean() for row, (first, last) in enumerate(spans)], dtype=np.float64)
