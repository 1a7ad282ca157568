"""A task's test set from short texts to long ones: what is lost where texts are cut, and what is won where they are not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.length_model import LengthBand, LengthScore, TaskLengths
from bakeoff.analysis.measuring import FEWEST_EXAMPLES, Evidence, clusters_of
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.margins import beats

BANDS = 4
LEVEL = 0.95


def compare_lengths(evidence: Evidence) -> TaskLengths | None:
    """Score the recipes of a task on its shorter and its longer test texts.

    Args:
        evidence: its test outputs.

    Returns:
        Scores by length; None for questions, and where the outputs do not tell lengths.
    """
    lengths = next(iter(evidence.tests.values())).lengths
    if lengths is None or evidence.measure.answers or len(lengths) < BANDS:
        return None
    masks = bands_of(lengths)
    data = evidence.task.data
    return TaskLengths(
        task=evidence.task.name,
        metric=evidence.task.metric,
        long_text=data.long_text,
        max_length=data.max_length,
        bands=[
            LengthBand(shortest=int(lengths[mask].min()), longest=int(lengths[mask].max()), examples=int(mask.sum()))
            for mask in masks
        ],
        scores=[_scores(evidence, mask) for mask in masks],
    )


def bands_of(lengths: NDArray[Any]) -> list[NDArray[np.bool_]]:
    """Cut examples into quarters by length; equally long ones stay together.

    Args:
        lengths: of each example, [N].

    Returns:
        Masks of the bands that have examples, from short to long, each [N].
    """
    edges = np.quantile(lengths, np.arange(1, BANDS) / BANDS, method="lower")
    places = np.searchsorted(edges, lengths, side="left")  # an edge belongs to the band that it closes
    return [mask for band in range(BANDS) if (mask := places == band).any()]


def _scores(evidence: Evidence, mask: NDArray[np.bool_]) -> list[LengthScore]:
    tests = {trial: outputs.of(mask) for trial, outputs in evidence.tests.items()}
    examples = int(mask.sum())
    groups = draw_groups(examples, clusters_of(tests)) if examples >= FEWEST_EXAMPLES else None
    part = replace(evidence, tests=tests, groups=groups, known={}, tables={})
    return [_score(part, recipe) for recipe in evidence.recipes]


def _score(part: Evidence, recipe: str) -> LengthScore:
    found = part.replicates(recipe)
    interval = beats(found, 0.0).interval(LEVEL) if part.groups is not None else None
    known = interval is not None and math.isfinite(interval.low)
    return LengthScore(
        recipe=recipe,
        each=found.whole.tolist(),
        mean=found.mean,
        low=interval.low if known and interval is not None else None,
        high=interval.high if known and interval is not None else None,
    )
