"""Checks of datasets: here, whole, as published, and fit for a verdict."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterator

from bakeoff.catalog import registry
from bakeoff.catalog.cards import DatasetCard
from bakeoff.data.audit.auditing import ready_audit
from bakeoff.data.dataset import Dataset
from bakeoff.preflight.findings import Check, Finding, Severity, error_finding
from bakeoff.preflight.subject import Subject

LEAKED_ERROR, LEAKED_WARNING = 0.5, 0.02
"""Share of test texts that stand in train: from the first on the split is no test, from the second on it flatters."""
SHORTEST_TEXT = 20
"""Characters of a text below which two people may well have written the same."""
CHECKED_ELSEWHERE = ("leak", "missing-label")
MOST_CUT = 0.2
MOST_UNKNOWN = 0.2


def look_at_presence(subject: Subject) -> Iterator[Finding]:
    """Whether each dataset is here, and every byte of it as recorded.

    Args:
        subject: what is looked at.

    Yields:
        An error for each that is not.
    """
    for name, found in subject.datasets.items():
        if isinstance(found, Dataset):
            continue
        remedy = found.remedy.replace("bakeoff fetch STUDY", shlex.join(subject.asked.words("fetch")))
        finding = error_finding(found, f"the dataset {name}, whole", f"bakeoff data import {name} FOLDER")
        yield Finding(
            finding.severity, finding.what, finding.found, finding.needed, remedy or finding.remedy, found.where or name
        )


def look_at_counts(subject: Subject) -> Iterator[Finding]:
    """Whether splits are there, and have the rows that their owner published.

    Args:
        subject: what is looked at.

    Yields:
        An error for each split that is missing, empty, or of another size.
    """
    for name, found in subject.whole_datasets.items():
        expected = _expected(name)
        for split in ("train", "validation", "test"):
            rows = found.size(split) if split in found.splits else 0
            if rows and rows == expected.get(split, rows):
                continue
            needed = f"{expected[split]:,} rows" if split in expected else "at least one row"
            yield Finding(
                Severity.ERROR,
                f"the split {split} of {name} has {rows:,} rows",
                f"{rows:,} rows",
                needed,
                _again(name),
                str(found.folder),
            )


def _expected(name: str) -> dict[str, int]:
    card = registry.cards("dataset").get(name)
    return dict(card.expected) if isinstance(card, DatasetCard) else {}


def _again(name: str) -> str:
    card = registry.cards("dataset").get(name)
    if not isinstance(card, DatasetCard):
        return f"bakeoff data import {name} FILE"
    return f"bakeoff data fetch {name}" if card.hub or card.packaged else f"bakeoff data import {name} FOLDER"


def look_at_labels(subject: Subject) -> Iterator[Finding]:
    """Whether labels are those that the catalog knows, and each occurs.

    Args:
        subject: what is looked at.

    Yields:
        An error for another set of labels, a warning for labels that never occur in train or in test.
    """
    for name, found in subject.whole_datasets.items():
        card = registry.cards("dataset").get(name)
        known = tuple(card.labels) if isinstance(card, DatasetCard) else ()
        if known and found.labels != known:
            strange = [label for label in found.labels if label not in known]
            lost = [label for label in known if label not in found.labels]
            words = [f"not known: {', '.join(strange[:5])}"] if strange else []
            words += [f"missing: {', '.join(lost[:5])}"] if lost else []
            yield Finding(
                Severity.ERROR,
                f"the labels of {name} are not those that it is known to have ({'; '.join(words) or 'in another order'})",
                f"{len(found.labels)} labels",
                f"{len(known)} labels: {', '.join(known[:5])}, …",
                _again(name),
                str(found.folder),
            )
            continue
        for split, severity in (("train", Severity.WARNING), ("test", Severity.WARNING)):
            never = _never(found, split)
            if never:
                yield Finding(
                    severity,
                    f"{len(never)} of {len(found.labels)} labels of {name} never occur in {split}",
                    f"none of {', '.join(never[:5])}",
                    "an example of each label",
                    "read scores of these labels as missing, or leave them out of the data",
                    str(found.folder),
                )


def _never(dataset: Dataset, split: str) -> list[str]:
    if split not in dataset.splits:
        return []
    counts = dataset.card["splits"][split]["label_counts"]
    return [label for label in dataset.labels if not counts.get(label, 0)]


def look_at_leaks(subject: Subject) -> Iterator[Finding]:
    """Whether texts of validation and test stand in train as well.

    Args:
        subject: what is looked at.

    Yields:
        An error if half of a split was trained on, a warning above two per cent, a note below.
    """
    for name, found in subject.whole_datasets.items():
        trained = _texts(found, "train")
        for split in ("validation", "test"):
            asked = _texts(found, split)
            same = sum(text in trained for text in asked)
            if not same:
                continue
            share = same / len(asked)
            limits = ((LEAKED_ERROR, Severity.ERROR), (LEAKED_WARNING, Severity.WARNING))
            severity = next((severity for limit, severity in limits if share >= limit), Severity.NOTE)
            yield Finding(
                severity,
                f"{share:.1%} of the longer texts of {split} stand in train of {name} as well",
                f"{same:,} of {len(asked):,}",
                "texts that were not trained on",
                f"take the data from their owner again ({_again(name)}), or drop those rows before importing"
                if severity is not Severity.NOTE
                else "nothing need be done; the share is small",
                str(found.folder),
            )


def _texts(dataset: Dataset, split: str) -> set[str]:
    if split not in dataset.splits:
        return set()
    pairs = zip(dataset.texts(split), dataset.seconds(split), strict=True)
    plain = (" ".join(unicodedata.normalize("NFC", " / ".join(filter(None, pair))).casefold().split()) for pair in pairs)
    return {text for text in plain if len(text) >= SHORTEST_TEXT}


def look_at_audits(subject: Subject) -> Iterator[Finding]:
    """Whether an audit found what will be regretted; leaks of whole texts and missing labels have checks of their own.

    Args:
        subject: what is looked at.

    Yields:
        A warning for each severe finding of the audit that was kept, or of a quick one of a small dataset.
    """
    for name, found in subject.whole_datasets.items():
        audit = ready_audit(subject.home, found)
        for finding in audit.findings if audit else ():
            if finding.severe and finding.kind not in CHECKED_ELSEWHERE:
                yield Finding(
                    Severity.WARNING,
                    f"{name}: {finding.what}",
                    f"{finding.found:,} of {finding.of:,}",
                    "data without it",
                    f"{finding.remedy}; bakeoff data audit {name} shows cases",
                    str(found.folder),
                )


def look_at_lengths(subject: Subject) -> Iterator[Finding]:
    """Whether the tokenizer knows the texts, and `max_length` keeps most of them.

    Args:
        subject: what is looked at.

    Yields:
        A warning for each task whose texts are cut often, or are strange to a model's tokenizer.
    """
    assert subject.study is not None
    told = set()
    for task, _, request in subject.pairs:
        dataset = subject.whole_datasets.get(subject.study.tasks[task].dataset)
        model = subject.whole_models.get(request)
        if dataset is None or model is None or (task, request) in told:
            continue
        told.add((task, request))
        lengths, kept = subject.lengths[dataset.fingerprint, model.spec.fingerprint], subject.study.tasks[task].max_length
        windowed = subject.study.tasks[task].stride is not None  # what is read in windows is read whole
        if lengths.cut(kept) > MOST_CUT and not windowed:
            yield Finding(
                Severity.WARNING,
                f"max_length {kept} cuts {lengths.cut(kept):.0%} of the texts of {task}",
                f"95 % of the texts have at most {lengths.longest(0.95)} tokens",
                f"at most {MOST_CUT:.0%} of the texts cut",
                f"--set tasks.{task}.max_length={lengths.longest(0.95)}",
                f"tasks.{task}.max_length",
            )
        if lengths.unknown > MOST_UNKNOWN:
            yield Finding(
                Severity.WARNING,
                f"the tokenizer of {request.key} does not know {lengths.unknown:.0%} of the tokens of {task}",
                f"{lengths.unknown:.0%} unknown",
                f"at most {MOST_UNKNOWN:.0%}",
                "put the tokenizer that the model was trained with beside it, or choose a model for this language",
                str(model.folder),
            )


CHECKS = (
    Check("datasets", "each dataset is here, and every byte of it as recorded", "study", look_at_presence),
    Check("dataset-rows", "each split is there, with the rows that its owner published", "study", look_at_counts),
    Check("dataset-labels", "labels are those that the catalog knows, and each occurs", "study", look_at_labels),
    Check("dataset-leaks", "texts of validation and test are not in train", "study", look_at_leaks),
    Check("data-audit", "the audit of the data found nothing severe", "study", look_at_audits),
    Check("text-lengths", "tokenizers know the texts, and max_length keeps most of them", "study", look_at_lengths),
)
