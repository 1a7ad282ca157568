"""The contract of checks: what every check keeps to, ours and those of plug-ins, as one call in a test."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.readiness import look
from bakeoff.preflight.subject import Subject

HEAVY = ("torch", "transformers", "accelerate", "peft")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@contextmanager
def no_sockets() -> Iterator[None]:
    """Let every attempt to open a socket fail while the context lasts.

    Yields:
        Nothing.
    """

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was opened")

    saved = socket.socket
    socket.socket = refuse  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        socket.socket = saved  # type: ignore[misc]


def check_check(check: Check, subject: Subject) -> list[Finding]:
    """Check every point of the contract (see `bakeoff.preflight.findings.Check`) on one subject.

    Args:
        check: the check.
        subject: what it looks at.

    Returns:
        What it found.

    Raises:
        AssertionError: with the point that does not hold.
    """
    assert NAME.fullmatch(check.name), f"the name {check.name!r} is not lower-case words joined by hyphens"
    assert check.what
    assert "\n" not in check.what
    heavy = {name for name in HEAVY if name in sys.modules}
    with no_sockets():
        first = look(subject, [check]).checked[0]
        second = look(subject, [check]).checked[0]
    assert first == second, f"{check.name} finds something else when it looks again"
    imported = {name for name in HEAVY if name in sys.modules} - heavy
    assert not imported, f"{check.name} imported {', '.join(sorted(imported))}"
    for finding in first.findings:
        check_finding(check, finding)
    return first.findings


def check_finding(check: Check, finding: Finding) -> None:
    """Check that a finding says something that a person can act upon.

    Args:
        check: what found it.
        finding: the finding.

    Raises:
        AssertionError: with the point that does not hold.
    """
    assert isinstance(finding, Finding), f"{check.name} yields {type(finding).__name__}, not findings"
    assert isinstance(finding.severity, Severity)
    for field in ("what", "found", "needed", "remedy"):
        value = getattr(finding, field)
        assert isinstance(value, str), f"{check.name}: {field} is no text"
        assert value.strip(), f"{check.name}: {field} is empty"
        assert "\n" not in value, f"{check.name}: {field} has several lines: {value!r}"
    json.dumps(finding.as_json(), allow_nan=False)
