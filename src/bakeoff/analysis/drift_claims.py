"""Claims of a study about drift: answered by what `bakeoff drift` has measured, and undecided before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bakeoff.analysis.drift_model import Drift, DriftClaim
from bakeoff.errors import FormatError
from bakeoff.records.paths import RunFolder
from bakeoff.stats.sides import Sided
from bakeoff.study.claims import Claim, DriftsLess

Drifts = Mapping[DriftsLess, DriftClaim]
"""What was measured, by statement."""
REMEDY = "`bakeoff drift RUN` measures it: the models must have been kept (`keep: all`)"


def read_drift(run: RunFolder, notes: list[str]) -> Drift | None:
    """What was measured of a run's drift.

    Args:
        run: the run.
        notes: gets a line where the file cannot be read.

    Returns:
        The drift; None where nothing was measured.
    """
    if not run.drift.is_file():
        return None
    try:
        return Drift.read(run.drift)
    except (FormatError, ValueError) as error:
        notes.append(f"{run.drift.name} cannot be read, so claims about drift stay undecided: {error}")
        return None


def declared(claims: Iterable[Claim]) -> list[DriftsLess]:
    """The statements about drift in claims.

    Args:
        claims: of a study.

    Returns:
        The statements, each once.
    """
    return list(dict.fromkeys(part for claim in claims for part in claim.parts if isinstance(part, DriftsLess)))


def measured(drift: Drift | None, claims: Iterable[Claim]) -> dict[DriftsLess, DriftClaim]:
    """What was measured of the statements of claims.

    Args:
        drift: what was measured; None for nothing.
        claims: of a study.

    Returns:
        What `bakeoff drift` found, by statement; one that was not measured is left out.
    """
    found = {(one.claim, one.task): one for one in drift.claims} if drift is not None else {}
    wanted = {part: (part.words, part.task) for part in declared(claims)}
    return {part: found[key] for part, key in wanted.items() if key in found}


def drift_sides(found: DriftClaim | None) -> Sided:
    """Both sides of a statement about drift.

    Args:
        found: what was measured; None for nothing.

    Returns:
        One-sided p-values; both 1 where nothing is known.
    """
    if found is None or not found.p < 1:
        return Sided(1.0, 1.0)
    small, large = found.p / 2, 1 - found.p / 2
    return Sided(small, large) if found.contrast.mean > 0 else Sided(large, small)


def drift_facts(claim: Claim, drifts: Drifts) -> str:
    """What was found of a claim about drift, in words.

    Args:
        claim: any claim.
        drifts: what was measured.

    Returns:
        A sentence; empty for a claim about something else.
    """
    parts = [part for part in claim.parts if isinstance(part, DriftsLess)]
    return "; ".join(_fact(part, drifts.get(part)) for part in parts)


def _fact(part: DriftsLess, found: DriftClaim | None) -> str:
    if found is None:
        return f"drift of {part.recipe} and {part.rival} on {part.task} was not measured"
    weight = f"{1 - part.share:.10g} times " if part.share else ""
    spread = found.contrast
    return (
        f"{weight}the drift of {part.rival} less that of {part.recipe} on {part.task} is {spread.mean:.4f} "
        f"({spread.low:.4f} to {spread.high:.4f})"
    )


def drift_next(claim: Claim, drifts: Drifts) -> str:
    """What would answer a claim about drift that is undecided.

    Args:
        claim: any claim.
        drifts: what was measured.

    Returns:
        The remedy; empty for a claim about something else.
    """
    parts = declared([claim])
    if not parts:
        return ""
    return REMEDY if any(part not in drifts for part in parts) else "more seeds: intervals of drift rest on few of them"
