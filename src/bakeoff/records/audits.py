"""What an audit of a dataset found: `audit.json`. It names examples by split and id, and holds no texts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from bakeoff.records.files import read_document, write_document
from bakeoff.records.specs import Spec

AUDIT_VERSION = 1
SEVERITIES = ("error", "warning", "note")
Severity = Literal["error", "warning", "note"]
Kind = Literal[
    "leak",
    "near-leak",
    "group-leak",
    "conflict",
    "duplicate",
    "near-duplicate",
    "label-noise",
    "empty",
    "truncated",
    "garbled",
    "language",
    "missing-label",
    "rare-label",
    "imbalance",
    "implied-label",
    "shifted-label",
]


class AuditRow(Spec):
    """An example by its place.

    Attributes:
        split: its split.
        id: its id.
        labels: names of its labels.
    """

    split: str
    id: str
    labels: list[str]


class AuditExample(Spec):
    """A case of what was found.

    Attributes:
        rows: the examples that it is about.
        why: what is the matter with them, where that differs from case to case.
    """

    rows: list[AuditRow]
    why: str = ""


class AuditFinding(Spec):
    """One thing that was found.

    Attributes:
        kind: what sort of thing.
        severity: `error` if the data cannot serve, `warning` if it will probably be regretted, `note` if worth knowing.
        what: what it is, in one sentence.
        found: how many examples it is about.
        of: among how many.
        remedy: what to do.
        examples: some cases, the worst first.
    """

    kind: Kind
    severity: Severity
    what: str
    found: int
    of: int
    remedy: str
    examples: list[AuditExample] = Field(default_factory=list)

    @property
    def severe(self) -> bool:
        """Whether a run repeats it."""
        return self.severity != "note"


class SplitAudit(Spec):
    """Facts of a split.

    Attributes:
        rows: how many examples it has.
        groups: how many remain when examples of one group, and near duplicates, count as one.
        characters: lengths of texts: mean, median, 95th percentile, longest.
        words: the same in words.
        languages: examples by language, guessed by script and commonest words; `?` where that says nothing.
        label_counts: examples that bear each label.
    """

    rows: int
    groups: int
    characters: list[float]
    words: list[float]
    languages: dict[str, int]
    label_counts: dict[str, int]


class LabelPair(Spec):
    """Two labels that examples of all splits bear together.

    Attributes:
        first: a label.
        second: another.
        together: examples with both.
        lift: how much oftener than if they had nothing to do with one another.
        implied: share of the rarer one's examples that bear the other too.
    """

    first: str
    second: str
    together: int
    lift: float
    implied: float


class LabelDoubt(Spec):
    """Doubts about a label.

    Attributes:
        label: the label.
        wrongly_given: examples that bear it and probably should not.
        wrongly_missing: examples that do not bear it and probably should.
        quality: average precision of the model that doubts, out of fold: where it is low, so are the doubts' worth.
    """

    label: str
    wrongly_given: int
    wrongly_missing: int
    quality: float


class Audit(Spec):
    """What was found in a dataset.

    Attributes:
        dataset: its name.
        fingerprint: hash of its content.
        similarity: from where on texts count as near duplicates.
        noise: whether labels were doubted, which takes the longest.
        labels: label names.
        findings: what was found, the worst first.
        splits: facts by split.
        pairs: labels that stand together most often.
        doubts: doubts by label, the most first; empty where labels were not doubted.
    """

    dataset: str
    fingerprint: str
    similarity: float
    noise: bool
    labels: list[str]
    findings: list[AuditFinding]
    splits: dict[str, SplitAudit]
    pairs: list[LabelPair]
    doubts: list[LabelDoubt]

    @property
    def worst(self) -> str:
        """The severity of the worst finding; empty if there is none."""
        return self.findings[0].severity if self.findings else ""

    def write(self, path: Path) -> None:
        """Write it.

        Args:
            path: where.
        """
        write_document(path, "audit", AUDIT_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Audit:
        """Read one.

        Args:
            path: where.

        Returns:
            The audit.
        """
        return Audit.model_validate(read_document(path, "audit", AUDIT_VERSION))
