"""What a task's data are put together from: sources, label maps, context. A study asks for it, and data make it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.records.files import canonical_json, sha256_bytes
from bakeoff.records.specs import Spec

SHOWN_SOURCES = 3
LONGEST_NAME = 60


class LabelMap(Spec):
    """How the labels of one set are told in another.

    A row gets every label that `sure` names for one of its own. Of those that `possible` names at least one holds, but not
    which: they are not annotated in that row, unless another of its labels makes one of them sure. A label that is not among
    `annotated` says nothing in any row of the source: there it counts in no loss and in no metric.

    Attributes:
        name: what it is called.
        version: rises when its content changes.
        origin: who says so.
        to: the label names that are mapped to, in order.
        sure: for each label of the source the labels that hold with it.
        possible: for each label of the source the labels of which one or more hold with it.
        unmapped: labels of the source that no label stands for; rows keep what else they have.
        dropped: labels of the source whose rows are left out.
        annotated: labels that the source's annotators decided on, in the order of `to`.
    """

    name: str
    version: int = 1
    origin: str = ""
    to: list[str]
    sure: dict[str, list[str]] = Field(default_factory=dict)
    possible: dict[str, list[str]] = Field(default_factory=dict)
    unmapped: list[str] = Field(default_factory=list)
    dropped: list[str] = Field(default_factory=list)
    annotated: list[str]

    @property
    def mentioned(self) -> list[str]:
        """The labels of the source that it says something of, each once."""
        return list(dict.fromkeys([*self.sure, *self.possible, *self.unmapped, *self.dropped]))

    @property
    def content_hash(self) -> str:
        """64 hexadecimal digits of what it does; its name and origin do nothing."""
        return sha256_bytes(canonical_json(self.model_dump(exclude={"name", "origin"})).encode())


class Context(Spec):
    """Preceding turns of a dialogue as a part of the input.

    They are the row's second text, the turn before it first, so that it is the oldest that a limit of length cuts.

    Attributes:
        turns: how many at most.
        separator: what stands between two of them.
    """

    turns: int = Field(ge=1)
    separator: str


class Source(Spec):
    """One dataset as a part of a task's data.

    Attributes:
        name: what it is called in the task.
        dataset: the dataset's name.
        map: how its labels are told in the task's; None if they are the task's.
        context: preceding turns as input; None for none.
        train_limit: examples drawn from its train split, a number or a share such as `10%`; None means all.
        validation_limit: the same for validation.
        test_limit: the same for test.
    """

    name: str
    dataset: str
    map: LabelMap | None = None
    context: Context | None = None
    train_limit: int | str | None = None
    validation_limit: int | str | None = None
    test_limit: int | str | None = None


class Composition(Spec):
    """All sources of a task.

    Attributes:
        kind: the kind of task: where labels exclude one another, only rows with just one of them are kept.
        sources: the sources in order.
        data_seed: governs which examples the limits draw.
    """

    kind: Literal["multilabel", "single-label"]
    sources: list[Source] = Field(min_length=1)
    data_seed: int = 0

    @property
    def definition_hash(self) -> str:
        """64 hexadecimal digits of all that it asks for, a map by what it does."""
        body = self.model_dump()
        for entry, source in zip(body["sources"], self.sources, strict=True):
            entry["map"] = source.map and source.map.content_hash
        return sha256_bytes(canonical_json(body).encode())

    @property
    def name(self) -> str:
        """The name under which the data are stored: the sources' datasets and the beginning of the hash."""
        names = [source.dataset for source in self.sources]
        shown = "+".join(names[:SHOWN_SOURCES]) + (f"+{len(names) - SHOWN_SOURCES}" if len(names) > SHOWN_SOURCES else "")
        return f"{shown[:LONGEST_NAME]}-{self.definition_hash[:8]}"
