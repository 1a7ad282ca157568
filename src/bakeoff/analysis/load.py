"""`analysis.json`: write it, read it, and tell whether it still holds."""

from __future__ import annotations

from pydantic import ValidationError

from bakeoff.analysis.folder import read_inputs
from bakeoff.analysis.model import ANALYSIS_VERSION, Analysis
from bakeoff.errors import FormatError
from bakeoff.records.files import read_document, write_document
from bakeoff.records.paths import RunFolder


def write_analysis(run: RunFolder, analysis: Analysis) -> None:
    """Write `analysis.json`.

    Args:
        run: the run folder.
        analysis: what was found.
    """
    write_document(run.analysis, "analysis", ANALYSIS_VERSION, analysis.model_dump())


def read_analysis(run: RunFolder) -> Analysis:
    """Read `analysis.json`, however old it is (see `is_stale`).

    Args:
        run: the run folder.

    Returns:
        The analysis.

    Raises:
        FormatError: if it is missing, torn, or not what this version writes.
    """
    body = read_document(run.analysis, "analysis", ANALYSIS_VERSION)
    try:
        return Analysis.model_validate(body)
    except ValidationError as error:
        raise FormatError(
            f"it has {error.error_count()} entries that this version does not expect",
            str(run.analysis),
            "remove the file; it is made again",
        ) from error


def is_stale(run: RunFolder, analysis: Analysis) -> bool:
    """Whether the run folder has changed since.

    Args:
        run: the run folder.
        analysis: an analysis of it.

    Returns:
        True if a plan, the study, a result, a state or circumstances differ from those that it was made from.
    """
    return analysis.inputs != read_inputs(run)


def current_stored(run: RunFolder) -> Analysis | None:
    """The stored analysis, if it still holds.

    Args:
        run: the run folder.

    Returns:
        The analysis; None if it is missing, torn or stale.
    """
    try:
        analysis = read_analysis(run)
    except FormatError:
        return None
    return None if is_stale(run, analysis) else analysis
