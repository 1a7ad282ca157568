"""An error of the disk is told in words, with path and bytes, wherever the runner meets it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import RunError
from bakeoff.records.paths import RunFolder
from bakeoff.running import lock
from bakeoff.running.diskspace import disk_error, free_bytes


def test_a_folder_that_is_not_there_has_the_disk_of_its_parent(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0


def test_a_disk_that_is_full_when_the_folder_is_taken_is_said_with_path_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "run" / "owner.json"))

    monkeypatch.setattr(lock, "write_document", full)
    with (
        pytest.raises(RunError, match=r"the disk is full.*\d+ bytes are free") as raised,
        lock.RunLock(RunFolder(tmp_path / "run")),
    ):
        pass
    assert "owner.json" in str(raised.value)


def test_other_errors_are_not_the_disk_s(tmp_path: Path) -> None:
    assert disk_error(tmp_path, OSError(errno.ENOENT, "no such file")) is None
