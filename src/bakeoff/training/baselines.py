"""Baselines that train nothing step by step: what a model has to beat before it is worth its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.records.seeds import derive
from bakeoff.training.extracting import features_of
from bakeoff.training.material import open_material
from bakeoff.training.work import Work

LEAST_SHARE = 1e-6
"""Share that a label which training never shows is taken to have: its logit stays finite."""
CERTAIN = 5.0
"""Logit of a decision that was drawn, not weighed."""
SHARPNESS = 10.0
"""Logit of a whole unit of cosine: it spreads probabilities over the range in which thresholds are tuned."""


def finish(work: Work, outputs: Callable[[str], NDArray[np.float32]], facts: dict[str, Any]) -> None:
    """Make the outputs on validation and test, and hand them in.

    Args:
        work: the trial.
        outputs: gives the logits of a split's rows, [N, L].
        facts: of the method, deterministic.
    """
    made = {split: outputs(split) for split in ("validation", "test")}
    scores = work.score(made["validation"])
    metric = work.trial.task.metric
    work.progress.say("validation", step=0, epoch=0.0, scores={metric: scores[metric]})
    told = {"steps": 0, "examples": len(work.rows("train")), "history": [], **facts}
    work.hand_in(made["validation"], made["test"], scores, told)


def excludes(work: Work) -> bool:
    """Whether the labels of a task exclude one another.

    Args:
        work: the trial.

    Returns:
        True for a task that gives each example just one of them.
    """
    return work.trial.task.kind == "single-label"


def _shares(work: Work) -> NDArray[np.float64]:
    """Of the training examples in which each label was decided on, the share that bears it, [L], never 0 or 1."""
    judged = work.judged("train")
    shares = (judged > 0).sum(axis=0) / np.maximum((judged >= 0).sum(axis=0), 1)
    return np.asarray(np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE), dtype=np.float64)


def majority(work: Work) -> None:
    """Answer every text alike, by the shares of labels in training: the most frequent label, or its threshold's labels.

    Args:
        work: the trial.
    """
    shares = _shares(work)
    logits = np.log(shares) if excludes(work) else np.log(shares / (1 - shares))

    def outputs(split: str) -> NDArray[np.float32]:
        return np.tile(logits.astype(np.float32), (len(work.rows(split)), 1))

    work.progress.say("begin", steps=0, examples=len(work.rows("train")))
    finish(work, outputs, {"parameters": len(shares)})


def stratified(work: Work) -> None:
    """Draw labels at random, each as often as training shows it.

    Args:
        work: the trial; its seed governs the draws.
    """
    shares = _shares(work)

    def outputs(split: str) -> NDArray[np.float32]:
        chance = np.random.Generator(np.random.Philox(derive(work.trial.seed, "random", split)))
        count = len(work.rows(split))
        if excludes(work):
            drawn = np.eye(len(shares))[chance.choice(len(shares), size=count, p=shares / shares.sum())] > 0
        else:
            drawn = chance.random((count, len(shares))) < shares
        return np.where(drawn, CERTAIN, -CERTAIN).astype(np.float32)

    work.progress.say("begin", steps=0, examples=len(work.rows("train")))
    finish(work, outputs, {"parameters": len(shares)})


def unit(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Vectors of length 1.

    Args:
        vectors: [N, D].

    Returns:
        [N, D] float64; a zero vector stays one.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12), dtype=np.float64)


def _centroids(vectors: NDArray[np.float64], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean direction of each label's members, [L, D]; zero for a label without one."""
    return unit(members.T.astype(np.float64) @ vectors)


def nearest_centroid(work: Work) -> None:
    """Compare each text with the mean of each label's training texts, by the cosine of the model's vectors.

    Where labels exclude one another the nearest wins; else a label holds where the mean of its texts is nearer than that of
    all others.

    Args:
        work: the trial.
    """
    features, material = features_of(work), open_material(work)

    def vectors(split: str) -> NDArray[np.float64]:
        return unit(material.whole(split, features.of(split, material.rows(split))))

    work.progress.say("begin", steps=0, examples=len(work.rows("train")))
    judged = work.judged("train")
    trained = vectors("train")
    centroids = _centroids(trained, judged > 0)
    if not excludes(work):
        centroids = centroids - _centroids(trained, judged == 0)

    def outputs(split: str) -> NDArray[np.float32]:
        return (SHARPNESS * vectors(split) @ centroids.T).astype(np.float32)

    card = features.card
    told = {
        "parameters": card["base_parameters"] + centroids.size,
        **features.base(),
        "packed": card["packed"],
    }
    finish(work, outputs, told)
