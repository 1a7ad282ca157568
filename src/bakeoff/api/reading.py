"""After a run: scores, verdict, comparison, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.api.runs import find_run
from bakeoff.errors import RunError, UnfinishedError

if TYPE_CHECKING:
    from bakeoff.analysis.comparing import Comparison
    from bakeoff.analysis.model import Analysis, TaskAnalysis
    from bakeoff.analysis.verdict_model import Conclusions
    from bakeoff.records.paths import Home, RunFolder
    from bakeoff.report.texts import ExampleTexts


def analyse(run: str | Path | None = None) -> Analysis:
    """The analysis of a run, made anew if the run has changed since.

    Args:
        run: as for `find_run`.

    Returns:
        With test scores if every trial has ended (which is recorded as a look), else of validation alone.
    """
    from bakeoff.analysis.analyse import current_analysis

    return current_analysis(find_run(run))


def verdict(run: str | Path | None = None) -> Conclusions:
    """What follows from the test scores of a run: the verdict, answers to its claims, comparisons.

    Args:
        run: as for `find_run`.

    Returns:
        The conclusions.

    Raises:
        UnfinishedError: if a planned trial has not ended.
    """
    from bakeoff.analysis.analyse import current_analysis

    folder = find_run(run)
    found = current_analysis(folder)
    if found.conclusions is None:
        raise UnfinishedError(
            "there is no verdict while trials are still to run",
            str(folder.root),
            "finish them with `bakeoff run`, or give them up with `bakeoff cancel`",
        )
    return found.conclusions


def compare(sides: Sequence[str], metric: str = "") -> list[Comparison]:
    """Compare prediction files from anywhere, or two runs.

    Args:
        sides: two or more files (`name=file` names one), or two run folders.
        metric: for files: the metric; by default accuracy where each example has one label, else macro-F1.

    Returns:
        One comparison for files; for runs one for each task and recipe that they share.

    Raises:
        RunError: if the sides are neither, or too few.
    """
    from bakeoff.analysis.comparing import compare_predictions, compare_runs
    from bakeoff.records.predictions import SUFFIXES, read_predictions

    named = [side.rpartition("=") if not Path(side).exists() else ("", "", side) for side in sides]
    files = [(name, Path(path)) for name, _, path in named]
    if len(sides) < 2:
        raise RunError("a comparison needs two sides", "", "name two prediction files, or two runs")
    if all(path.suffix.lower() in SUFFIXES and not path.is_dir() for _, path in files):
        return [compare_predictions([read_predictions(path, name) for name, path in files], metric)]
    if len(sides) == 2 and not metric and not any(path.is_file() for _, path in files):
        return compare_runs([find_run(side) for side in sides])
    kinds = ", ".join(SUFFIXES)
    raise RunError("not two runs, and not all prediction files", " ".join(sides), f"files with the suffix {kinds}, or two runs")


def write_report(run: RunFolder, analysis: Analysis, texts: str | None = None) -> Path:
    """Write the report of an analysis.

    Args:
        run: the run folder.
        analysis: its analysis.
        texts: what is shown of single examples: `none`, `ids` or `all`; None means all of data that ship with Bakeoff, and
            none of other.

    Returns:
        Path of `report.html`.
    """
    from bakeoff.report import html

    return html.write_report(run, analysis, example_texts(analysis, texts))


def example_texts(analysis: Analysis, wanted: str | None = None) -> ExampleTexts:
    """What a report may show of the examples that an analysis names; it names none of test before test was opened.

    Args:
        analysis: the analysis.
        wanted: as for `write_report`.

    Returns:
        With texts, where they shall be shown.

    Raises:
        DataError: if texts were asked for and a dataset is not here with the content that was trained on.
    """
    from bakeoff.catalog import registry
    from bakeoff.errors import DataError
    from bakeoff.records.paths import Home
    from bakeoff.report.texts import ExampleTexts, Show

    cards = registry.cards("dataset")
    built_in = all(getattr(cards.get(task.data.dataset), "packaged", False) for task in analysis.tasks)
    show = Show(wanted) if wanted is not None else Show.ALL if built_in else Show.NONE
    if show is not Show.ALL:
        return ExampleTexts(show)
    try:
        return ExampleTexts(show, {task.name: _task_texts(Home.default(), task) for task in analysis.tasks})
    except DataError as error:
        if wanted is not None:
            raise
        return ExampleTexts(Show.IDS, note=f"Texts are not shown: {error.what} ({error.remedy}).")


def _task_texts(home: Home, task: TaskAnalysis) -> dict[str, str]:
    """Texts of a task's named examples by id, of a pair both."""
    import numpy as np

    from bakeoff.data.store import find_dataset

    if not task.missed:
        return {}
    dataset = find_dataset(home, task.data.dataset, task.data.fingerprint)
    places = {identity: row for row, identity in enumerate(dataset.ids(task.split))}
    named = sorted({example.id for example in task.missed})
    rows = np.array([places[identity] for identity in named], dtype=np.int64)
    pairs = zip(dataset.texts(task.split, rows), dataset.seconds(task.split, rows), strict=True)
    return {identity: "\n".join(filter(None, pair)) for identity, pair in zip(named, pairs, strict=True)}


def report(run: str | Path | None = None, texts: str | None = None) -> Path:
    """Analyse a run and write its report.

    Args:
        run: as for `find_run`.
        texts: as for `write_report`.

    Returns:
        Path of `report.html`.
    """
    folder = find_run(run)
    return write_report(folder, analyse(folder.root), texts)
