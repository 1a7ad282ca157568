"""Rows 18, 25 and 26: files of other versions, a study that changed under a run, a run folder that moved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bakeoff.analysis.analyse import analyse
from bakeoff.data.dataset import write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.records.files import document_checksum
from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.specs import Plan
from soak.context import Context, RowResult
from soak.judging import faults_of, result_hashes, results_hash
from soak.processes import Ended
from soak.reference import METHODS, Study, materials
from soak.stubs import StubStudy

DATASET = "goemotions"
"""A name of the catalog that does not ship with Bakeoff, so that what is stored under it is what was stored."""
REFUSED = "result.json", "state.json"
"""Files that hold what cannot be made again: another version of them must be refused, never overwritten."""


def other_versions(context: Context) -> RowResult:
    """Give each document of a complete run an older and a newer version of its format.

    Args:
        context: what the row is given.

    Returns:
        What came of it: refused with the file and the way out, or made again where it is derived; never mixed or overwritten.
    """
    result = RowResult()
    whole = StubStudy(context.place("whole") / "run", {"ok": {"steps": 2}}, 1)
    whole.go()
    analyse(whole.folder)
    for number, path in enumerate(sorted(whole.run.rglob("*.json"))):
        for change in (-1, 1) if context.full else (-1, 1)[number % 2 :][:1]:
            study = replace(whole, run=context.place("other") / "run")
            shutil.rmtree(study.run, ignore_errors=True)
            shutil.copytree(whole.run, study.run)
            changed = study.run / path.relative_to(whole.run)
            _rewrite(changed, change)
            before = changed.read_bytes()
            result.tried += 1
            faults = _refused_or_made(study.go(), study, changed, before, whole.hash)
            faults += _analysed(study) if changed.name == "analysis.json" else []
            result.blame(faults, f"{path.relative_to(whole.run)}, version {change:+d}")
    if context.full:
        _home_of_other_versions(context, result)
    return result


def _home_of_other_versions(context: Context, result: RowResult) -> None:
    """The same for what is stored for all runs: datasets, tokens, what trials took."""
    whole = materials().study(context.place("real"), True)
    whole = replace(whole, home=context.folder / "real" / "home")
    whole.go()
    for path in sorted(whole.home.rglob("*.json")):
        if not str(json.loads(path.read_bytes()).get("format", "")).startswith("bakeoff/"):
            continue
        for change in (-1, 1):
            saved = path.read_bytes()
            _rewrite(path, change)
            before = path.read_bytes()
            again = replace(whole, run=context.place("real") / "again")
            shutil.rmtree(again.run, ignore_errors=True)
            result.tried += 1
            ended, faults = again.go(), list[str]()
            if ended.traceback or ended.exit not in {0, 2}:
                faults.append(f"it ended with {ended.exit}: {ended.err[-400:]}")
            elif ended.exit == 2 and (path.name not in ended.err or "remedy" not in ended.err or path.read_bytes() != before):
                faults.append(f"the refusal is not clear, or it was overwritten: {ended.err[-400:]}")
            elif ended.exit == 0 and again.hash != whole.hash:
                faults.append(f"other results ({again.run})")
            result.blame(faults, f"{path.relative_to(whole.home)}, version {change:+d}")
            path.write_bytes(saved)


def _rewrite(path: Path, change: int) -> None:
    """Another version, and a checksum that fits: whole, only not ours."""
    body = json.loads(path.read_bytes())
    kind, _, version = str(body["format"]).partition("@")
    body["format"] = f"{kind}@{int(version) + change}"
    body["checksum"] = document_checksum(body)
    path.write_text(json.dumps(body))


def _refused_or_made(ended: Ended, study: StubStudy, changed: Path, before: bytes, expected: str) -> list[str]:
    if ended.traceback:
        return [f"it raised: {ended.err[-400:]}"]
    if ended.exit == 2:
        clear = changed.name in ended.err and "remedy" in ended.err
        whole = changed.read_bytes() == before
        return ([] if clear else [f"the refusal is not clear: {ended.err}"]) + ([] if whole else ["it was overwritten"])
    faults = faults_of(study.folder, 1, once=False)
    if ended.exit or results_hash(study.folder) != expected:
        faults.append(f"it ended with {ended.exit}, or with other results ({study.run})")
    if changed.name in REFUSED:
        faults.append("it was not refused")
    return faults


def _analysed(study: StubStudy) -> list[str]:
    try:
        analyse(study.folder)
    except Exception as error:
        return [f"the analysis raises {type(error).__name__}: {error}"]
    return []


def changed_between(context: Context) -> RowResult:
    """Change study, data, code and weights between a run and its continuation.

    Args:
        context: what the row is given.

    Returns:
        What came of it: other ids, or a refusal; what stood is untouched, and the analysis has the new trials alone.
    """
    result = RowResult()
    changes: dict[str, Callable[[Study], dict[str, str]]] = {
        "study": _change_study,
        "data": _change_data,
        "weights": _change_weights,
        "code": lambda _: {"SOAK_NEWER": "loss:bce"},
    }
    for name, change in changes.items():
        study = _own_study(context.place(name))
        first = study.go("--trials", "1") if name == "study" else study.go()
        old, plan = result_hashes(study.folder), Plan.read(study.folder.plan("final"))
        result.expect(
            first.exit == 0 and bool(old), f"{name}: the first run ended with {first.exit}: {first.err[-300:]}", study.run
        )
        second = study.go(extra=change(study))
        result.tried += 1
        result.blame(_mixed(study, second, old, {trial.id for trial in plan.trials}), name)
    return result


def _own_study(place: Path) -> Study:
    """A study with a dataset, a model and a home folder of its own."""
    home, model = place / "home", place / "model"
    shutil.copytree(materials().model, model)
    _write_rows(home, "")
    study = materials().study(place, True, {"tasks": {"own": {"dataset": DATASET, "metric": "f1_macro", "max_length": 16}}})
    body = yaml.safe_load(study.file.read_text())
    body["defaults"]["model"] = str(model)
    study.file.write_text(yaml.safe_dump(body))
    return replace(study, home=home)


def _write_rows(home: Path, more: str) -> None:
    words = ("happy day", "bad night", "quiet sea")
    splits = {
        split: [Row(f"{split}-{n}", f"{words[n % 3]} {n} {more}", (n % 3,)) for n in range(size)]
        for split, size in (("train", 48), ("validation", 18), ("test", 18))
    }
    write_dataset(Home(home), Import(DATASET, ("joy", "anger", "calm"), splits))


def _change_study(study: Study) -> dict[str, str]:
    body = yaml.safe_load(study.file.read_text())
    for method in METHODS:
        body["recipes"][f"bce-{method}"]["training"] |= {"learning_rate": 2e-3, "head_learning_rate": 2e-2}
    study.file.write_text(yaml.safe_dump(body))
    return {}


def _change_data(study: Study) -> dict[str, str]:
    _write_rows(study.home, "again")
    return {}


def _change_weights(study: Study) -> dict[str, str]:
    path = study.file.parent / "model" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    return {}


def _mixed(study: Study, second: Ended, old: dict[str, str], planned: set[str]) -> list[str]:
    if second.traceback:
        return [f"it raised: {second.err[-400:]}"]
    if second.exit == 2:
        return [] if "remedy" in second.err else [f"the refusal is not clear: {second.err}"]
    now, faults = {trial.id for trial in Plan.read(study.folder.plan("final")).trials}, []
    if same := now & planned:
        faults.append(f"trials kept their ids: {sorted(same)} ({study.run})")
    found = result_hashes(study.folder)
    if any(found.get(trial) != digest for trial, digest in old.items()):
        faults.append(f"an old result was changed ({study.run})")
    shown = {trial.id for task in analyse(study.folder).tasks for trial in _trials(task)}
    if shown - now:
        faults.append(f"the analysis mixes in {sorted(shown - now)}")
    return faults + faults_of(study.folder, len(now))


def _trials(task: Any) -> list[Any]:
    return [trial for recipe in task.recipes for trial in getattr(recipe, "trials", [])]


def moved(context: Context) -> RowResult:
    """Stop a run in the middle, move or copy its folder and the home elsewhere, and go on there.

    Args:
        context: what the row is given.

    Returns:
        What came of it: the same results, and the same analysis but for places and times.
    """
    result = RowResult()
    for how in ("moved", "copied"):
        whole, study, elsewhere = _halves(context, how)
        whole.go()
        place = context.place(f"{how}-elsewhere é")
        if how == "moved":
            shutil.move(study.run, place / "run")
        else:
            shutil.copytree(study.run, place / "run")
        there = elsewhere(place)
        result.tried += 1
        ended = there.go()
        faults = faults_of(there.folder)
        if ended.exit or ended.traceback or there.hash != whole.hash:
            faults.append(f"there, it ended with {ended.exit} or other results: {ended.err[-300:]} ({there.run})")
        # stubs are not scored on the same examples, so only real trials are analysed
        if context.full and _comparable(there.folder) != _comparable(whole.folder):
            faults.append(f"the analysis is another one ({there.folder.analysis}, {whole.folder.analysis})")
        result.blame(faults, how)
    return result


def _halves(context: Context, how: str) -> tuple[Any, Any, Callable[[Path], Any]]:
    if not context.full:
        whole = StubStudy(context.place(f"{how}-whole") / "run", {"ok": {}}, 3)
        study = replace(whole, run=context.place(how) / "run")
        replace(study, at_most=1).go()
        return whole, study, lambda place: replace(study, run=place / "run")
    whole = materials().study(context.place(f"{how}-whole"), True)
    study = materials().study(context.place(how), True)
    study.go("--trials", "1")

    def elsewhere(place: Path) -> Study:
        shutil.copytree(materials().home, place / "home", dirs_exist_ok=True)
        return replace(materials().study(place, True), home=place / "home")

    return whole, study, elsewhere


def _comparable(run: RunFolder) -> str:
    """The analysis without what tells where and when; how many steps a log tells of depends on how long they took."""
    body = analyse(run).model_dump(mode="json")

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if not _of_place(key)}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return json.dumps(strip(body), sort_keys=True).replace(str(run.root), "RUN")


def _of_place(key: str) -> bool:
    return any(
        word in key
        for word in ("seconds", "started", "ended", "when", "curve", "inputs", "looks", "peak", "created", "run", "attempts")
    )
