"""How far training moved what models make of texts: base against tuned, recipe against recipe, seed against seed.

The primary number is 1 − debiased linear CKA, averaged over the chosen layers. Its interval has two parts, as a score's: the
spread over seeds, and a jackknife that leaves out groups of examples; never a bootstrap, since duplicates make unrelated clouds
alike.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from bakeoff.analysis.drift_model import DriftClaim, DriftPair, LayerDrift, RecipeDrift, Spread, TaskDrift
from bakeoff.errors import DataError, RunError
from bakeoff.metrics.similarity import Cloud, cosines, debiased_cka, procrustes
from bakeoff.records.representations import VECTORS, Representation
from bakeoff.records.specs import TaskSpec
from bakeoff.stats.corrections import holm
from bakeoff.stats.estimates import Estimate, contrast, ratio_interval
from bakeoff.stats.grouping import Groups, draw_groups
from bakeoff.stats.power import Design, noise_of, smallest_visible
from bakeoff.stats.replicates import Replicates, mean_replicates, plain_replicates

ALPHA = 0.05
CLAIM = re.compile(
    r"^\s*(?P<a>\S+) drifts (?:at least (?P<share>\d+(?:\.\d+)?) ?% )?less than (?P<b>\S+?)(?: on (?P<task>\S+))?\s*\.?\s*$"
)
CLAIM_FORM = "'A drifts less than B', 'A drifts at least 20% less than B on TASK'"


@dataclass(frozen=True)
class Claimed:
    """A sentence about drift.

    Attributes:
        text: as it was said.
        a: the recipe that is said to drift less.
        b: the other.
        share: by how much less, from 0 up to 1.
        task: on which task; empty means on each.
    """

    text: str
    a: str
    b: str
    share: float
    task: str


def parse_claim(text: str) -> Claimed:
    """Understand a sentence about drift.

    Args:
        text: such as "lora drifts at least 20% less than full on sst2".

    Returns:
        The claim.

    Raises:
        RunError: if it is none.
    """
    found = CLAIM.match(text)
    if found is None or float(found["share"] or 0) >= 100:
        raise RunError(f"this says nothing about drift that can be tested: {text}", "--claim", CLAIM_FORM)
    return Claimed(text.strip(), found["a"], found["b"], float(found["share"] or 0) / 100, found["task"] or "")


@dataclass(frozen=True)
class Layers:
    """A representation with its vectors.

    Attributes:
        folder: where it stands.
        card: what it is.
    """

    folder: Path
    card: Representation

    @staticmethod
    def open(folder: Path) -> Layers:
        """Open a representation and verify its hash.

        Args:
            folder: where it stands.

        Returns:
            The representation.

        Raises:
            DataError: if its vectors are not those that were written.
        """
        card = Representation.read(folder)
        if not card.holds(folder):
            raise DataError("vectors are not what was written", str(folder), "run `bakeoff drift` again; they are made anew")
        return Layers(folder, card)

    @cached_property
    def vectors(self) -> list[NDArray[np.float32]]:
        """Vectors of each layer, K times [N, D]."""
        stored = load_file(self.folder / VECTORS)
        return [stored[f"layer.{place}"] for place in range(self.card.layers)]


@dataclass(frozen=True)
class TaskLayers:
    """All that was read of a task.

    Attributes:
        task: the task.
        base: by recipe, what its pretrained model makes of the texts.
        tuned: by recipe and seed, what the trained ones make of them.
        scores: by recipe and seed, the task's metric on validation.
    """

    task: TaskSpec
    base: Mapping[str, Layers]
    tuned: Mapping[str, Mapping[int, Layers]]
    scores: Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Moved:
    """Drift of one recipe, as comparisons need it.

    Attributes:
        replicates: of each layer.
        cosine: of each layer.
        turned: 1 − Procrustes similarity of each layer and seed, [K, S].
    """

    replicates: list[Replicates]
    cosine: list[Replicates]
    turned: NDArray[np.float64]

    def over(self, layers: Sequence[int]) -> Replicates:
        """Drift averaged over layers.

        Args:
            layers: which.

        Returns:
            The replicates.
        """
        first = self.replicates[0]
        whole = np.mean([self.replicates[layer].whole for layer in layers], axis=0)
        without = np.mean([self.replicates[layer].without for layer in layers], axis=0)
        return Replicates(first.seeds, whole, without, first.sizes)


def measure_task(read: TaskLayers, chosen: Sequence[int] | None = None) -> tuple[TaskDrift, dict[str, Replicates]]:
    """All numbers of a task.

    Args:
        read: what was read.
        chosen: layers to average over; None means all but the embeddings.

    Returns:
        The numbers, and the averaged drift of each recipe for claims.

    Raises:
        RunError: if a chosen layer does not exist.
    """
    first = next(iter(read.base.values())).card
    groups = draw_groups(len(first.ids), first.clusters or None)
    most = min(layers.card.layers for layers in read.base.values())
    layers = list(chosen) if chosen else list(range(1, most))
    if not layers or max(layers) >= most:
        raise RunError(f"there is no layer {max(layers, default=0)}", read.task.name, f"layers 0 to {most - 1}")
    moved = {recipe: _moved(read.base[recipe], tuned, groups) for recipe, tuned in read.tuned.items()}
    averaged = {recipe: one.over(layers) for recipe, one in moved.items()}
    clouds = {
        recipe: {seed: [Cloud.of(rows) for rows in one.vectors] for seed, one in tuned.items()}
        for recipe, tuned in read.tuned.items()
    }
    recipes = []
    for recipe, one in moved.items():
        apart = _between_seeds(list(clouds[recipe].values()))
        recipes.append(
            RecipeDrift(
                recipe=recipe,
                seeds=list(one.replicates[0].seeds),
                drift=_spread(averaged[recipe]),
                between_seeds=float(np.mean([apart[layer] for layer in layers])),
                layers=[
                    LayerDrift(
                        layer=layer,
                        cka=_spread(one.replicates[layer]),
                        cosine=_spread(one.cosine[layer]),
                        procrustes=_spread(plain_replicates(one.replicates[0].seeds, one.turned[layer])),
                        between_seeds=apart[layer],
                    )
                    for layer in range(len(one.replicates))
                ],
                scores=[read.scores[recipe][seed] for seed in one.replicates[0].seeds],
            )
        )
    return TaskDrift(
        name=read.task.name,
        metric=read.task.metric,
        examples=len(first.ids),
        groups=groups.count,
        chosen_layers=layers,
        recipes=recipes,
        pairs=[
            _pair(a, b, averaged, clouds, layers)
            for a, b in itertools.combinations(sorted(moved, key=lambda name: averaged[name].mean), 2)
        ],
    ), averaged


def _moved(base: Layers, tuned: Mapping[int, Layers], groups: Groups) -> Moved:
    """Base against tuned, layer by layer; each layer of the base is prepared once for all seeds."""
    seeds = tuple(tuned)
    replicates, cosine, turned = [], [], []
    for place, before in enumerate(base.vectors):
        start = Cloud.of(before, groups.of_example)
        ends = [Cloud.of(tuned[seed].vectors[place], groups.of_example) for seed in seeds]
        found = [debiased_cka(start, end) for end in ends]
        whole = np.array([1 - value for value, _ in found])
        replicates.append(Replicates(seeds, whole, np.array([1 - without for _, without in found]), groups.sizes))
        away = np.array([1 - cosines(before, tuned[seed].vectors[place]) for seed in seeds])
        cosine.append(mean_replicates(seeds, away, groups))
        turned.append([1 - procrustes(start, end) for end in ends])
    return Moved(replicates, cosine, np.array(turned))


def _between_seeds(clouds: Sequence[Sequence[Cloud]]) -> list[float]:
    """1 − CKA of each layer, mean over pairs of seeds."""
    pairs = list(itertools.combinations(clouds, 2))
    layers = range(len(clouds[0]))
    if not pairs:
        return [math.nan for _ in layers]
    return [float(np.mean([1 - debiased_cka(a[layer], b[layer])[0] for a, b in pairs])) for layer in layers]


def _pair(
    a: str,
    b: str,
    averaged: Mapping[str, Replicates],
    clouds: Mapping[str, Mapping[int, Sequence[Cloud]]],
    layers: Sequence[int],
) -> DriftPair:
    first, second = averaged[a], averaged[b]
    ratio = first.mean / second.mean if second.mean else math.nan
    interval = ratio_interval(first, second)
    shared = [seed for seed in clouds[a] if seed in clouds[b] and _comparable(clouds[a][seed], clouds[b][seed])]
    between = [
        float(np.mean([1 - debiased_cka(clouds[a][seed][layer], clouds[b][seed][layer])[0] for layer in layers]))
        for seed in shared
    ]
    difference = contrast(first, second)
    visible = math.nan
    if difference.decidable:
        examples = int(first.sizes.sum())
        visible = smallest_visible(noise_of(difference, examples), Design(len(first.seeds), examples))
    return DriftPair(
        a=a,
        b=b,
        ratio=Spread(values=[], mean=ratio, low=interval.low, high=interval.high),
        between=_spread(plain_replicates(shared, between)) if shared else Spread(values=[], mean=math.nan),
        smallest_visible=visible,
    )


def _comparable(a: Sequence[Cloud], b: Sequence[Cloud]) -> bool:
    """Whether two models have as many layers: of those layer by layer can be compared."""
    return len(a) == len(b)


def _spread(replicates: Replicates) -> Spread:
    interval = contrast(replicates).interval()
    return Spread(values=replicates.whole.tolist(), mean=replicates.mean, low=interval.low, high=interval.high)


def answer(claims: Sequence[Claimed], drifts: Mapping[str, Mapping[str, Replicates]]) -> list[DriftClaim]:
    """Answer sentences about drift, corrected for all of them.

    Args:
        claims: the sentences.
        drifts: averaged drift by task and recipe.

    Returns:
        An answer for each sentence and task that it is about: supported if (1 − x)·d_B − d_A is above 0 at half of 5 %, refuted
        if it is below, after Holm in both directions.

    Raises:
        RunError: if a sentence names a recipe or a task that was not read.
    """
    asked: list[tuple[Claimed, str, Estimate]] = []
    for claim in claims:
        if claim.task and claim.task not in drifts:
            raise RunError(f"nothing was read of the task {claim.task}", claim.text, f"one of {', '.join(drifts)}")
        for task in [claim.task] if claim.task else drifts:
            for recipe in (claim.a, claim.b):
                if recipe not in drifts[task]:
                    raise RunError(f"nothing was read of {recipe} on {task}", claim.text, f"one of {', '.join(drifts[task])}")
            estimate = contrast(drifts[task][claim.b], drifts[task][claim.a], (1 - claim.share, -1.0))
            asked.append((claim, task, estimate))
    sides = [estimate.p_two_sided() for _, _, estimate in asked]
    corrected = holm(sides).tolist() if sides else []
    return [
        _answered(claim, task, estimate, side, whole)
        for (claim, task, estimate), side, whole in zip(asked, sides, corrected, strict=True)
    ]


def _answered(claim: Claimed, task: str, estimate: Estimate, p: float, corrected: float) -> DriftClaim:
    interval = estimate.interval()
    decided = estimate.decidable and corrected <= ALPHA
    return DriftClaim(
        claim=claim.text,
        task=task,
        answer=("supported" if estimate.value > 0 else "refuted") if decided else "undecided",
        contrast=Spread(values=[], mean=estimate.value, low=interval.low, high=interval.high),
        p=p,
        corrected_p=corrected,
    )
