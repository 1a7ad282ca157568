"""What an audit is asked to do, and how a finding is put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bakeoff.data.audit.likeness import SIMILARITY

Progress = Callable[[str], None]
"""Told what is being looked at."""


def nobody(_: str) -> None:
    """Hears nothing."""


@dataclass(frozen=True)
class AuditOptions:
    """What an audit is asked to do.

    Attributes:
        similarity: from where on texts count as near duplicates, from 0 to 1.
        noise: whether labels are doubted, which takes the longest.
        examples: cases kept of each finding.
    """

    similarity: float = SIMILARITY
    noise: bool = True
    examples: int = 20


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    Args:
        count: how many.
        noun: of one of them.

    Returns:
        Such as `1 text`, `2,000 texts`.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def share(found: int, of: int) -> float:
    """A part of a whole.

    Args:
        found: the part.
        of: the whole.

    Returns:
        From 0 to 1; 0 of nothing.
    """
    return found / of if of else 0.0
