"""The method `external`: predictions that were made elsewhere, handed in as a trial of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.methods import ExternalSettings
from bakeoff.data.external import decisions
from bakeoff.errors import DataError
from bakeoff.records.files import sha256_file
from bakeoff.records.predictions import read_predictions
from bakeoff.training.baselines import CERTAIN, excludes, finish
from bakeoff.training.work import Work


def run(work: Work) -> None:
    """Hand in what a file of predictions says for the trial's seed.

    Decisions become logits far from every threshold, so that each threshold leaves them as they are.

    Args:
        work: the trial.

    Raises:
        DataError: if the file is not the one that was planned with, or does not hold what the trial needs.
    """
    settings = ExternalSettings.model_validate(work.trial.recipe.method.settings)
    path = Path(settings.file)
    if not path.is_file() or sha256_file(path) != settings.sha256:
        raise DataError(
            "the predictions are gone, or not those that the study was planned with", str(path), "run the study again"
        )
    found = read_predictions(path)
    work.progress.say("begin", steps=0, examples=len(work.rows("train")))

    def outputs(split: str) -> NDArray[np.float32]:
        flags = decisions(found, work.dataset, split, work.rows(split), work.trial.seed, settings.deterministic)
        if excludes(work) and (flags.sum(axis=1) != 1).any():
            raise DataError(f"an example of {split} is not given just one label", str(path), "one label an example")
        return np.where(flags, CERTAIN, -CERTAIN).astype(np.float32)

    finish(work, outputs, {"parameters": 0, "predictions_sha256": settings.sha256})
