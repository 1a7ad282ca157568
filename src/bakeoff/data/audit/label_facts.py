"""Findings about labels: missing, rare, out of balance, implied by others, shifted between splits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.corpus import Corpus
from bakeoff.data.audit.options import counted
from bakeoff.records.audits import AuditFinding, LabelPair

FEW = 10
"""Examples of a label in an evaluated split below which its score says next to nothing."""
IMBALANCE = 50
IMPLIED, IMPLIED_FROM = 0.95, 10
SHIFTED = 0.05
SHOWN_PAIRS = 30
SHOWN_LABELS = 5
SURPRISE = 4.0
"""Standard errors by which a share must differ beside the five points."""


def counts_by_split(corpus: Corpus) -> dict[str, NDArray[np.int64]]:
    """How many examples of each split bear each label.

    Args:
        corpus: all rows.

    Returns:
        [L] by split.
    """
    counts = {}
    for split in corpus.offsets:
        known = corpus.dataset.card["splits"][split]["label_counts"]
        counts[split] = np.array([known.get(label, 0) for label in corpus.dataset.labels], dtype=np.int64)
    return counts


def label_facts(corpus: Corpus, pairs: list[LabelPair]) -> Iterator[AuditFinding]:
    """What is strange about labels.

    Args:
        corpus: all rows.
        pairs: of `label_pairs`.

    Yields:
        A finding for each thing that some labels are.
    """
    counts, labels = counts_by_split(corpus), corpus.dataset.labels
    for split, own in counts.items():
        missing = [label for label, count in zip(labels, own, strict=True) if not count]
        if missing:
            what = f"{counted(len(missing), 'label')} of {len(labels)} without an example in {split}: {_shown(missing)}"
            remedy = "read scores of these labels as missing, split anew, or leave them out"
            yield AuditFinding(
                kind="missing-label", severity="warning", what=what, found=len(missing), of=len(labels), remedy=remedy
            )
        rare = [label for label, count in zip(labels, own, strict=True) if 0 < count < FEW]
        if rare and split != "train":
            what = f"{counted(len(rare), 'label')} of {split} with under {FEW} examples: {_shown(rare)}"
            remedy = "expect wide intervals for them; a larger split would narrow them"
            yield AuditFinding(kind="rare-label", severity="note", what=what, found=len(rare), of=len(labels), remedy=remedy)
    yield from _imbalance(corpus, counts)
    yield from _shifted(corpus, counts)
    for pair in pairs:
        if pair.implied >= IMPLIED:
            yield AuditFinding(
                kind="implied-label",
                severity="note",
                what=f"{pair.implied:.0%} of the examples of the rarer of {pair.first} and {pair.second} bear the other too",
                found=pair.together,
                of=corpus.rows,
                remedy="ask whether both are needed",
            )


def _shown(names: list[str]) -> str:
    more = len(names) - SHOWN_LABELS
    return ", ".join(names[:SHOWN_LABELS]) + (f" and {more:,} more" if more > 0 else "")


def _imbalance(corpus: Corpus, counts: dict[str, NDArray[np.int64]]) -> Iterator[AuditFinding]:
    own, labels = counts["train"], corpus.dataset.labels
    there = np.flatnonzero(own)
    if not len(there):
        return
    most, least = int(there[np.argmax(own[there])]), int(there[np.argmin(own[there])])
    times = own[most] / own[least]
    if times >= IMBALANCE:
        yield AuditFinding(
            kind="imbalance",
            severity="note",
            what=f"{labels[most]} has {own[most]:,} training rows, {labels[least]} {own[least]:,}: {times:,.0f} times fewer",
            found=int(own[least]),
            of=int(own[most]),
            remedy="try class weights of the loss, or treatment.sampling of a recipe",
        )


def _shifted(corpus: Corpus, counts: dict[str, NDArray[np.int64]]) -> Iterator[AuditFinding]:
    trained = counts["train"] / corpus.dataset.size("train")
    for split in (split for split in counts if split != "train"):
        rows = corpus.dataset.size(split)
        difference = np.abs(counts[split] / rows - trained)
        chance = np.sqrt(trained * (1 - trained) * (1 / rows + 1 / corpus.dataset.size("train")))
        shifted = np.flatnonzero((difference >= SHIFTED) & (difference > SURPRISE * chance))
        if len(shifted):
            named = [
                f"{corpus.dataset.labels[label]} {counts[split][label] / rows:.0%}/{trained[label]:.0%}" for label in shifted
            ]
            yield AuditFinding(
                kind="shifted-label",
                severity="warning",
                what=f"{counted(len(shifted), 'label')} with another share in {split} than in train: {_shown(named)}",
                found=len(shifted),
                of=len(counts[split]),
                remedy="split anew, stratified by label, unless the difference is meant: thresholds are tuned on validation",
            )


def label_pairs(corpus: Corpus) -> list[LabelPair]:
    """Which labels stand together.

    Args:
        corpus: all rows.

    Returns:
        Pairs by how many examples bear both, the most first, at most thirty; and all of which one implies the other.
    """
    targets = corpus.targets
    together = (targets.T @ targets).tocoo()
    alone = np.asarray(targets.sum(axis=0)).ravel()
    rows, columns, values = together.coords[0], together.coords[1], together.data
    upper = rows < columns
    rows, columns, values = rows[upper], columns[upper], values[upper]
    implied = values / np.minimum(alone[rows], alone[columns])
    order = np.argsort(-values, kind="stable")
    chosen = list(order[:SHOWN_PAIRS])
    chosen += [place for place in order[SHOWN_PAIRS:] if implied[place] >= IMPLIED and values[place] >= IMPLIED_FROM]
    return [
        LabelPair(
            first=corpus.dataset.labels[rows[place]],
            second=corpus.dataset.labels[columns[place]],
            together=int(values[place]),
            lift=round(float(values[place] * corpus.rows / (alone[rows[place]] * alone[columns[place]])), 3),
            implied=round(float(implied[place]), 3),
        )
        for place in chosen[: 2 * SHOWN_PAIRS]
    ]
