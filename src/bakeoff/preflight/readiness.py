"""Ready or not: all checks, those of other packages included, on one subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from bakeoff.errors import BakeoffError, CatalogError
from bakeoff.preflight.checks import datasets, machines, methods, models, studies, variables, vocabularies
from bakeoff.preflight.findings import Check, Finding, Severity, error_finding
from bakeoff.preflight.subject import Subject

ENTRY_POINT_GROUP = "bakeoff.checks"
NOT_READY_EXIT = 3
BUILT_IN = (
    *studies.CHECKS,
    *datasets.CHECKS,
    *models.CHECKS,
    *vocabularies.CHECKS,
    *methods.CHECKS,
    *machines.CHECKS,
    *variables.CHECKS,
)


@dataclass(frozen=True)
class Checked:
    """What one check came to.

    Attributes:
        check: which.
        findings: what it found, empty if all is well.
        passed_over: why it could not look; empty if it did.
    """

    check: Check
    findings: list[Finding] = field(default_factory=list)
    passed_over: str = ""


@dataclass(frozen=True)
class Readiness:
    """Whether a study can run here and now.

    Attributes:
        subject: what was looked at.
        checked: what each check came to.
    """

    subject: Subject
    checked: list[Checked]

    @property
    def findings(self) -> list[tuple[Check, Finding]]:
        """Every finding with its check, the worst first."""
        order = list(Severity)
        found = [(one.check, finding) for one in self.checked for finding in one.findings]
        return sorted(found, key=lambda pair: order.index(pair[1].severity))

    @property
    def ready(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity is not Severity.ERROR for _, finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 if ready, 3 if not."""
        return 0 if self.ready else NOT_READY_EXIT

    def of(self, severity: Severity) -> list[Finding]:
        """Findings of one severity.

        Args:
            severity: which.

        Returns:
            The findings.
        """
        return [finding for _, finding in self.findings if finding.severity is severity]

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values.

        Returns:
            `ready`, `findings` and `checks`.
        """
        return {
            "ready": self.ready,
            "findings": [{"check": check.name, **finding.as_json()} for check, finding in self.findings],
            "checks": [
                {
                    "name": one.check.name,
                    "what": one.check.what,
                    "findings": len(one.findings),
                    "passed_over": one.passed_over,
                }
                for one in self.checked
            ],
        }


@cache
def all_checks() -> tuple[Check, ...]:
    """The built-in checks and those of other packages.

    Returns:
        Checks, the built-in ones first.

    Raises:
        CatalogError: if a plug-in brings no check, or one whose name is taken.
    """
    found = {check.name: check for check in BUILT_IN}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        check = point.load()
        if not isinstance(check, Check):
            raise CatalogError(f"the entry point {point.name} is no check", point.value, "uninstall that package, or mend it")
        if check.name in found:
            raise CatalogError(f"two checks are called {check.name!r}", point.value, "rename the plug-in's check")
        found[check.name] = check
    return tuple(found.values())


def look(subject: Subject, checks: Sequence[Check] | None = None) -> Readiness:
    """Let every check look.

    Args:
        subject: what is looked at.
        checks: which; None means all.

    Returns:
        What they found.
    """
    chosen = all_checks() if checks is None else checks
    return Readiness(subject, [_checked(check, subject) for check in chosen])


def _checked(check: Check, subject: Subject) -> Checked:
    if check.needs != "nothing" and subject.study is None:
        return Checked(check, passed_over="the study has faults")
    if check.needs == "plan" and subject.plan is None:
        return Checked(check, passed_over="data, models or the study stand against a plan")
    findings: list[Finding] = []
    try:
        findings.extend(check.look(subject))  # those before an error count as well
    except BakeoffError as error:
        findings.append(error_finding(error, check.what, "mend what it names"))
    return Checked(check, findings)
