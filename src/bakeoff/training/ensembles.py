"""The methods `ensemble` and `weight-average`: other trials of the study as one, by what they say or by what they weigh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from bakeoff.errors import DataError, ModelError
from bakeoff.records.files import sha256_file
from bakeoff.records.results import Outputs
from bakeoff.training.adapting import load_trained
from bakeoff.training.arithmetic import accelerator_for
from bakeoff.training.baselines import excludes, finish
from bakeoff.training.batches import USUAL_TOKENS
from bakeoff.training.evaluation import outputs_of
from bakeoff.training.full import build_model, keep_model
from bakeoff.training.material import open_material
from bakeoff.training.parents import Parent, parents
from bakeoff.training.work import Work

LEAST = 1e-7
"""Least probability: a certain answer of all members has a logit too."""


def average_probabilities(work: Work) -> None:
    """Hand in the mean of what the members give as probabilities.

    Stored outputs are averaged, those on test among them; nothing is scored here, and no label is looked at.

    Args:
        work: the trial.

    Raises:
        DataError: if members were asked different examples, or an output is not finite.
    """
    members = parents(work)
    work.progress.say("begin", steps=0, examples=0)

    def outputs(split: str) -> NDArray[np.float32]:
        ids = work.dataset.ids(split, work.rows(split))
        return mean_logits([_outputs(member, split, ids) for member in members], excludes(work))

    finish(work, outputs, {"parameters": 0, "members": len(members), "made_from": {one.id: one.result for one in members}})


def _outputs(member: Parent, split: str, ids: list[str]) -> NDArray[np.float32]:
    path = member.folder.validation if split == "validation" else member.folder.test
    stored = Outputs.read(path)
    if stored.ids != ids:
        raise DataError(f"{member.id} was asked other examples of {split}", str(path), "run the study again with --new")
    if not np.isfinite(stored.outputs).all():
        raise DataError(f"an output of {member.id} on {split} is not finite", str(path), "leave its recipe out")
    return stored.outputs


def mean_logits(outputs: Sequence[NDArray[np.float32]], exclusive: bool) -> NDArray[np.float32]:
    """Logits of the mean probability.

    Args:
        outputs: logits of each member, M times [N, L].
        exclusive: whether labels exclude one another.

    Returns:
        [N, L] float32: of the mean p, log p where labels exclude one another, else log(p / (1 − p)).
    """
    said = torch.from_numpy(np.stack(outputs)).double()
    probabilities = torch.softmax(said, dim=2) if exclusive else torch.sigmoid(said)
    mean = probabilities.mean(dim=0).clamp(LEAST, 1 - LEAST)
    logits: NDArray[np.float32] = (torch.log(mean) if exclusive else torch.logit(mean)).float().numpy()
    return logits


def average_weights(work: Work) -> None:
    """Hand in what a model says whose weights are the mean of the members'.

    Args:
        work: the trial.

    Raises:
        ModelError: if members differ in their weights' names or shapes, or the mean gives outputs that are not finite.
    """
    members = parents(work)
    assert work.model is not None
    recipe = members[0].trial.recipe
    assert recipe.training is not None
    assert recipe.model is not None
    work.progress.say("begin", steps=0, examples=0)
    accelerator = accelerator_for(recipe.training.precision, recipe.model.family)
    torch.set_num_threads(recipe.training.threads)
    tensors = mean_tensors([load_file(member.weights) for member in members])
    model = build_model(recipe, work.model, work.task.outputs, work.trial.seed)
    load_trained(model, tensors)
    model.to(accelerator.device)
    material = open_material(work)

    def outputs(split: str) -> NDArray[np.float32]:
        budget = work.evaluation_tokens or USUAL_TOKENS
        rows = material.rows(split)
        values = outputs_of(model, accelerator.autocast, material.store, split, rows, work.progress, budget)
        if not np.isfinite(values).all():
            raise ModelError("the averaged weights give outputs that are not finite", work.trial.id, "leave the recipe out")
        return material.whole(split, values)

    weights = work.attempt.root / "averaged.safetensors"
    save_file(tensors, weights)
    facts: dict[str, Any] = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "members": len(members),
        "made_from": {one.id: one.result for one in members},
        "weights_sha256": sha256_file(weights),
        "packed": model.backbone.packed,
    }
    if work.keep_model:
        keep_model(work, weights)
    finish(work, outputs, facts)
    weights.unlink()


def mean_tensors(members: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor, added up in float64.

    Args:
        members: tensors of each by name.

    Returns:
        Tensors by name, each of its own type.

    Raises:
        ModelError: if names or shapes differ.
    """
    shapes = [{name: tuple(tensor.shape) for name, tensor in one.items()} for one in members]
    if any(other != shapes[0] for other in shapes):
        raise ModelError("weights of different names or shapes have no mean", "method.of", "recipes that train the same model")
    return {
        name: torch.stack([one[name].double() for one in members]).mean(dim=0).to(tensor.dtype).contiguous()
        for name, tensor in members[0].items()
    }
