"""Whether probabilities mean what they say: of one trial, and of a recipe over its seeds."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.recipe_model import RecipeCalibration
from bakeoff.analysis.summarising import summarise
from bakeoff.analysis.trial_model import Calibration
from bakeoff.metrics.calibration import decisions, mean_entropy, reliability
from bakeoff.metrics.counts import ratio


def calibrate(gold: NDArray[Any], probabilities: NDArray[np.float64], scaled: NDArray[np.float64] | None) -> Calibration:
    """Compare a trial's probabilities with what is true.

    Args:
        gold: whether the example bears the label, [N, L]; -1 where nobody decided.
        probabilities: finite ones, [N, L].
        scaled: the same after the temperature; None if there is none.

    Returns:
        The comparison, before and after the temperature.
    """
    found = reliability(gold, probabilities)
    true, said = decisions(gold, probabilities)
    return Calibration(
        counts=found.counts.tolist(),
        said=found.said.tolist(),
        true=found.true.tolist(),
        error=found.error,
        scaled_error=np.nan if scaled is None else reliability(gold, scaled).error,
        mean_probability=float(said.mean()),
        prevalence=float(true.mean()),
        entropy=mean_entropy(said),
    )


def pool(calibrations: list[Calibration], temperatures: list[float], *, spread: bool = True) -> RecipeCalibration | None:
    """Put the seeds of a recipe together: bins are added, numbers are averaged.

    Args:
        calibrations: of each seed with finite outputs, on one split.
        temperatures: of the same seeds.
        spread: whether the seeds could differ.

    Returns:
        The recipe's calibration; None without a seed.
    """
    if not calibrations:
        return None
    over = partial(summarise, spread=spread)
    counts = np.array([one.counts for one in calibrations])
    said, true = (
        ratio(np.sum(counts * np.array(values), axis=0), counts.sum(axis=0))
        for values in ([one.said for one in calibrations], [one.true for one in calibrations])
    )
    return RecipeCalibration(
        counts=counts.sum(axis=0).tolist(),
        said=said.tolist(),
        true=true.tolist(),
        error=over([one.error for one in calibrations]),
        scaled_error=over([one.scaled_error for one in calibrations]),
        temperature=over(temperatures),
        mean_probability=over([one.mean_probability for one in calibrations]),
        prevalence=calibrations[0].prevalence,
        entropy=over([one.entropy for one in calibrations]),
    )
