"""Row 4: the last record of each file cut at every byte, twice over."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

from bakeoff.analysis.analyse import analyse
from bakeoff.analysis.load import current_stored
from bakeoff.records.files import append_line
from bakeoff.running.events import Event, Warned
from bakeoff.running.runner import run_study
from bakeoff.running.standing import read_standing
from soak.context import Context, RowResult
from soak.judging import faults_of, results_hash
from soak.stubs import StubStudy

WARNED = ("result.json", "state.json", "validation.npz", "test.npz")
"""Files whose damage a start must tell of; every other is derived, rewritten or only informative."""
TOUCHED = "*.json", "*.jsonl", "*.npz", "*.yaml"


def cut_every_file(context: Context) -> RowResult:
    """Cut each file of a complete run in its last record, start, cut it again, start again.

    Args:
        context: what the row is given.

    Returns:
        What came of it: no start, look or analysis may raise; afterwards the study completes with the same results.
    """
    result = RowResult()
    study = StubStudy(context.place("whole") / "run", seeds=1)
    study.go()
    append_line(study.folder.warnings, {"when": "now", "kind": "time", "trial": "", "text": "a warning"})
    analyse(study.folder)
    expected, draws = results_hash(study.folder), context.draws()
    for path in sorted(path for pattern in TOUCHED for path in study.run.rglob(pattern)):
        name = path.relative_to(study.run)
        cuts = _cuts(path)
        if path == study.folder.analysis:  # which no start reads: at every byte its reader, at some all that follows
            every = cuts if context.full else cuts[:: len(cuts) // 9]
            result.blame(_cut_analysis(study, context.folder / "cut", every))
            result.tried += 2 * len(every)
        # inside an array's bytes one place is like another
        if not context.full or path.suffix == ".npz" or path == study.folder.analysis:
            cuts = sorted(draws.sample(cuts, min(len(cuts), context.pick(2, 100))))
        made_again = set(draws.sample(cuts, min(len(cuts), context.pick(1, 4))))
        for cut in cuts:
            copy = _copy(study, context.folder / "cut")
            result.tried += 2
            faults = [fault for again in ("first", "second") for fault in _cut_and_start(copy, name, cut, again)]
            if cut in made_again:
                faults += _made_again(copy, expected)
            result.blame(faults, f"{name} cut to {cut} bytes")
    shutil.rmtree(context.folder / "cut", ignore_errors=True)
    result.notes.append(
        "each cut: a start, `status`, and once more; for some of each file the analysis and the whole study;"
        " of analysis.json, which no start reads, each cut is read as `report` reads it, twice, and some are started on"
    )
    return result


def _cut_analysis(study: StubStudy, place: Path, cuts: list[int]) -> list[str]:
    """Cut the analysis shorter and shorter, and read it twice each time."""
    copy, faults = _copy(study, place), list[str]()
    for cut in reversed(cuts):
        with copy.folder.analysis.open("r+b") as stream:
            stream.truncate(cut)
        whole = _whole(copy.folder.analysis.read_bytes(), copy.folder.analysis) if cut == cuts[-1] else False
        for again in ("first", "second"):
            try:
                found = current_stored(copy.folder)
            except Exception as error:
                faults.append(f"analysis.json cut to {cut} bytes: its {again} reader raises {type(error).__name__}: {error}")
                continue
            if (found is not None) != whole:
                faults.append(
                    f"analysis.json cut to {cut} bytes: its {again} reader takes it for {'whole' if found else 'torn'}"
                )
    return faults


def _cuts(path: Path) -> list[int]:
    """Lengths that leave a part of the last record; a document is one record."""
    data = path.read_bytes()
    first = data.rstrip(b"\n").rfind(b"\n") + 1 if path.suffix == ".jsonl" else 0
    return list(range(first, len(data)))


def _copy(study: StubStudy, place: Path) -> StubStudy:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(study.run, place / "run")
    return replace(study, run=place / "run")


def _cut_and_start(study: StubStudy, name: Path, cut: int, again: str) -> list[str]:
    path, said = study.run / name, list[Event]()
    if not path.exists():  # set aside by the first start
        return []
    with path.open("r+b") as stream:
        stream.truncate(min(cut, os.fstat(stream.fileno()).st_size))
    torn = path.read_bytes()
    try:
        run_study(replace(study, at_most=0).order(), said.append)
        read_standing(study.folder)
    except Exception as error:  # whatever it is, it is what must not happen
        return [f"the {again} start raises {type(error).__name__}: {error}"]
    damaged = [event for event in said if isinstance(event, Warned) and event.kind == "damaged"]
    if path.name in WARNED and not _whole(torn, path) and not damaged:
        return [f"the {again} start says nothing of it"]
    return []


def _whole(data: bytes, path: Path) -> bool:
    if path.suffix != ".json":
        return False
    try:
        json.loads(data)
    except ValueError:
        return False
    return True  # only the line's end is missing


def _made_again(study: StubStudy, expected: str) -> list[str]:
    ended = study.go()
    if ended.exit or ended.traceback:
        return [f"the study ends with {ended.exit}: {ended.err[-300:]}"]
    try:
        analyse(study.folder)
    except Exception as error:
        return [f"the analysis raises {type(error).__name__}: {error}"]
    faults = faults_of(study.folder, 1, once=False)
    return faults if results_hash(study.folder) == expected else [*faults, "other results"]
