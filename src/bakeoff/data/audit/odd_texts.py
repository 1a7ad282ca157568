"""Findings about single texts: empty, cut, garbled, in another language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.corpus import Corpus
from bakeoff.data.audit.languages import UNKNOWN
from bakeoff.data.audit.options import AuditOptions, counted, share
from bakeoff.records.audits import AuditExample, AuditFinding, Kind

GARBLED = re.compile("\ufffd|[\ud800-\udfff]|&(?:amp|lt|gt|quot|#\\d{2,5});|â€|Ã[\u0080-\u00bf]|Â[\u00a0-\u00bf]|\x00")
"""What is left of a wrong encoding, or of HTML."""
GARBLED_WARNING, EMPTY_WARNING, FOREIGN_WARNING = 0.01, 0.01, 0.05
PILE, PILE_FACTOR = 10, 20
"""Texts that end at the longest length, and how many times as many as end at a length before it, for a cut to be suspected."""
ELLIPSIS = ("…", "...")


def odd_texts(corpus: Corpus, bares: Sequence[str], languages: Sequence[str], options: AuditOptions) -> Iterator[AuditFinding]:
    """What is strange about single texts.

    Args:
        corpus: all rows.
        bares: their texts without punctuation.
        languages: what language each is in, probably.
        options: how many cases are kept.

    Yields:
        A finding for each thing that some texts are.
    """

    def finding(kind: Kind, rows: Sequence[int], severe: float, said: Callable[[int], str], remedy: str) -> AuditFinding:
        part = share(len(rows), corpus.rows)
        examples = [AuditExample(rows=corpus.shown((row,))) for row in rows[: options.examples]]
        return AuditFinding(
            kind=kind,
            severity="warning" if part >= severe else "note",
            what=f"{said(len(rows))} ({part:.1%})",
            found=len(rows),
            of=corpus.rows,
            remedy=remedy,
            examples=examples,
        )

    empty = [row for row, text in enumerate(bares) if not any(map(str.isalnum, text))]
    if empty:
        yield finding(
            "empty",
            empty,
            EMPTY_WARNING,
            lambda n: f"{counted(n, 'text')} without a letter or digit",
            "leave them out, unless emoji or punctuation are what is to be learned from",
        )
    garbled = [row for row, text in enumerate(corpus.texts) if GARBLED.search(text)]
    if garbled:
        yield finding(
            "garbled",
            garbled,
            GARBLED_WARNING,
            lambda n: f"{counted(n, 'text')} with the remains of another encoding or of HTML",
            "read the source again as what it is, or undo it there",
        )
    yield from _cut(corpus, options)
    yield from _foreign(corpus, languages, options)


def _cut(corpus: Corpus, options: AuditOptions) -> Iterator[AuditFinding]:
    lengths = np.fromiter(map(len, corpus.texts), dtype=np.int64, count=corpus.rows)
    longest = int(lengths.max(initial=0))
    rows = np.flatnonzero(lengths == longest)
    below = int(((lengths < longest) & (lengths >= 0.8 * longest)).sum())
    if len(rows) >= PILE and len(rows) > PILE_FACTOR * below / max(1.0, 0.2 * longest):
        yield _truncated(corpus, rows, f"{counted(len(rows), 'text')} of just {longest:,} characters, the longest", options)
    dotted = np.array([row for row, text in enumerate(corpus.texts) if text.rstrip().endswith(ELLIPSIS)], dtype=np.int64)
    if len(dotted):
        yield _truncated(corpus, dotted, f"{counted(len(dotted), 'text')} with an ellipsis at the end", options, severe=False)


def _truncated(corpus: Corpus, rows: NDArray[np.int64], what: str, options: AuditOptions, severe: bool = True) -> AuditFinding:
    return AuditFinding(
        kind="truncated",
        severity="warning" if severe else "note",
        what=f"{what} ({share(len(rows), corpus.rows):.1%})",
        found=len(rows),
        of=corpus.rows,
        remedy="take the whole texts from their source, if something cut them",
        examples=[AuditExample(rows=corpus.shown((row,))) for row in rows[: options.examples].tolist()],
    )


def _foreign(corpus: Corpus, languages: Sequence[str], options: AuditOptions) -> Iterator[AuditFinding]:
    counts = Counter(language for language in languages if language != UNKNOWN)
    if len(counts) < 2:
        return
    usual, known = counts.most_common(1)[0][0], counts.total()
    rows = [row for row, language in enumerate(languages) if language not in (UNKNOWN, usual)]
    part = share(len(rows), known)
    others = ", ".join(f"{language} {count:,}" for language, count in counts.most_common(4)[1:])
    yield AuditFinding(
        kind="language",
        severity="warning" if part >= FOREIGN_WARNING else "note",
        what=f"{counted(len(rows), 'text')} of {known:,} seem not to be {usual} ({part:.1%}): {others}",
        found=len(rows),
        of=known,
        remedy="choose a model that knows these languages, or leave the texts out; it is a guess by commonest words",
        examples=[AuditExample(rows=corpus.shown((row,)), why=languages[row]) for row in rows[: options.examples]],
    )
