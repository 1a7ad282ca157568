"""`bakeoff check`: ready or not, with what is missing and how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli.options import AsJson, Overrides, Profile, Study

if TYPE_CHECKING:
    from bakeoff.preflight.findings import Check, Finding
    from bakeoff.preflight.readiness import Readiness

NAME = "check"
SHORT = "See whether a study can run here and now."
HELP = """See whether a study can run here and now: the study, its data and models, the machine. Nothing is downloaded.

With --smoke each recipe is tried as well, in a process like a trial's: two real steps on real rows, its model saved and
loaded again to the same logits, and its speed and memory measured, from which `bakeoff plan` foretells the whole. With
--sanity each recipe has to learn ten examples by heart, gradients must reach all that it trains, and nothing else may change.

\b
Examples:
  bakeoff check demo
  bakeoff check demo --smoke
  bakeoff check study.yaml --profile quick --json

\b
Exit status:
  0  ready, perhaps with warnings        3  not ready: each error is printed with its remedy
"""


def command(
    study: Study,
    profile: Profile = None,
    overrides: Overrides = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="The run folder. [default: runs/<name>-<profile> beside the study]")
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Try each recipe: two real steps, save, load; measure.")] = False,
    sanity: Annotated[bool, typer.Option("--sanity", help="Let each recipe learn ten examples by heart.")] = False,
    as_json: AsJson = False,
) -> None:
    """See whether a study can run here and now."""
    from bakeoff import api
    from bakeoff.cli.shown import say, write_json

    parts = (("measure", "steps") if smoke else ()) + (("sanity",) if sanity else ())
    readiness = api.check(study, profile, overrides or (), run_dir=run_dir, smoke=parts, told=say)
    if as_json:
        write_json(readiness.as_json())
    else:
        _print(readiness)
    raise typer.Exit(readiness.exit_code)


def _print(readiness: Readiness) -> None:
    from bakeoff.cli.shown import safe, write

    for check, finding in readiness.findings:
        write(safe(paragraph(check, finding)))
    write(safe(conclusion(readiness)))


def paragraph(check: Check, finding: Finding) -> str:
    """A finding as a paragraph.

    Args:
        check: what found it.
        finding: the finding.

    Returns:
        A line a field.
    """
    first, *rest = str(finding).splitlines()
    return "\n".join([f"{first} ({check.name})", *(f"  {line}" for line in rest), ""])


def conclusion(readiness: Readiness) -> str:
    """The last line: ready or not, and how much was looked at.

    Args:
        readiness: what was found.

    Returns:
        One line, or two where checks could not look.
    """
    from bakeoff.preflight.findings import Severity

    parts = []
    for severity in Severity:
        count = len(readiness.of(severity))
        parts += [f"{count} {severity}{'' if count == 1 else 's'}"] if count else []
    passed_over = [one.check.name for one in readiness.checked if one.passed_over]
    looked = len(readiness.checked) - len(passed_over)
    line = f"{'ready' if readiness.ready else 'not ready'}: {looked} checks, {', '.join(parts) or 'nothing to mend'}"
    return f"{line}\nnot looked at before that is mended: {', '.join(passed_over)}" if passed_over else line
