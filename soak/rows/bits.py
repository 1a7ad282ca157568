"""Row 5: one bit flipped in a checkpoint, a result, a store of tokens or features, weights."""

from __future__ import annotations

import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

from soak.context import Context, RowResult
from soak.judging import faults_of
from soak.processes import PATIENCE_SECONDS, Ended, children_of, wait_until
from soak.reference import METHODS, Study, materials
from soak.stubs import StubStudy

RESULTS = ("result.json", "validation.npz", "test.npz", "state.json")
TRIES = 10
WALK = {"steps": 60, "step_seconds": 0.02}
LIMITS = {"checkpoint_steps": 5}


def flip(path: Path, draws: random.Random) -> str:
    """Flip one bit of a file.

    Args:
        path: the file.
        draws: chooses the bit.

    Returns:
        Where, in words.
    """
    data = bytearray(path.read_bytes())
    at, bit = draws.randrange(len(data)), draws.randrange(8)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {at}"


def flip_bits(context: Context) -> RowResult:
    """Flip one bit in every kind of file that a run relies on, at random places, and start again.

    Args:
        context: what the row is given.

    Returns:
        What came of it: each is found, said, set aside and made again; H the same.
    """
    result = RowResult()
    _in_results(context, result)
    _in_checkpoints(context, result)
    if context.full:
        _in_training_checkpoints(context, result)
        _in_real_files(context, result)
    return result


def _in_results(context: Context, result: RowResult) -> None:
    whole = StubStudy(context.place("results") / "whole" / "run", seeds=1)
    whole.go()
    draws, (trial,) = context.draws("results"), whole.ids
    for name in RESULTS:
        for number in range(context.pick(1, 25)):
            study = replace(whole, run=context.place("results") / "flipped" / "run")
            shutil.rmtree(study.run, ignore_errors=True)
            shutil.copytree(whole.run, study.run)
            where = flip(study.folder.trial(trial).root / name, draws)
            result.tried += 1
            ended = study.go()
            result.blame(_faults(ended, study, whole.hash, "damaged" in ended.out), f"{name}, {where}, case {number}")


def _faults(ended: Ended, study: StubStudy | Study, expected: str, said: bool, only: str = "") -> list[str]:
    faults = faults_of(study.folder, once=False, only=only)
    if ended.exit or ended.traceback:
        faults.append(f"the start ends with {ended.exit}: {ended.err[-300:]} ({study.run})")
    if study.hash != expected:
        faults.append(f"H is another one ({study.run})")
    if not said:
        faults.append(f"nothing was said of it: {ended.out[-300:]} {ended.err[-300:]} ({study.run})")
    return faults


def _in_checkpoints(context: Context, result: RowResult) -> None:
    reference = StubStudy(context.place("checkpoints") / "whole" / "run", {"ok": WALK}, 1, limits=LIMITS)
    reference.go()
    draws = context.draws("checkpoints")
    for number in range(context.pick(2, 25)):
        study = replace(reference, run=context.place("checkpoints") / str(number) / "run")
        files = _preempted(study)
        if not result.expect(bool(files), f"checkpoint, case {number}: none was left", study.run):
            continue
        path = draws.choice(files)
        where = f"{path.name} of {path.parent.name}, {flip(path, draws)}"
        ended = study.go()
        result.tried += 1
        logs = "".join(log.read_text() for log in study.run.rglob("log.jsonl"))
        result.blame(_faults(ended, study, reference.hash, "passed over" in logs), f"checkpoint {where}, case {number}")


def _preempted(study: StubStudy | Study) -> list[Path]:
    """Stop a study in the middle; the files of its newest checkpoint. On a busy machine it may be over before: once more."""
    for _ in range(TRIES):
        shutil.rmtree(study.run, ignore_errors=True)
        runner = study.start()
        wait_until(lambda runner=runner: _checkpoints(study) or not runner.running, PATIENCE_SECONDS)  # type: ignore[misc]
        runner.kill(signal.SIGTERM)
        runner.wait()
        wait_until(lambda: not children_of(study.run), PATIENCE_SECONDS)
        if found := _checkpoints(study):
            return sorted(path for path in found[-1].rglob("*") if path.is_file())
    return []


def _checkpoints(study: StubStudy | Study) -> list[Path]:
    return sorted(path for path in study.run.rglob("checkpoints/step-*") if path.is_dir())


def _in_training_checkpoints(context: Context, result: RowResult) -> None:
    """Each file of the newest checkpoint of a training of each method: the one before it, or the start, is gone on from."""
    draws = context.draws("training")
    for method in METHODS:
        changes = {"limits": {"disk_reserve": "1MB", "checkpoint_steps": 2}, "seeds": [1]}
        study = materials().study(context.place(f"training-{method}"), False, changes)
        study = replace(study, options=(*study.options, "--only", f"recipe=bce-{method}"))
        whole = replace(study, run=study.run.with_name("whole"))
        whole.go()
        files = _preempted(study)
        result.expect(bool(files), f"checkpoint of {method}: none was left", study.run)
        for path in files:
            copy = replace(study, run=study.run.with_name("flipped"))
            shutil.rmtree(copy.run, ignore_errors=True)
            shutil.copytree(study.run, copy.run)
            where = f"{method}, {path.name}, {flip(copy.run / path.relative_to(study.run), draws)}"
            ended = copy.go()
            result.tried += 1
            logs = "".join(log.read_text() for log in copy.run.rglob("log.jsonl"))
            faults = _faults(ended, copy, whole.hash, "passed over" in logs, only=f"-bce-{method}-")
            result.blame(faults, f"checkpoint of a training, {where}")


def _in_real_files(context: Context, result: RowResult) -> None:
    """Stores of tokens and of features, stored datasets, and kept weights."""
    whole = materials().study(
        context.place("real"), True, {"keep": "all", "limits": {"disk_reserve": "1MB", "checkpoint_steps": 2}}
    )
    whole = replace(whole, home=context.folder / "real" / "home")
    whole.go()
    expected, draws = whole.hash, context.draws("real")
    for kind, pattern in (("token store", "tokens/*/*"), ("feature store", "features/*/*"), ("dataset", "datasets/demo/*/*")):
        for path in sorted(whole.home.glob(pattern)):
            if path.is_file():
                result.tried += 1
                saved = path.read_bytes()
                where = flip(path, draws)
                again = replace(whole, run=context.place("real") / "again")
                shutil.rmtree(again.run, ignore_errors=True)
                ended = again.go()
                if kind == "dataset" and ended.exit == 2 and str(path.parent.name) in ended.err and not ended.traceback:
                    path.write_bytes(saved)  # refused with its name is right for what cannot be made again
                    continue
                said = "damaged" in ended.out + ended.err or "set aside" in ended.out + ended.err
                result.blame(_faults(ended, again, expected, said or kind == "dataset"), f"{kind}, {path.name}, {where}")
    for path in sorted(whole.run.glob("trials/*/model/*")):
        copy = replace(whole, run=context.place("real") / "kept")
        shutil.rmtree(copy.run, ignore_errors=True)
        shutil.copytree(whole.run, copy.run)
        result.tried += 1
        where = flip(copy.run / path.relative_to(whole.run), draws)
        ended = copy.go()
        result.blame(_faults(ended, copy, expected, "damaged" in ended.out + ended.err), f"kept model, {path.name}, {where}")
    result.notes.append("a stored dataset that cannot be made again is refused by name; weights that trials begin from: row 25")
