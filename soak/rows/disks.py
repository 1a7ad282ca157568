"""Rows 6 and 7: a disk that fills up, folders that cannot be written or read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from soak.context import Context, RowResult
from soak.judging import faults_of
from soak.processes import Ended
from soak.reference import materials
from soak.stubs import StubStudy

DISK_BYTES = 2 << 20
WITHOUT_POWERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
"""Before a command of root: permissions hold for it too."""
QUICK_SECONDS = 2.0
FORBIDDEN = {
    "run folder, new": {"": 0o555},
    "trials": {"run/trials": 0o555},
    "run folder": {"run": 0o555},
    "all of the run folder": {"run": 0o000},
    "plans": {"run/plans": 0o555},
}
"""Permissions of folders, by case."""
WALK = {"steps": 40}
LIMITS = {"checkpoint_steps": 5}


@contextmanager
def small_disk(place: Path) -> Iterator[Path | None]:
    """A disk of its own of 2 MiB.

    Args:
        place: where it is mounted.

    Yields:
        The place; None where nobody may mount.
    """
    place.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def fill_disk(context: Context) -> RowResult:
    """Run on a disk that has a random number of bytes left; then free it, and give the same command again.

    Args:
        context: what the row is given.

    Returns:
        What came of it: a clear end with path and bytes, nothing torn, and H the same after the disk was freed.
    """
    result = RowResult()
    reference = StubStudy(context.place("undisturbed") / "run", {"ok": WALK}, 3, limits=LIMITS)
    reference.go()
    needed = sum(path.stat().st_blocks * 512 for path in reference.run.rglob("*")) * 2
    draws = context.draws()
    for number in range(context.pick(3, 60)):
        with small_disk(context.place("disk")) as disk:
            left = draws.randrange(0, needed)
            result.tried += 1
            if disk is None:
                result.blame(_full_by_layer(context, number, reference), f"full from call {number * 7 + 5} on")
            else:
                study = replace(reference, run=disk / "run")
                result.blame(_full(study, disk, left, reference.hash), f"{left} bytes left")
    if disk is None:
        result.notes.append("nobody may mount here: writes raise ENOSPC from a call on in place of a full disk")
    result.notes.append(f"the study needs about {needed // 2} bytes")
    return result


def _full(study: StubStudy, disk: Path, left: int, expected: str) -> list[str]:
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    with ballast.open("wb") as stream, suppress(OSError):
        stream.write(bytes(max(0, free - left)))
        stream.flush()
    # what the commands print stands on another disk
    ended = replace(study).start_in(disk.parent).wait()
    faults = _clear(ended, str(disk))
    ballast.unlink()
    return faults + _freed(study, expected, disk.parent)


def _clear(ended: Ended, path: str) -> list[str]:
    if ended.exit == 0:
        return []
    faults = []
    if ended.exit != 2 or ended.traceback:
        faults.append(f"it ended with {ended.exit}: {ended.err[-600:]}")
    elif path not in ended.err or "bytes" not in ended.err:
        faults.append(f"the message lacks path or bytes: {ended.err[-300:]}")
    return faults


def _freed(study: StubStudy, expected: str, place: Path) -> list[str]:
    ended = study.start_in(place).wait()
    faults = faults_of(study.folder, 3) if study.folder.plan("final").exists() else ["no plan"]
    if ended.exit or ended.traceback:
        faults.append(f"freed, it ended with {ended.exit}: {ended.err[-300:]}")
    if study.hash != expected:
        faults.append("H is another one")
    return faults


def _full_by_layer(context: Context, number: int, reference: StubStudy) -> list[str]:
    study = replace(reference, run=context.place(f"layer-{number}") / "run", full_at=number * 7 + 5)
    ended = study.go()
    faults = _clear(ended, str(study.run))
    return faults + _freed(replace(study, full_at=0), reference.hash, study.run.parent)


def forbid(context: Context) -> RowResult:
    """Forbid to write the run folder, its parent, the folder of a trial; to read a result; forbid all of the run folder.

    Args:
        context: what the row is given.

    Returns:
        What came of it: a clear error, at once and before any trial begins; allowed again, the study completes.
    """
    result = RowResult()
    before = WITHOUT_POWERS if os.geteuid() == 0 else ()
    if before and shutil.which(before[0]) is None:
        result.faults.append("setpriv is missing, and permissions do not hold for root")
        return result
    for name, modes in list(FORBIDDEN.items())[: context.pick(2, len(FORBIDDEN))]:
        place = context.place(name.replace(" ", "-").replace(",", "")) / "case"
        study = StubStudy(place / "run", {"ok": {}}, 2, plainly=True)  # how long a start takes is part of the matter
        study.run.parent.mkdir()
        if "new" not in name:
            replace(study, at_most=1).start_in(context.folder).wait()
        changed = {study.run.parent / place: mode for place, mode in modes.items()}
        result.tried += 1
        result.blame(_forbidden(context, study, changed, before), name)
    if context.full:
        _read_only_cache(context, result, before)
    return result


def _read_only_cache(context: Context, result: RowResult, before: tuple[str, ...]) -> None:
    """A home folder that cannot be written: with all that trials need in it they run, without they are refused at once."""
    filled = replace(materials().study(context.place("filled"), True), home=context.folder / "home")
    filled.go()
    for name, home in (("filled", filled.home), ("empty", context.place("empty-home"))):
        study = replace(materials().study(context.place(f"cache-{name}"), True), home=home)
        folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        ended = study.start(before=before).wait()
        for folder in folders:
            folder.chmod(0o755)
        result.tried += 1
        faults = [f"it raised: {ended.err[-400:]}"] if ended.traceback else []
        if name == "filled":
            if ended.exit or study.hash != filled.hash:
                faults.append(f"it ended with {ended.exit}, or with other results: {ended.err[-400:]} ({study.run})")
        else:
            if ended.exit != 2 or str(home) not in ended.err or "remedy" not in ended.err or study.folder.trials.exists():
                faults.append(f"it ended with {ended.exit}, or began a trial: {ended.err[-400:]} ({study.run})")
            if ended.seconds > QUICK_SECONDS:
                faults.append(f"it took {ended.seconds:.1f} s")
        result.blame(faults, f"read-only cache, {name}")


def _forbidden(context: Context, study: StubStudy, changed: dict[Path, int], before: tuple[str, ...]) -> list[str]:
    for path, mode in changed.items():
        path.chmod(mode)
    trials = study.run / "trials"
    ended = study.start_in(context.folder, before=before).wait()
    for path in changed:
        path.chmod(0o755)
    faults = []
    if ended.exit != 2 or ended.traceback or str(study.run.parent) not in ended.err:
        faults.append(f"it ended with {ended.exit}: {ended.err[-400:]} ({study.run})")
    if context.full and ended.seconds > QUICK_SECONDS:
        faults.append(f"it took {ended.seconds:.1f} s")
    if trials.is_dir() and len(list(trials.iterdir())) > 1:
        faults.append(f"a trial was begun ({trials})")
    again = study.start_in(context.folder).wait()
    if again.exit or again.traceback:
        faults.append(f"allowed again, it ended with {again.exit}: {again.err[-300:]}")
    return faults + faults_of(study.folder, 2)
