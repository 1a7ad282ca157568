"""Facts about datasets for `data list` and `data show`: plain values, for a command to print."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.catalog import registry
from bakeoff.catalog.cards import DatasetCard
from bakeoff.data.dataset import Dataset, open_dataset
from bakeoff.data.store import card_of, find_dataset, stored_fingerprints
from bakeoff.errors import DataError
from bakeoff.records.paths import Home


@dataclass(frozen=True)
class DatasetEntry:
    """One line of the list of datasets.

    Attributes:
        name: what a study writes.
        summary: one sentence.
        task: kind of task that it is for.
        terms: licence and owner.
        source: `packaged`, `hub` or `folder`: where it comes from.
        fingerprint: content that is stored, or empty if none is.
        rows: rows by split; of what is stored, else as published; empty if neither is known.
        problem: why what is stored cannot be read, or empty.
    """

    name: str
    summary: str
    task: str
    terms: str
    source: str
    fingerprint: str
    rows: dict[str, int]
    problem: str = ""


@dataclass(frozen=True)
class Lengths:
    """Lengths of texts.

    Attributes:
        mean: arithmetic mean.
        median: half are not longer.
        p95: 95 % are not longer.
        longest: the longest.
    """

    mean: float
    median: float
    p95: float
    longest: int


@dataclass(frozen=True)
class Example:
    """One row to show.

    Attributes:
        split: its split.
        id: its id.
        text: its text.
        labels: names of its labels.
    """

    split: str
    id: str
    text: str
    labels: list[str]


@dataclass(frozen=True)
class SplitFacts:
    """Facts about one split.

    Attributes:
        rows: number of rows.
        label_counts: rows that each label applies to.
        labels_per_row: mean.
        characters: lengths of texts in Unicode characters.
        words: lengths of texts in words, separated by white space.
        empty_texts: texts of nothing but white space.
        repeated_texts: rows whose text stands in the split before them.
        dropped: lines that became no row, by reason.
    """

    rows: int
    label_counts: dict[str, int]
    labels_per_row: float
    characters: Lengths
    words: Lengths
    empty_texts: int
    repeated_texts: int
    dropped: dict[str, int]


@dataclass(frozen=True)
class DatasetDescription:
    """All that `data show` tells.

    Attributes:
        name: the dataset's name.
        summary: one sentence.
        origin: who published it.
        fingerprint: hash of its content.
        folder: where it is stored.
        terms: licence and owner.
        splitting: how splits were drawn that its owner does not publish; empty where none was.
        published: rows by split as its owner publishes them; empty where that is not known.
        metrics: what its owner's leaderboard reports.
        labels: label names.
        splits: facts by split.
        examples: some rows.
        ids_in_several_splits: ids that more than one split has.
        sources: hash of each raw file.
    """

    name: str
    summary: str
    origin: str
    fingerprint: str
    folder: str
    terms: str
    splitting: str
    published: dict[str, int]
    metrics: list[str]
    labels: list[str]
    splits: dict[str, SplitFacts]
    examples: list[Example]
    ids_in_several_splits: int
    sources: dict[str, str]


def list_datasets(home: Home) -> list[DatasetEntry]:
    """Every dataset of the catalog, stored or not, and the user's own. Stores nothing.

    Args:
        home: where datasets are kept.

    Returns:
        One entry a dataset, in the catalog's order, then the user's own.
    """
    cards = [card for card in registry.cards("dataset").values() if isinstance(card, DatasetCard)]
    names = {card.name for card in cards}
    places = sorted(home.datasets.iterdir()) if home.datasets.is_dir() else []
    own = [place.name for place in places if not place.name.startswith(".") and place.name not in names]
    return [_entry(home, card) for card in (*cards, *(card_of(home, name) for name in own if stored_fingerprints(home, name)))]


def _entry(home: Home, card: DatasetCard) -> DatasetEntry:
    source = "packaged" if card.packaged else ("hub" if card.hub else "folder")
    fingerprint, rows, problem = "", dict(card.expected), ""
    if stored_fingerprints(home, card.name):
        try:
            dataset = find_dataset(home, card.name)
            fingerprint, rows = dataset.fingerprint, {split: dataset.size(split) for split in dataset.splits}
        except DataError as error:
            problem = error.what
    return DatasetEntry(card.name, card.summary, card.task, card.terms, source, fingerprint, rows, problem)


@dataclass(frozen=True)
class Verified:
    """A stored dataset after every byte of it was hashed.

    Attributes:
        name: its name.
        fingerprint: its folder's name.
        problem: what is wrong with it; empty if it is whole.
        remedy: what to do then.
    """

    name: str
    fingerprint: str
    problem: str = ""
    remedy: str = ""


def verify_datasets(home: Home, name: str | None = None) -> list[Verified]:
    """Hash every byte of stored datasets.

    Args:
        home: where datasets are kept.
        name: which; None means all that are stored.

    Returns:
        One entry for each content that is stored.

    Raises:
        CatalogError: if no dataset bears the name.
        DataError: if the dataset is not stored.
    """
    names = [registry.dataset(name).name] if name else list(registry.cards("dataset"))
    found = []
    for each in names:
        for fingerprint in stored_fingerprints(home, each):
            try:
                open_dataset(home.datasets / each / fingerprint, verify=True)
            except DataError as error:
                found.append(Verified(each, fingerprint, error.what, error.remedy))
            else:
                found.append(Verified(each, fingerprint))
    if name and not found:
        raise DataError(f"the dataset {name} is not stored", str(home.datasets / name), f"bakeoff data fetch {name}")
    return found


def describe_dataset(dataset: Dataset, examples: int = 3) -> DatasetDescription:
    """Facts about a stored dataset.

    Args:
        dataset: the dataset.
        examples: how many rows to show, spread over the train split.

    Returns:
        The facts.
    """
    known = registry.cards("dataset").get(dataset.name)
    card = known if isinstance(known, DatasetCard) else DatasetCard(name=dataset.name, summary="your own data")
    return DatasetDescription(
        name=dataset.name,
        summary=card.summary,
        origin=card.source,
        fingerprint=dataset.fingerprint,
        folder=str(dataset.folder),
        terms=str(dataset.card["terms"]),
        splitting=str(dataset.card.get("splitting", "")),
        published=dict(card.published or card.expected),
        metrics=list(card.metrics),
        labels=list(dataset.labels),
        splits={split: _split_facts(dataset, split) for split in dataset.splits},
        examples=_examples(dataset, "train", examples),
        ids_in_several_splits=int(dataset.card["ids_in_several_splits"]),
        sources=dict(dataset.card["sources"]),
    )


def _split_facts(dataset: Dataset, split: str) -> SplitFacts:
    body = dataset.card["splits"][split]
    texts = dataset.texts(split)
    words = [len(text.split()) for text in texts]
    return SplitFacts(
        rows=len(texts),
        label_counts=dict(body["label_counts"]),
        labels_per_row=sum(body["label_counts"].values()) / len(texts),
        characters=_lengths([len(text) for text in texts]),
        words=_lengths(words),
        empty_texts=words.count(0),
        repeated_texts=len(texts) - len(set(texts)),
        dropped=dict(body["dropped"]),
    )


def _lengths(values: list[int]) -> Lengths:
    median, p95 = np.percentile(values, [50, 95], method="inverted_cdf")
    return Lengths(float(np.mean(values)), float(median), float(p95), max(values))


def _examples(dataset: Dataset, split: str, count: int) -> list[Example]:
    size = dataset.size(split)
    rows = np.unique(np.linspace(0, size - 1, num=max(0, min(count, size)), dtype=np.int64))
    targets = dataset.targets(split, rows)
    return [
        Example(split, row_id, text, [label for label, applies in zip(dataset.labels, line, strict=True) if applies])
        for row_id, text, line in zip(dataset.ids(split, rows), dataset.texts(split, rows), targets, strict=True)
    ]
