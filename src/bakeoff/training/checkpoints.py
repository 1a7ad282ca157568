"""Checkpoints on disk: whole or not there. Without torch, so that any job can have them.

A checkpoint is a folder. It is written under a temporary name, its manifest with the hash of each file last, synced, and
renamed; only then an older one goes. Whoever resumes takes the newest that validates and says what was passed over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from bakeoff.errors import FormatError
from bakeoff.records.files import move_into_place, read_document, sync_file, write_document
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import FileEntry, file_entry, verify_manifest
from bakeoff.records.specs import Spec

CHECKPOINT_VERSION = 1
KEPT = 2
"""Checkpoints of an attempt that stay: the newest may turn out to be damaged."""
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
MANIFEST = "manifest.json"
NAME = re.compile(r"step-(\d{8,})(-trained)?")
UNREADABLE = (FormatError, ValueError, KeyError, TypeError, OSError)

State = TypeVar("State")


class Manifest(Spec):
    """`manifest.json` of a checkpoint.

    Attributes:
        trial: id of the trial.
        definition: hash of the trial's definition; a checkpoint of another definition is refused.
        step: steps done.
        trained: whether the training was over, and nothing is left but the evaluation.
        files: every other file of the folder.
    """

    trial: str
    definition: str
    step: int
    trained: bool
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class Found(Generic[State]):
    """A checkpoint that validated.

    Attributes:
        folder: where it stands.
        attempt: name of the attempt that wrote it.
        step: steps done.
        trained: whether the training was over.
        state: what its reader made of it.
    """

    folder: Path
    attempt: str
    step: int
    trained: bool
    state: State


class FullDiskError(OSError):
    """A checkpoint for which the disk has no room."""


class Checkpoints:
    """The checkpoints that one attempt writes.

    Args:
        folder: `checkpoints/` of the attempt.
        trial: id of the trial.
        definition: hash of its definition.
        seconds: one is due when so much time has passed since the last; None means never.
        steps: the same in steps.
    """

    def __init__(self, folder: Path, trial: str, definition: str, seconds: float | None, steps: int | None) -> None:
        self.folder, self.trial, self.definition = folder, trial, definition
        self._seconds, self._steps = seconds, steps
        self._written = ""
        self.begin(0)

    @property
    def wanted(self) -> bool:
        """Whether any are asked for."""
        return self._seconds is not None or self._steps is not None

    def begin(self, step: int) -> None:
        """From here on intervals are counted.

        Args:
            step: steps done.
        """
        self._since, self._since_step = time.monotonic(), step

    def due(self, step: int) -> bool:
        """Whether it is time for the next.

        Args:
            step: steps done.

        Returns:
            Whether an interval has passed and there is anything new.
        """
        made = step - self._since_step
        if made <= 0:
            return False
        late = self._seconds is not None and time.monotonic() - self._since >= self._seconds
        return late or (self._steps is not None and made >= self._steps)

    def write(self, step: int, fill: Callable[[Path], None], trained: bool = False) -> Path:
        """Write a checkpoint, and remove those that are no longer needed.

        Args:
            step: steps done.
            fill: writes all files into an empty folder.
            trained: whether the training is over.

        Returns:
            Its folder.

        Raises:
            FullDiskError: if the disk has no room for it; nothing of it is left, and older ones stand.
            OSError: if it cannot be written for another reason; likewise.
        """
        name = f"step-{step:08d}" + ("-trained" if trained else "")
        target = self.folder / name
        if name != self._written:
            with self._temporary(name) as temporary:
                fill(temporary)
                self._seal(temporary, step, trained)
                move_into_place(temporary, target)
            self._written = name
            self._prune()
        self.begin(step)
        return target

    def _seal(self, folder: Path, step: int, trained: bool) -> None:
        files = {}
        for path in sorted(folder.iterdir()):
            sync_file(path)
            files[path.name] = file_entry(path)
        manifest = Manifest(trial=self.trial, definition=self.definition, step=step, trained=trained, files=files)
        write_document(folder / MANIFEST, "checkpoint", CHECKPOINT_VERSION, manifest.model_dump())

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        """A folder that is gone if it cannot be finished."""
        folder = self.folder / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            written = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
            shutil.rmtree(folder, ignore_errors=True)
            if error.errno not in FULL_DISK:
                raise
            free = shutil.disk_usage(self.folder if self.folder.is_dir() else self.folder.parent).free
            text = f"no room for the checkpoint {name}: {written} bytes were written, {free} bytes are free now"
            raise FullDiskError(error.errno, text, str(self.folder)) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _prune(self) -> None:
        """All but the newest go; the one just written stands by now."""
        standing = sorted(path for path in self.folder.iterdir() if NAME.fullmatch(path.name))
        for old in standing[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def newest(attempts: list[Path], definition: str, read: Callable[[Path], State]) -> tuple[Found[State] | None, list[str]]:
    """The checkpoint to go on from.

    Args:
        attempts: folders of attempts, newest first.
        definition: hash of the trial's definition.
        read: makes what is needed of a folder whose files are whole.

    Returns:
        The furthest that validates, None if there is none; and a line for each that was passed over.
    """
    passed: list[str] = []
    found: list[tuple[bool, int, Path]] = []
    for attempt in attempts:
        folder = AttemptFolder(attempt).checkpoints
        for path in sorted(folder.iterdir() if folder.is_dir() else ()):
            if match := NAME.fullmatch(path.name):
                found.append((bool(match[2]), int(match[1]), path))
            elif path.suffix == ".tmp":
                passed.append(f"{path}: it was never finished")
    # stable: of equals, that of the newer attempt comes first
    for _, _, path in sorted(found, key=lambda one: one[:2], reverse=True):
        try:
            return _validate(path, definition, read), passed
        except UNREADABLE as error:
            passed.append(f"{path}: {error.what if isinstance(error, FormatError) else error}")
    return None, passed


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a checkpoint.

    Args:
        folder: the checkpoint.

    Returns:
        Its manifest.
    """
    return Manifest.model_validate(read_document(folder / MANIFEST, "checkpoint", CHECKPOINT_VERSION))


def _validate(folder: Path, definition: str, read: Callable[[Path], State]) -> Found[State]:
    manifest = read_manifest(folder)
    if manifest.definition != definition:
        raise FormatError(f"it belongs to another definition, of the trial {manifest.trial}", str(folder))
    for name in manifest.files:
        if Path(name).name != name or (folder / name).is_symlink():
            raise FormatError(f"its manifest names {name!r}, which is no file of its own", str(folder))
    if faults := verify_manifest(folder, manifest.files):
        raise FormatError("; ".join(faults), str(folder))
    return Found(folder, folder.parents[1].name, manifest.step, manifest.trained, read(folder))


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file that is never changed in place under a second name, at no cost where the disk can.

    Args:
        source: the file.
        target: its other name; a file there is replaced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            os.link(source, temporary)
        except OSError as error:  # exFAT and some network disks have no links
            if error.errno in FULL_DISK:
                raise
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
