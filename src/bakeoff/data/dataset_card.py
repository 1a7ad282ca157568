"""The card of a dataset as it was used: sources, terms, counts, what was dropped, treatments, fingerprint."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bakeoff.data.dataset import Dataset

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
    card = dataset.card
    parts = [
        f"# {_safe(dataset.name)}",
        f"Terms: {_safe(card['terms'] or 'not stated')}.",
        f"Fingerprint of all texts, labels and splits: `{dataset.fingerprint}`.",
        "## Splits",
        _table(("split", "examples", "dropped"), [_split_row(split, body) for split, body in card["splits"].items()]),
        f"How they were made: {_safe(card['splitting'] or 'by the owner of the data')}.",
    ]
    if card["ids_in_several_splits"]:
        parts.append(f"{card['ids_in_several_splits']:,} ids stand in more than one split.")
    parts += _sources(card)
    parts += ["## Labels", *_labels(dataset)]
    if treatments:
        rows = [(recipe, said) for recipe, said in treatments.items()]
        parts += ["## What recipes do to the training examples", _table(("recipe", "treatment"), rows)]
    return "\n\n".join(parts) + "\n"


def _split_row(split: str, body: Mapping[str, Any]) -> Sequence[str]:
    dropped = "; ".join(f"{count:,} {why}" for why, count in body["dropped"].items())
    return split, f"{body['rows']:,}", dropped or "none"


def _sources(card: Mapping[str, Any]) -> list[str]:
    accounts = card.get("accounts", [])
    if accounts:
        rows = [
            (
                account["name"],
                f"{account['dataset']} `{account['fingerprint'][:12]}`",
                ", ".join(f"{split} {count:,}" for split, count in account["rows"].items()),
                f"{account['map']['name']}@{account['map']['version']}" if account["map"] else "as they are",
                f"{account['context']['turns']} turns before" if account["context"] else "none",
                account["terms"],
            )
            for account in accounts
        ]
        return ["## Sources", _table(("source", "dataset", "examples", "labels by", "context", "terms"), rows)]
    return ["## Files", _table(("file", "SHA-256"), [(name, f"`{digest}`") for name, digest in card["sources"].items()])]


def _labels(dataset: Dataset) -> list[str]:
    counts = {split: body["label_counts"] for split, body in dataset.card["splits"].items()}
    first = next(iter(counts.values()))
    order = sorted(dataset.labels, key=lambda label: (-first[label], label))
    rows = [(label, *(f"{some[label]:,}" for some in counts.values())) for label in order[:SHOWN_LABELS]]
    said = [_table(("label", *counts), rows)]
    if len(order) > SHOWN_LABELS:
        said.append(f"{len(order) - SHOWN_LABELS:,} rarer labels are not shown.")
    if dataset.patterns:
        said.append("Not every label is annotated in every source; what is not annotated counts in no loss and no metric.")
    return said


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *([_safe(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _safe(text: str) -> str:
    """A text that is neither markup nor another cell, wherever it is shown."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("[", "\\[")
