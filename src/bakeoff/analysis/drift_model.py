"""What `drift.json` holds: how far training moved what models make of texts."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import Field

from bakeoff.records.files import read_document, write_document
from bakeoff.records.serving import Number
from bakeoff.records.specs import Spec

DRIFT_VERSION = 1


class Spread(Spec):
    """A number over seeds, or over launches.

    Attributes:
        values: one a seed, or a launch.
        mean: their mean.
        low: lower end of the interval at 95 %; "-inf" where nothing is known.
        high: upper end.
    """

    values: list[Number]
    mean: Number
    low: Number = -math.inf
    high: Number = math.inf


class LayerDrift(Spec):
    """How far one layer moved.

    Attributes:
        layer: its number; 0 are the embeddings.
        cka: 1 − debiased linear CKA with the base model.
        cosine: 1 − mean cosine of an example's two vectors.
        procrustes: 1 − Procrustes similarity.
        between_seeds: 1 − debiased linear CKA, mean over pairs of seeds: a scale to read by, no null; "nan" for one seed.
    """

    layer: int
    cka: Spread
    cosine: Spread
    procrustes: Spread
    between_seeds: Number


class RecipeDrift(Spec):
    """How far a recipe moved a model on a task.

    Attributes:
        recipe: its name.
        seeds: the seeds.
        drift: 1 − debiased linear CKA with the base model, averaged over the chosen layers.
        between_seeds: the same between seeds of this recipe.
        layers: every layer.
        scores: the task's metric of each seed on validation.
    """

    recipe: str
    seeds: list[int]
    drift: Spread
    between_seeds: Number
    layers: list[LayerDrift]
    scores: list[Number]


class DriftPair(Spec):
    """Two recipes on a task.

    Attributes:
        a: one recipe.
        b: another.
        ratio: drift of a over drift of b, with its interval.
        between: 1 − debiased linear CKA between the two at the same seed, averaged over the chosen layers.
        smallest_visible: difference in drift that this many seeds and examples show four times in five; "nan" if unknown.
    """

    a: str
    b: str
    ratio: Spread
    between: Spread
    smallest_visible: Number


class DriftClaim(Spec):
    """A sentence about drift, answered.

    Attributes:
        claim: the sentence.
        task: on which task.
        answer: supported, refuted or undecided.
        contrast: (1 − x)·d_B − d_A, of which above 0 supports the claim.
        p: two-sided p-value; 1 where undecidable.
        corrected_p: after Holm over all sentences, in both directions.
    """

    claim: str
    task: str
    answer: str
    contrast: Spread
    p: Number
    corrected_p: Number


class TaskDrift(Spec):
    """Drift on one task.

    Attributes:
        name: the task's.
        metric: of `RecipeDrift.scores`.
        examples: how many validation examples were read.
        groups: groups of the jackknife.
        chosen_layers: layers that are averaged over.
        recipes: each recipe whose models were kept.
        pairs: each two of them.
    """

    name: str
    metric: str
    examples: int
    groups: int
    chosen_layers: list[int]
    recipes: list[RecipeDrift]
    pairs: list[DriftPair]


class Drift(Spec):
    """`drift.json`.

    Attributes:
        study: the study's name.
        pooling: how token vectors became one; empty where each recipe's own was taken.
        tasks: a part each.
        claims: sentences that were asked.
        left_out: trials that were not read, and why.
    """

    study: str
    pooling: str
    tasks: list[TaskDrift]
    claims: list[DriftClaim] = Field(default_factory=list)
    left_out: list[str] = Field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write `drift.json`.

        Args:
            path: where.
        """
        write_document(path, "drift", DRIFT_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Drift:
        """Read `drift.json`.

        Args:
            path: where.

        Returns:
            What it says.
        """
        return Drift.model_validate(read_document(path, "drift", DRIFT_VERSION))
