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
        "headline": found.verdict.headline,
        "rest": found.verdict.paragraph.removeprefix(found.verdict.headline).split("\n")[1:],
        "claims": [_claim(claim) for claim in found.claims],
        "contrasts": [row for number, claim in enumerate(found.claims, start=1) for row in _contrasts(number, claim)],
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


def _contrasts(number: int, claim: ClaimAnswer) -> list[dict[str, Any]]:
    """The contrasts of a claim: above 0 exactly where it holds."""
    return [
        {
            "number": number,
            "contrast": part.contrast,
            "value": words.points(part.value),
            "span": words.span(part.low, part.high),
            "wide": words.span(part.wide_low, part.wide_high),
            "support": p_value(part.support),
            "refute": p_value(part.refute),
        }
        for part in claim.parts
    ]


def error_rate(found: Conclusions) -> str:
    """What the answers promise.

    Args:
        found: the conclusions.

    Returns:
        Sentences.
    """
    if not found.tasks:
        return "Nothing was tested, so nothing can be wrongly answered."
    if not found.inferential:
        return "Nothing that was claimed is about what to expect of recipes, so no p-value is given."
    noun = "statement" if found.inferential == 1 else "statements"
    total = sum(look.alpha for look in found.declared) or found.alpha
    over = f" and all {len(found.declared)} declared looks" if found.declared else ""
    return (
        f"Supported and refuted are both earned: over {found.inferential} {noun}{over} together, the chance of a single wrong "
        f"answer is to be at most {100 * total:g} % (Holm). Undecided means just that: neither was shown."
    )


def looks(found: Conclusions) -> str:
    """How often test was looked at.

    Args:
        found: the conclusions.

    Returns:
        Sentences.
    """
    if not found.looks:
        return "Test was not opened."
    opened = "once" if found.looks <= 1 else f"for {found.looks} different sets of trials"
    if not found.declared:
        text = f"Test was opened {opened}, after every trial had ended."
        if found.looks > 1:
            text += (
                " Each further look is another chance to be misled; the error rate above is that of one look that was planned."
            )
        return text
    shares = ", ".join(f"{look.seeds} seeds ({100 * look.alpha:g} %)" for look in found.declared)
    place = next((number for number, look in enumerate(found.declared, start=1) if look.seeds == found.seeds), 0)
    which = (
        f"This is look {place} of {len(found.declared)}."
        if place
        else f"At {found.seeds} seeds none was declared, so nothing is decided by them."
    )
    text = f"Looks were declared at {shares}. {which} Test was opened {opened}."
    if found.changed_looks:
        text += " The looks were declared, or changed, after test had first been opened: the error rate above does not hold."
    return text
