"""What a recipe does to its training examples, put together for the training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.treatments.augmentation import Augmentation, Chance, Sequences, make_augmentation
from bakeoff.data.treatments.drawing import draws_of
from bakeoff.data.treatments.draws import Draws, label_counts, once
from bakeoff.data.treatments.mix import declared_shares, drawn_shares
from bakeoff.tasks.tokenizer import added_tokens, load_tokenizer
from bakeoff.training.work import Work


@dataclass(frozen=True)
class Treatment:
    """What is done to the training examples.

    Attributes:
        draws: which of them an epoch draws.
        augmentation: what is done to their tokens; None for nothing.
        special: token ids that the tokenizer adds and that stay where they are.
    """

    draws: Draws
    augmentation: Augmentation | None = None
    special: tuple[int, ...] = ()

    def apply(
        self, sequences: Sequences, seed: int, epoch: int, rows: NDArray[np.int64], repeats: NDArray[np.int64]
    ) -> Sequences:
        """The tokens that the model reads.

        Args:
            sequences: the tokens of some rows, as they are stored.
            seed: the trial's seed.
            epoch: from 0.
            rows: their row numbers, [B].
            repeats: which repeat of its example in the epoch each is, [B].

        Returns:
            Their tokens after the augmentation: a pure function of seed, epoch, row and repeat.
        """
        if self.augmentation is None:
            return sequences
        free = ~np.isin(sequences.tokens, self.special)
        return self.augmentation(sequences, free, Chance.of(seed, epoch, rows, repeats))


def untreated(examples: int) -> Treatment:
    """Nothing but every example once an epoch.

    Args:
        examples: how many there are.

    Returns:
        The treatment.
    """
    return Treatment(once(examples))


def treatment_of(work: Work) -> Treatment | None:
    """What a trial's recipe does to its training examples.

    Args:
        work: the trial.

    Returns:
        The treatment; None for none.
    """
    spec = work.trial.recipe.treatment
    if spec is None:
        return None
    draws = draws_of(spec, work.dataset, work.rows("train"))
    augmentation = make_augmentation(spec.augmentation)
    if augmentation is None:
        return Treatment(draws)
    assert work.model is not None
    return Treatment(draws, augmentation, added_tokens(load_tokenizer(work.model)))


def drawn_labels(work: Work, treatment: Treatment | None, epochs: int) -> dict[str, Any]:
    """How often labels were drawn, for the result of a trial whose recipe draws some examples more often than others.

    Args:
        work: the trial.
        treatment: what its recipe does; None for nothing.
        epochs: epochs that training began.

    Returns:
        `drawn`: examples an epoch draws; of each label, its count in the data, how often an epoch is meant to draw it, and how
        often epochs did in the mean; with a mix, the shares of its sources, declared and drawn. Empty without either.
    """
    spec = work.trial.recipe.treatment
    if treatment is None or spec is None or (spec.sampling is None and spec.mix is None):
        return {}
    mixed = {}
    if spec.mix is not None:
        names, sources = work.dataset.source_names, work.sources("train")
        sizes = np.bincount(sources, minlength=len(names)).tolist()
        shares = declared_shares(spec.mix, names, sizes).tolist()
        really = drawn_shares(treatment.draws, sources, len(names), work.trial.seed, max(1, epochs))
        mixed = {"shares": shares, "realised_shares": [round(share, 6) for share in really]}
    gold = work.gold("train")
    realised = treatment.draws.realised(gold, work.trial.seed, max(1, epochs))
    return {
        "drawn": {
            "examples": treatment.draws.size,
            "epochs": max(1, epochs),
            "counts": label_counts(gold).tolist(),
            "aims": treatment.draws.aims.tolist(),
            "realised": [round(count, 3) for count in realised.tolist()],
            **mixed,
        }
    }
