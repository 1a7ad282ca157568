"""The card of a dataset as Markdown: sources, terms, counts, what was dropped, treatments, fingerprint."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

from bakeoff.data.dataset import Dataset
from bakeoff.records.data_cards import CardSplit, DataCard

SHOWN_LABELS = 100
"""Labels in the table of counts; the rarest of more are left to `bakeoff data show`."""


def card_text(dataset: Dataset, treatments: Mapping[str, str] | None = None) -> str:
    """Write the card.

    Args:
        dataset: the dataset.
        treatments: of a study, what each recipe does to the training examples, in words, by recipe.

    Returns:
        Markdown; texts of the data themselves are not in it.
    """
    card = DataCard.of(dataset.card)
    parts = [
        f"# {_safe(card.dataset)}",
        f"Terms: {_safe(card.terms or 'not stated')}.",
        f"Fingerprint of all texts, labels and splits: `{card.fingerprint}`.",
        "## Splits",
        _table(("split", "examples", "dropped"), [_split_row(split, body) for split, body in card.splits.items()]),
        f"How they were made: {_safe(card.splitting or 'by the owner of the data')}.",
    ]
    if card.shared_ids:
        parts.append(f"{card.shared_ids:,} ids stand in more than one split.")
    parts += _sources(card)
    parts += ["## Labels", *_labels(card)]
    if treatments:
        rows = [(recipe, said) for recipe, said in treatments.items()]
        parts += ["## What recipes do to the training examples", _table(("recipe", "treatment"), rows)]
    return "\n\n".join(parts) + "\n"


def _split_row(split: str, body: CardSplit) -> Sequence[str]:
    dropped = "; ".join(f"{count:,} {why}" for why, count in body.dropped.items())
    return split, f"{body.rows:,}", dropped or "none"


def _sources(card: DataCard) -> list[str]:
    if card.sources:
        rows = [
            (
                source.name,
                f"{source.dataset} `{source.fingerprint[:12]}`",
                ", ".join(f"{split} {count:,}" for split, count in source.rows.items()),
                source.map or "their own names",
                f"{source.turns} turns before" if source.turns else "none",
                source.terms,
            )
            for source in card.sources
        ]
        return ["## Sources", _table(("source", "dataset", "examples", "labels by", "context", "terms"), rows)]
    return ["## Files", _table(("file", "SHA-256"), [(name, f"`{digest}`") for name, digest in card.files.items()])]


def _labels(card: DataCard) -> list[str]:
    counts = {split: body.label_counts for split, body in card.splits.items()}
    first = next(iter(counts.values()))
    order = sorted(first, key=lambda label: (-first[label], label))
    rows = [(label, *(f"{some[label]:,}" for some in counts.values())) for label in order[:SHOWN_LABELS]]
    said = [_table(("label", *counts), rows)]
    if len(order) > SHOWN_LABELS:
        said.append(f"{len(order) - SHOWN_LABELS:,} rarer labels are not shown.")
    if card.partly:
        said.append("Not every label is annotated in every example; what is not annotated counts in no loss and no metric.")
    return said


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *([_safe(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _safe(text: str) -> str:
    """A text that is neither markup nor another cell, wherever it is shown."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("[", "\\[")
