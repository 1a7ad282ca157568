"""What a check is and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.errors import BakeoffError

if TYPE_CHECKING:
    from bakeoff.preflight.subject import Subject

Needs = Literal["nothing", "study", "plan"]


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The study cannot run, or would not be what it says."""
    WARNING = "warning"
    """It can run, and something will probably be regretted."""
    NOTE = "note"
    """Worth knowing; nothing need be done."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        severity: how bad it is.
        what: what is wrong, in one sentence.
        found: what there is.
        needed: what there should be.
        remedy: what to do next, a command where there is one.
        where: file, folder, key or variable that it is about; empty where there is none.
    """

    severity: Severity
    what: str
    found: str
    needed: str
    remedy: str
    where: str = ""

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.what}", f"found:  {self.found}", f"needed: {self.needed}", f"remedy: {self.remedy}"]
        if self.where:
            lines.insert(1, f"where:  {self.where}")
        return "\n".join(lines)

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"{self.severity}: {self.what}; {self.remedy}"

    def as_json(self) -> dict[str, Any]:
        """The finding as plain values.

        Returns:
            Its attributes by name.
        """
        return {
            "severity": self.severity.value,
            "what": self.what,
            "where": self.where,
            "found": self.found,
            "needed": self.needed,
            "remedy": self.remedy,
        }


def error_finding(error: BakeoffError, needed: str, remedy: str = "") -> Finding:
    """An error of Bakeoff's as a finding.

    Args:
        error: what was raised.
        needed: what there should be.
        remedy: what to do where the error does not say.

    Returns:
        The finding.
    """
    what, way_out = " ".join(error.what.split()), " ".join((error.remedy or remedy).split())
    return Finding(Severity.ERROR, what, what, needed, way_out, error.where)


@dataclass(frozen=True)
class Check:
    """One thing that is looked at before a study runs.

    Every check keeps to this contract, which `bakeoff.testing.checks.check_check` tries:

    - `look` reads and never writes; it opens no socket and imports neither torch nor transformers.
    - It raises nothing but errors of Bakeoff's own, each of which becomes a finding, whatever it looks at.
    - What it yields has every field but `where` filled in, each one line of text that a person can act upon.
    - The same subject gives the same findings.

    Other packages add checks by entry point of the group `bakeoff.checks`: each names a `Check`.

    Attributes:
        name: its name, in lower-case words joined by hyphens.
        what: what it sees to, in one sentence.
        needs: what must be known before it can look: nothing, the study, or its plan (for which data and models must be here).
        look: gives what it finds, nothing if all is well.
    """

    name: str
    what: str
    needs: Needs
    look: Callable[[Subject], Iterable[Finding]]
