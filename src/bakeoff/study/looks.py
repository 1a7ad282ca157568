"""Looks at test that are declared in advance: how many seeds each has, and what share of the error rate it spends."""

from __future__ import annotations

import itertools
import math
from typing import Annotated

from pydantic import Field

from bakeoff.study.entries import Entry
from bakeoff.study.faults import Faults
from bakeoff.study.tree import Node

MOST = 0.05
"""What the looks of a study may spend together."""
USUAL = "such as seeds: [4, 6, 10] with alphas: [0.015, 0.015, 0.02]"


class Looks(Entry):
    """Looks at test that are declared in advance.

    Attributes:
        seeds: seeds of each recipe at each look, rising, from 2 on.
        alphas: what each look spends of the error rate; together at most 0.05.
    """

    seeds: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)]
    alphas: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]


def check_looks(root: Node, faults: Faults) -> None:
    """Check that declared looks fit together.

    Args:
        root: the study's tree.
        faults: where faults are recorded.
    """
    looks = root.at("looks")
    seeds, alphas = (looks.at(key) if looks else None for key in ("seeds", "alphas"))
    if seeds is None or alphas is None or not (seeds.items and alphas.items):
        return  # what is missing is a fault of the shape
    counts, shares = ([item.value for item in node.items if isinstance(item.value, int | float)] for node in (seeds, alphas))
    if len(seeds.items) != len(alphas.items):
        faults.add(alphas, f"{len(counts)} looks need as many alphas, found {len(shares)}", USUAL)
    if any(later <= earlier for earlier, later in itertools.pairwise(counts)):
        faults.add(seeds, "the numbers of seeds must rise from look to look", USUAL)
    if math.fsum(shares) > MOST * (1 + 1e-9):
        faults.add(alphas, f"the looks spend {math.fsum(shares):g} together", f"at most {MOST}, {USUAL}")
