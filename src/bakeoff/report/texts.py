"""What a report shows of example texts: they are a user's, so nothing of them unless asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Show(StrEnum):
    """How much of an example stands in a report."""

    NONE = "none"
    """Neither text nor id."""
    IDS = "ids"
    """The id alone."""
    ALL = "all"
    """Id and text."""


@dataclass(frozen=True)
class ExampleTexts:
    """What may be shown of the examples that an analysis names.

    Attributes:
        show: how much of them.
        texts: text by id, by task's name; what stands in it is shown with `all` alone.
        note: why less is shown than is usual for the data; empty otherwise.
    """

    show: Show = Show.NONE
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    note: str = ""
