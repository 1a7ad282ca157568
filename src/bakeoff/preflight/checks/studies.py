"""Checks of the study itself: does it mean anything runnable, and can it decide anything."""

from __future__ import annotations

from collections.abc import Iterator

from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.subject import Subject

SEEDS_TO_DECIDE = 5


def look_at_faults(subject: Subject) -> Iterator[Finding]:
    """Every fault of the study file, and what only its plan shows.

    Args:
        subject: what is looked at.

    Yields:
        A finding for each fault.
    """
    for fault in subject.faults:
        place = f"{fault.file}:{fault.line}" if fault.line else fault.file
        allowed = fault.suggestion or fault.allowed or "a study that `bakeoff schema` describes"
        yield Finding(
            Severity.ERROR,
            " ".join(f"{fault.key}: {fault.problem}".split()) if fault.key else fault.problem,
            fault.value or "nothing",
            " ".join((fault.allowed or allowed).split()),
            f"in {place}, write {' '.join(allowed.split())}",
            f"{place}: {fault.key}" if fault.key else place,
        )


def look_at_seeds(subject: Subject) -> Iterator[Finding]:
    """Whether there are seeds enough to tell recipes apart.

    Args:
        subject: what is looked at.

    Yields:
        A warning for one seed, a note for two to four.
    """
    assert subject.study is not None
    count = len(set(subject.study.seeds))
    if len(subject.study.recipes) < 2 or count >= SEEDS_TO_DECIDE:
        return
    alone = count == 1
    yield Finding(
        Severity.WARNING if alone else Severity.NOTE,
        "one seed shows nothing of chance: no difference between recipes can be told from luck"
        if alone
        else f"{count} seeds show large differences between recipes at most",
        f"{count} seed{'s' if count > 1 else ''}",
        f"at least {SEEDS_TO_DECIDE} to decide",
        "--set 'seeds=[42, 1337, 2024, 7, 99]'; trials that are complete are not run again",
        "seeds",
    )


def look_at_baseline(subject: Subject) -> Iterator[Finding]:
    """Whether there is something to compare with.

    Args:
        subject: what is looked at.

    Yields:
        A note if no recipe is declared the baseline, or none does without a pretrained model.
    """
    study = subject.study
    assert study is not None
    if len(study.recipes) < 2:
        return
    if not study.baseline:
        first = next(iter(study.recipes))
        yield Finding(
            Severity.NOTE,
            "no recipe is declared the baseline: the report takes the best simple recipe",
            "no baseline",
            "the recipe that the others are compared with",
            f"--set baseline={first}",
            "baseline",
        )
    if all(recipe.model is not None for recipe in study.recipes.values()):
        yield Finding(
            Severity.NOTE,
            "no recipe does without a pretrained model: that one is needed at all is taken for granted",
            "only recipes with a pretrained model",
            "a simple recipe, such as tfidf",
            "--set recipes.tfidf.method=tfidf",
            "recipes",
        )


CHECKS = (
    Check("study", "the study has no faults", "nothing", look_at_faults),
    Check("seeds", "there are seeds enough to tell recipes apart", "study", look_at_seeds),
    Check("baseline", "there is something to compare with", "study", look_at_baseline),
)
