"""The labels of one dataset told in those of a task, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bakeoff.catalog.registry import nearest
from bakeoff.data.dataset import Dataset
from bakeoff.errors import DataError
from bakeoff.records.compositions import LabelMap, Source


class Told(NamedTuple):
    """The labels of one row.

    Attributes:
        labels: positions of the task's labels that hold, ascending.
        annotated: positions of those that are decided at all, ascending; None means all.
        left_out: a label of the row for which it is left out; empty if it stays.
    """

    labels: tuple[int, ...]
    annotated: tuple[int, ...] | None = None
    left_out: str = ""


@dataclass(frozen=True)
class Mapping:
    """From positions in a dataset's labels to positions in a task's.

    Attributes:
        names: the dataset's labels.
        width: number of the task's labels.
        sure: for each position the labels that hold with it.
        possible: for each position the labels of which one or more hold with it.
        dropped: positions whose rows are left out.
        annotated: the task's labels that the dataset's annotators decided on.
        known: what was found for a set of positions, and of those that are decided.
    """

    names: tuple[str, ...]
    width: int
    sure: tuple[tuple[int, ...], ...]
    possible: tuple[tuple[int, ...], ...]
    dropped: frozenset[int]
    annotated: tuple[int, ...]
    known: dict[tuple[tuple[int, ...], tuple[int, ...] | None], Told] = field(default_factory=dict, compare=False)

    def of(self, positions: tuple[int, ...], annotated: tuple[int, ...] | None = None) -> Told:
        """The labels of one row in those of the task.

        Args:
            positions: its labels in the dataset.
            annotated: the dataset's labels that are decided in this row; None means all.

        Returns:
            What is known of it. What one of the dataset's undecided labels would bring is not decided either.
        """
        key = (positions, annotated)
        if key not in self.known:
            self.known[key] = self._of(positions, annotated)
        return self.known[key]

    def _of(self, positions: tuple[int, ...], annotated: tuple[int, ...] | None) -> Told:
        lost = next((self.names[place] for place in positions if place in self.dropped), "")
        if lost:
            return Told((), None, lost)
        labels = {target for place in positions for target in self.sure[place]}
        open_ = {target for place in positions for target in self.possible[place]} - labels
        if annotated is not None:
            silent = set(range(len(self.names))) - set(annotated)
            open_ |= {target for place in silent for target in (*self.sure[place], *self.possible[place])}
        decided = (set(self.annotated) - open_) | labels
        return Told(tuple(sorted(labels)), None if len(decided) == self.width else tuple(sorted(decided)))


def target_labels(sources: Sequence[Source], datasets: Sequence[Dataset]) -> tuple[str, ...]:
    """The labels of a task: those that its maps tell in, else those of all its sources together.

    Args:
        sources: the sources.
        datasets: their datasets.

    Returns:
        Label names in order.

    Raises:
        DataError: if a source without a map has labels that the others' map does not know.
    """
    told = next((source.map.to for source in sources if source.map is not None), None)
    if told is None:
        return tuple(dict.fromkeys(label for dataset in datasets for label in dataset.labels))
    for source, dataset in zip(sources, datasets, strict=True):
        strange = [label for label in dataset.labels if label not in told]
        if source.map is None and strange:
            raise DataError(
                f"{dataset.name} has the label {strange[0]!r}, which is none of the task's: {', '.join(told[:8])}",
                source.name,
                "give this source a map (`bakeoff data maps` lists those that are there)",
            )
    return tuple(told)


def make_mapping(source: Source, dataset: Dataset, labels: tuple[str, ...]) -> Mapping:
    """How a source's labels are told in a task's.

    Args:
        source: the source.
        dataset: its dataset.
        labels: the task's labels.

    Returns:
        The mapping.

    Raises:
        DataError: if the map does not fit the dataset's labels.
    """
    place = {label: number for number, label in enumerate(labels)}
    if source.map is None:
        own = tuple((place[label],) for label in dataset.labels)
        annotated = tuple(sorted(place[label] for label in dataset.labels))
        return Mapping(dataset.labels, len(labels), own, ((),) * len(own), frozenset(), annotated)
    _check_map(source.map, dataset)
    sure, possible = (
        tuple(tuple(place[target] for target in said.get(label, ())) for label in dataset.labels)
        for said in (source.map.sure, source.map.possible)
    )
    dropped = frozenset(dataset.labels.index(label) for label in source.map.dropped)
    return Mapping(dataset.labels, len(labels), sure, possible, dropped, tuple(place[label] for label in source.map.annotated))


def _check_map(told: LabelMap, dataset: Dataset) -> None:
    """A map speaks of every label of the dataset, and of no other."""
    strange = [label for label in told.mentioned if label not in dataset.labels]
    if strange:
        near = nearest(strange[0], list(dataset.labels))
        remedy = f"did you mean {near}?" if near else f"its labels: {', '.join(dataset.labels[:20])}"
        raise DataError(f"{dataset.name} has no label {strange[0]!r}", f"the label map {told.name}", remedy)
    silent = [label for label in dataset.labels if label not in told.mentioned]
    if silent:
        raise DataError(
            f"the map does not say what becomes of {', '.join(map(repr, silent[:8]))} of {dataset.name}",
            f"the label map {told.name}",
            "name each label of the dataset under labels, unmapped or drop",
        )
