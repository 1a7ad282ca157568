"""Claims about recipes that fell in an earlier phase: they have no test scores, and are not in the last phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bakeoff.records.decisions import Decision
from bakeoff.study.claims import Beats, Claim, DriftsLess, NoWorse, Several, Single, TakesLess, Within

Fallen = Mapping[tuple[str, str], str]
"""The phase in which a recipe fell on a task, by recipe and task."""


def fallen_before(decisions: Iterable[Decision], place: int) -> dict[tuple[str, str], str]:
    """What fell before a phase.

    Args:
        decisions: of a study, in the order of its phases.
        place: which phase it is, from 1.

    Returns:
        The phase in which each recipe fell, by recipe and task.
    """
    return {pair: one.phase for one in decisions if one.place < place for pair in sorted(one.fallen)}


def left_of(claim: Claim, fallen: Fallen) -> Claim | str:
    """What of a claim can still be answered.

    An "any of" goes on with the recipes that are left: which these are was decided without test, by a rule declared before.

    Args:
        claim: the claim.
        fallen: recipes that fell.

    Returns:
        The claim about what is left; or why nothing is left to be answered, in words.
    """
    gone = {part: reason for part in claim.parts if (reason := _gone(part, fallen))}
    if not gone:
        return claim
    statement = claim.statement
    rest = tuple(part for part in claim.parts if part not in gone)
    if isinstance(statement, Several) and statement.how == "any" and rest:
        return replace(claim, statement=replace(statement, parts=rest))
    return "; ".join(dict.fromkeys(gone.values()))


def _gone(part: Single, fallen: Fallen) -> str:
    names = [name for name in (getattr(part, "recipe", ""), _rival(part)) if name]
    task = part.task if isinstance(part, TakesLess | DriftsLess) else part.measure.task if hasattr(part, "measure") else ""
    for (recipe, where), phase in fallen.items():
        if recipe in names and task in ("", where):
            return f"{recipe} fell in the phase {phase}, by validation scores alone, and has no test scores"
    return ""


def _rival(part: Single) -> str:
    rival = part.rival if isinstance(part, Beats | Within | NoWorse | TakesLess | DriftsLess) else ""
    return rival if isinstance(rival, str) else ""
