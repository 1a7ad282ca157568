"""What the page shows of the verdict, arranged for the template. Everything stands in the analysis."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.model import Analysis
from bakeoff.analysis.verdict_model import ClaimAnswer, Conclusions
from bakeoff.report import words

SMALL_P = 0.001


def p_value(value: float | None) -> str:
    """A p-value.

    Args:
        value: the value; None where there is none.

    Returns:
        Three decimals, or that it is below 0.001.
    """
    if value is None:
        return words.NOTHING
    return "< 0.001" if value < SMALL_P else f"{value:.3f}"


def verdict_view(analysis: Analysis) -> dict[str, Any] | None:
    """Everything that the template needs of the verdict.

    Args:
        analysis: the analysis.

    Returns:
        Sentences and tables by name; None while test stays closed.
    """
    found = analysis.conclusions
    if found is None:
        return None
    return {
        "colour": found.verdict.colour,
        "paragraph": found.verdict.paragraph,
        "claims": [_claim(claim) for claim in found.claims],
        "conditions": found.verdict.conditions,
        "declared": found.verdict.declared,
        "capped": found.verdict.capped,
        "expectations": found.expectations,
        "error_rate": error_rate(found),
        "looks": looks(found),
    }


def _claim(claim: ClaimAnswer) -> dict[str, Any]:
    return {
        "text": claim.text,
        "where": "main claim" if claim.main else "" if claim.source == "claims" else f"in the rule of {claim.source}",
        "answer": claim.answer,
        "p": p_value(claim.corrected) if claim.inferential else "observed",
        "reason": claim.reason,
        "next": claim.next,
    }


def error_rate(found: Conclusions) -> str:
    """What the answers promise.

    Args:
        found: the conclusions.

    Returns:
        A sentence.
    """
    if not found.inferential:
        return "Nothing that was claimed is about what to expect of recipes, so no p-value is given."
    noun = "statement" if found.inferential == 1 else "statements"
    return (
        f"Supported and refuted are both earned: over {found.inferential} {noun} together, the chance of a single wrong answer "
        f"is to be at most {100 * found.alpha:g} % (Holm). Undecided means just that: neither was shown."
    )


def looks(found: Conclusions) -> str:
    """How often test was looked at.

    Args:
        found: the conclusions.

    Returns:
        A sentence.
    """
    if found.looks <= 1:
        return "Test was opened once, after every trial had ended."
    return (
        f"Test was opened for {found.looks} different sets of trials. Each further look is another chance to be misled; the "
        "error rate above is that of one look that was planned."
    )
