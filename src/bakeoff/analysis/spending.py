"""How a study spends its error rate: in one look at test, or in several that it declares in advance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.stats.looks import Looks

ALPHA = 0.05
"""Error rate of a wrong answer, over all inferential claims of a study and all its declared looks together."""


@dataclass(frozen=True)
class Spending:
    """How the error rate is spent.

    Attributes:
        seeds: seeds of each recipe in this look.
        looks: the declared looks; None where one look spends everything.
    """

    seeds: int
    looks: Looks | None = None

    @property
    def is_declared(self) -> bool:
        """Whether this look is one of those that were declared, or the only one."""
        return self.looks is None or self.seeds in self.looks.seeds

    @property
    def alpha(self) -> float:
        """What this look may spend: nothing, if looks were declared and this is none of them."""
        if self.looks is None:
            return ALPHA
        return self.looks.alpha_at(self.seeds) if self.is_declared else 0.0

    @property
    def level(self) -> float:
        """Coverage of intervals that are to hold together in this look; those of a look that spends nothing are usual ones."""
        return 1 - (self.alpha or ALPHA)

    @property
    def all(self) -> list[Spending]:
        """All declared looks, those to come included; none where one look spends everything."""
        return [] if self.looks is None else [Spending(count, self.looks) for count in self.looks.seeds]

    @property
    def earlier(self) -> list[Spending]:
        """The declared looks before this one. Each has spent its share, whether somebody looked or not."""
        return [look for look in self.all if look.seeds < self.seeds]


def read_spending(study: Mapping[str, Any], seeds: int, notes: list[str]) -> Spending:
    """How a study spends its error rate.

    Args:
        study: the resolved study as it stands in the run folder.
        seeds: seeds of each recipe.
        notes: gets a line if the declaration cannot be read.

    Returns:
        The spending; of looks that cannot be read, one look.
    """
    written = study.get("looks")
    if written is None:
        return Spending(seeds)
    try:
        return Spending(seeds, Looks(tuple(written["seeds"]), tuple(float(alpha) for alpha in written["alphas"]), ALPHA))
    except (TypeError, KeyError, ValueError) as error:
        notes.append(f"the declared looks cannot be read, so this counts as the only one: {error}")
        return Spending(seeds)
