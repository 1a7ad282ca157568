"""Findings about texts that stand more than once: leaks between splits, duplicates, conflicting labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.corpus import Corpus
from bakeoff.data.audit.likeness import Likeness
from bakeoff.data.audit.options import AuditOptions, counted, share
from bakeoff.records.audits import AuditExample, AuditFinding, Severity

LEAKED_ERROR, LEAKED_WARNING = 0.5, 0.02
"""Share of a split's longer texts that stand in train: from the first on it is no test, from the second on it flatters."""
CONFLICT_WARNING, DUPLICATE_WARNING = 0.01, 0.05
EVALUATED = ("validation", "test")


def leaks(corpus: Corpus, likeness: Likeness, options: AuditOptions) -> Iterator[AuditFinding]:
    """Texts of validation and test that were trained on, as they are or nearly so.

    Args:
        corpus: all rows.
        likeness: which texts are alike.
        options: how many cases are kept.

    Yields:
        A finding for each split and kind that has some.
    """
    train = np.zeros(corpus.rows, dtype=bool)
    train[corpus.members("train")] = True
    long = likeness.long[likeness.bare]
    first = _first_of(likeness.exact, train)
    near = _near_trained(likeness, train)
    for split in (split for split in EVALUATED if split in corpus.offsets):
        rows = np.arange(corpus.rows)[corpus.members(split)]
        of = int(long[rows].sum())
        exact = rows[(first[likeness.exact[rows]] >= 0) & long[rows]]
        yield from _leak(
            corpus, "leak", split, of, [(int(row), int(first[likeness.exact[row]]), 1.0) for row in exact], options
        )
        told = set(exact.tolist())
        nearly = [(int(row), *near[bare]) for row in rows if (bare := int(likeness.bare[row])) in near and row not in told]
        yield from _leak(corpus, "near-leak", split, of, sorted(nearly, key=lambda case: -case[2]), options)


def _first_of(numbers: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first chosen row of each number; -1 for none."""
    first = np.full(int(numbers.max(initial=-1)) + 1, -1, dtype=np.int64)
    rows = np.flatnonzero(chosen)[::-1]
    first[numbers[rows]] = rows
    return first


def _near_trained(likeness: Likeness, train: NDArray[np.bool_]) -> dict[int, tuple[int, float]]:
    """For each longer bare text that is nearly one of train: the most alike row of train, and how alike it is."""
    first = _first_of(likeness.bare, train)
    found: dict[int, tuple[int, float]] = {
        int(bare): (int(first[bare]), 1.0) for bare in np.flatnonzero((first >= 0) & likeness.long)
    }
    for (one, other), alike in zip(likeness.pairs.tolist(), likeness.alike.tolist(), strict=True):
        for here, there in ((one, other), (other, one)):
            if first[there] >= 0 and alike > found.get(here, (0, 0.0))[1]:
                found[here] = (int(first[there]), alike)
    return found


def _leak(
    corpus: Corpus,
    kind: Literal["leak", "near-leak"],
    split: str,
    of: int,
    cases: Sequence[tuple[int, int, float]],
    options: AuditOptions,
) -> Iterator[AuditFinding]:
    if not cases:
        return
    leaked = share(len(cases), of)
    severity: Severity = "error" if leaked >= LEAKED_ERROR else "warning" if leaked >= LEAKED_WARNING else "note"
    how = "stand in train as well" if kind == "leak" else "stand in train with a word or sign changed"
    examples = [
        AuditExample(rows=corpus.shown((row, trained)), why="" if alike == 1.0 else f"similarity {alike:.2f}")
        for row, trained, alike in cases[: options.examples]
    ]
    remedy = "take them out of train or of this split" if severity != "note" else "nothing need be done; the share is small"
    what = f"{counted(len(cases), 'longer text')} of {split} ({leaked:.1%}) {how}"
    yield AuditFinding(kind=kind, severity=severity, what=what, found=len(cases), of=of, remedy=remedy, examples=examples)


def group_leaks(corpus: Corpus, options: AuditOptions) -> Iterator[AuditFinding]:
    """Groups, such as dialogues, that stand in more than one split.

    Args:
        corpus: all rows.
        options: how many cases are kept.

    Yields:
        A finding if there are some.
    """
    if corpus.groups is None:
        return
    rows: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(corpus.groups):
        if group:
            rows[group].append(row)
    torn = [own for own in rows.values() if len({int(corpus.split[row]) for row in own}) > 1]
    if torn:
        yield AuditFinding(
            kind="group-leak",
            severity="warning",
            what=f"{counted(len(torn), 'group')} of {len(rows):,} {'has' if len(torn) == 1 else 'have'} rows in several splits",
            found=sum(map(len, torn)),
            of=corpus.rows,
            remedy="split by group, so that what belongs together is either trained on or tested on",
            examples=[AuditExample(rows=corpus.shown(own[:4])) for own in torn[: options.examples]],
        )


def duplicates(corpus: Corpus, likeness: Likeness, options: AuditOptions) -> Iterator[AuditFinding]:
    """Texts that stand in a split more than once, as they are or nearly so.

    Args:
        corpus: all rows.
        likeness: which texts are alike.
        options: how many cases are kept.

    Yields:
        A finding for each split and kind that has some.
    """
    groups = likeness.groups()
    for split in corpus.offsets:
        rows = np.arange(corpus.rows)[corpus.members(split)]
        again = _repeats(likeness.exact[rows])
        if again:
            of, count = len(rows), sum(len(own) - 1 for own in again)
            yield AuditFinding(
                kind="duplicate",
                severity="warning" if split != "train" and share(count, of) >= DUPLICATE_WARNING else "note",
                what=f"{counted(count, 'row')} of {split} ({share(count, of):.1%}) repeat{'s' * (count == 1)} another's text",
                found=count,
                of=of,
                remedy="keep each text once, unless it is so often written; tests count what is alike as one",
                examples=[AuditExample(rows=corpus.shown(rows[own[:4]].tolist())) for own in again[: options.examples]],
            )
        nearly = [own for own in _repeats(groups[rows]) if len(np.unique(likeness.exact[rows[own]])) > 1]
        if nearly:
            count = sum(map(len, nearly))
            yield AuditFinding(
                kind="near-duplicate",
                severity="note",
                what=f"{counted(count, 'row')} of {split} {'is' if count == 1 else 'are'} nearly alike, in "
                f"{counted(len(nearly), 'group')}",
                found=count,
                of=len(rows),
                remedy="nothing need be done: tests count what is alike as one (tasks.<name>.clusters)",
                examples=[AuditExample(rows=corpus.shown(rows[own[:4]].tolist())) for own in nearly[: options.examples]],
            )


def _repeats(numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of each number that stands more than once, those with most places first."""
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if len(order) else []
    return sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), int(part[0])))


def conflicts(corpus: Corpus, likeness: Likeness, options: AuditOptions) -> Iterator[AuditFinding]:
    """Texts that stand more than once, with different labels.

    Args:
        corpus: all rows.
        likeness: which texts are alike.
        options: how many cases are kept.

    Yields:
        A finding if there are some.
    """
    found = [own for own in _repeats(likeness.exact) if _conflict(corpus, own)]
    if not found:
        return
    longer = sum(bool(likeness.long[likeness.bare[own[0]]]) for own in found)
    count = sum(map(len, found))
    found.sort(key=lambda own: (not likeness.long[likeness.bare[own[0]]], -len(own), int(own[0])))
    yield AuditFinding(
        kind="conflict",
        severity="warning" if share(count, corpus.rows) >= CONFLICT_WARNING else "note",
        what=f"{counted(len(found), 'text')} ({longer:,} of them longer ones) {'stands' if len(found) == 1 else 'stand'} in "
        f"{counted(count, 'row')} with different labels",
        found=count,
        of=corpus.rows,
        remedy="settle on one label set a text: no model can get both right",
        examples=[AuditExample(rows=corpus.shown(own[:4].tolist())) for own in found[: options.examples]],
    )


def _conflict(corpus: Corpus, rows: NDArray[np.int64]) -> bool:
    """Whether rows differ in labels that were decided on in all of them."""
    sets = [set(corpus.labels[row]) for row in rows.tolist()]
    if all(labels == sets[0] for labels in sets):
        return False
    annotated = corpus.annotated(rows)
    if annotated is None:
        return True
    common = set(np.flatnonzero(annotated.all(axis=0)).tolist())
    return any(labels & common != sets[0] & common for labels in sets)
