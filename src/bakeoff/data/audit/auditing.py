"""An audit of a dataset, made and kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.audit.corpus import Corpus
from bakeoff.data.audit.doubts import doubt_finding, doubts_by_label, find_doubts
from bakeoff.data.audit.label_facts import counts_by_split, label_facts, label_pairs
from bakeoff.data.audit.languages import guess_language
from bakeoff.data.audit.likeness import Likeness, find_likeness
from bakeoff.data.audit.odd_texts import odd_texts
from bakeoff.data.audit.options import AuditOptions, Progress, nobody
from bakeoff.data.audit.repeated import conflicts, duplicates, group_leaks, leaks
from bakeoff.data.audit.shingles import bare, plain
from bakeoff.data.dataset import Dataset
from bakeoff.data.splitting import group_numbers, linked_numbers
from bakeoff.errors import FormatError
from bakeoff.records.audits import SEVERITIES, Audit, AuditFinding, SplitAudit
from bakeoff.records.paths import Home

QUICK_ROWS = 20_000
"""A dataset of at most so many rows is audited in passing, but for doubts about labels: in two seconds."""
_QUICK: dict[str, Audit] = {}


def audit_dataset(dataset: Dataset, options: AuditOptions | None = None, progress: Progress = nobody) -> Audit:
    """Look for what is wrong with a dataset.

    Args:
        dataset: the dataset.
        options: what is looked for.
        progress: told of each part.

    Returns:
        What was found, the worst first; a pure function of the dataset's content and the options.
    """
    chosen = options or AuditOptions()
    corpus = Corpus(dataset)
    progress("looking for texts that are alike")
    likeness = find_likeness(corpus.texts, corpus.seconds, chosen.similarity)
    progress("looking at texts")
    plains = [plain(text) for text in corpus.texts]
    bares = [bare(text) for text in plains]
    languages = [guess_language(text) for text in bares]
    pairs = label_pairs(corpus)
    findings = [
        *leaks(corpus, likeness, chosen),
        *group_leaks(corpus, chosen),
        *conflicts(corpus, likeness, chosen),
        *label_facts(corpus, pairs),
        *odd_texts(corpus, bares, languages, chosen),
        *duplicates(corpus, likeness, chosen),
    ]
    doubted = []
    if chosen.noise:
        doubts = find_doubts(corpus, plains, likeness.groups(), progress)
        findings += doubt_finding(corpus, doubts, chosen)
        doubted = doubts_by_label(corpus, doubts)
    return Audit(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        similarity=chosen.similarity,
        noise=chosen.noise,
        labels=list(dataset.labels),
        findings=_worst_first(findings),
        splits=_splits(corpus, likeness, languages),
        pairs=pairs,
        doubts=doubted,
    )


def _worst_first(findings: list[AuditFinding]) -> list[AuditFinding]:
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _splits(corpus: Corpus, likeness: Likeness, languages: Sequence[str]) -> dict[str, SplitAudit]:
    groups = [likeness.groups()] + ([group_numbers(corpus.groups)] if corpus.groups is not None else [])
    counts = counts_by_split(corpus)
    found = {}
    for split in corpus.offsets:
        own = corpus.members(split)
        texts = corpus.texts[own]
        found[split] = SplitAudit(
            rows=len(texts),
            groups=len(np.unique(linked_numbers([_renumbered(part[own]) for part in groups]))),
            characters=_lengths([len(text) for text in texts]),
            words=_lengths([len(text.split()) for text in texts]),
            languages=dict(Counter(languages[own]).most_common()),
            label_counts=dict(zip(corpus.dataset.labels, counts[split].tolist(), strict=True)),
        )
    return found


def _renumbered(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(numbers, return_inverse=True)[1].ravel().astype(np.int64)


def _lengths(values: list[int]) -> list[float]:
    """Mean, median, 95th percentile and longest."""
    median, p95 = np.percentile(values, [50, 95], method="inverted_cdf")
    return [round(float(np.mean(values)), 2), float(median), float(p95), float(max(values))]


def kept_audit(home: Home, dataset: Dataset) -> Audit | None:
    """The audit of a dataset that was kept.

    Args:
        home: where audits are kept.
        dataset: the dataset.

    Returns:
        The audit; None if there is none that can be read.
    """
    try:
        found = Audit.read(home.audit(dataset.fingerprint))
    except (FormatError, ValueError):
        return None
    return found if found.fingerprint == dataset.fingerprint else None


def ready_audit(home: Home, dataset: Dataset) -> Audit | None:
    """What is known of a dataset without a wait: the audit that was kept, else a quick one of a small dataset.

    Args:
        home: where audits are kept.
        dataset: the dataset.

    Returns:
        The audit; None of a larger dataset that nobody audited.
    """
    kept = kept_audit(home, dataset)
    rows = sum(dataset.size(split) for split in dataset.splits)
    if kept is not None or rows > QUICK_ROWS:
        return kept
    if dataset.fingerprint not in _QUICK:
        _QUICK[dataset.fingerprint] = audit_dataset(dataset, AuditOptions(noise=False))
    return _QUICK[dataset.fingerprint]


def keep_audit(home: Home, audit: Audit) -> None:
    """Keep an audit.

    Args:
        home: where audits are kept.
        audit: the audit.
    """
    path = home.audit(audit.fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    audit.write(path)
