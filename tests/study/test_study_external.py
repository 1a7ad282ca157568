"""Predictions from elsewhere in a study file: found beside it, known by their hash, a fault where they are not there."""

from __future__ import annotations

from pathlib import Path

import yaml
from study_files import FaultsOf, Load

from bakeoff.records.files import sha256_file

STUDY = "tasks: {{demo: {{dataset: demo}}}}\nrecipes:\n  theirs: {{method: {{name: external, file: {file}{more}}}}}\n"


def test_the_file_is_found_beside_the_study_and_hashed(load: Load, tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("id,gold,prediction\n", encoding="utf8")
    study = load(STUDY.format(file="theirs.csv", more=""))
    settings = study.recipes["theirs"].method.settings
    assert settings["sha256"] == sha256_file(tmp_path / "theirs.csv")
    assert Path(settings["file"]) == (tmp_path / "theirs.csv").resolve()
    assert yaml.safe_load(study.resolved_yaml())["recipes"]["theirs"]["method"]["sha256"] == settings["sha256"]


def test_what_is_missing_or_another_is_a_fault_with_its_line(faults_of: FaultsOf, tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("id,gold,prediction\n", encoding="utf8")
    for file, more, problem in (
        ("gone.csv", "", "cannot be read"),
        ("theirs.txt", "", "suffix"),
        ("theirs.csv", f", sha256: '{'0' * 64}'", "other predictions"),
    ):
        (fault,) = faults_of(STUDY.format(file=file, more=more))
        assert problem in fault.problem
        assert (fault.line, fault.key) == (3, "recipes.theirs.method.file")
