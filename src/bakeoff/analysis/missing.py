"""Which examples recipes miss, for the rarest labels: by id alone, since an analysis holds no text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.model import MissedExample
from bakeoff.records.results import Outputs

RAREST = 10
"""Labels of which examples are named."""


def missed_labels(outputs: Outputs, decided: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which labels one trial fails to give.

    Args:
        outputs: its outputs on a split.
        decided: the labels that it gives each example, [N, L].

    Returns:
        Whether the example bears the label without being given it, [N, L].
    """
    missed: NDArray[np.bool_] = outputs.gold.astype(bool) & ~decided
    return missed


def missed_examples(
    outputs: Outputs, labels: Sequence[str], missed: Mapping[str, Sequence[NDArray[np.bool_]]]
) -> list[MissedExample]:
    """For each of the rarest labels, the example that most trials miss, and the one that recipes disagree on most.

    They are for looking, not for proving: they are picked because they went wrong.

    Args:
        outputs: outputs of any one trial on the split that ranks, for ids and gold.
        labels: label names, L of them.
        missed: by recipe, for each seed with finite outputs whether a label that an example bears was missed, [N, L].

    Returns:
        The examples, the rarest label first, equal ones in their order; none where nothing was missed.
    """
    shares = {recipe: np.mean(seeds, axis=0) for recipe, seeds in missed.items() if seeds}
    if not shares:
        return []
    table = np.stack(list(shares.values()))  # [R, N, L]
    mean, apart = table.mean(axis=0), table.max(axis=0) - table.min(axis=0)
    positives = outputs.gold.sum(axis=0, dtype=int).tolist()
    rarest = sorted((place for place, count in enumerate(positives) if count), key=positives.__getitem__)[:RAREST]
    found = []
    for place in rarest:
        for kind, row in _pick(np.flatnonzero(outputs.gold[:, place]), mean[:, place], apart[:, place]):
            found.append(
                MissedExample(
                    id=outputs.ids[row],
                    label=labels[place],
                    kind=kind,
                    missed=float(mean[row, place]),
                    by_recipe={recipe: float(share[row, place]) for recipe, share in shares.items()},
                    labels=[label for label, borne in zip(labels, outputs.gold[row].tolist(), strict=True) if borne],
                )
            )
    return found


def _pick(
    rows: NDArray[np.int64], missed: NDArray[np.float64], apart: NDArray[np.float64]
) -> list[tuple[Literal["missed", "disputed"], int]]:
    """Of the rows that bear a label, the one missed most and another on which recipes lie farthest apart."""
    worst = int(rows[np.argmax(missed[rows])])
    picked: list[tuple[Literal["missed", "disputed"], int]] = [("missed", worst)] if missed[worst] > 0 else []
    others = rows[rows != worst]
    if len(others):
        most = int(others[np.argmax(apart[others])])
        if apart[most] > 0:
            picked.append(("disputed", most))
    return picked
