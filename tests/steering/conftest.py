"""A study of stub jobs in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import Drive, MakeDrive


@pytest.fixture
def make_drive(tmp_path: Path) -> MakeDrive:
    """Writes a study and says how it is carried out: `make_drive(TEXT, name="other", workers=2)`."""

    def make(text: str, name: str = "run", **options: Any) -> Drive:
        study = tmp_path / "study.yaml"
        study.write_text(text, encoding="utf8")
        return Drive(study, tmp_path / name, **options)

    return make
