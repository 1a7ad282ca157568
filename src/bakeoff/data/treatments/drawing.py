"""What a recipe's treatment draws from a dataset, whoever asks: training, forecasts, `bakeoff data draws`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.dataset import Dataset
from bakeoff.data.treatments.draws import Draws, make_draws, once
from bakeoff.data.treatments.mix import mix_draws
from bakeoff.records.specs import TreatmentSpec


def draws_of(treatment: TreatmentSpec | None, dataset: Dataset, rows: NDArray[np.int64]) -> Draws:
    """What an epoch draws of the training examples.

    Args:
        treatment: the recipe's; None for none.
        dataset: what the examples are from.
        rows: row numbers of the training examples, [N].

    Returns:
        The draws; every example once where the treatment says nothing of it.

    Raises:
        CatalogError: if no sampling bears the name.
        DataError: if shares of sources are asked for that the dataset does not have.
        ValueError: if the sampling leaves nothing to draw.
    """
    if treatment is None or (treatment.mix is None and treatment.sampling is None):
        return once(len(rows))
    targets = dataset.targets("train", rows)
    if treatment.mix is not None:
        return mix_draws(treatment.mix, dataset.source_names, dataset.source_numbers("train", rows), targets)
    return make_draws(treatment.sampling, targets)
