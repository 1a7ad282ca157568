"""Jobs that belong to no run: conversion of a model's weights in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.errors import JobError
from bakeoff.records.paths import Home
from bakeoff.running.oneoff import convert_weights


def test_the_converted_file_lands_and_the_job_leaves_nothing(worker: tuple[str, ...], hostile_path: Path) -> None:
    home, source = Home(hostile_path / "home"), hostile_path / "pytorch_model.bin"
    source.write_bytes(b"weights")
    convert_weights(home, source, hostile_path / "new" / "model.safetensors", worker)
    assert (hostile_path / "new" / "model.safetensors").read_bytes() == b"weights converted"
    assert list(home.jobs.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"), [("unsafe.bin", "more than tensors"), ("deadly.bin", r"killed by signal 11 \(SIGSEGV\)")]
)
def test_a_failed_conversion_says_why_and_leaves_no_file(
    worker: tuple[str, ...], tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(JobError, match=reason):
        convert_weights(Home(tmp_path / "home"), tmp_path / name, tmp_path / "model.safetensors", worker)
    assert not (tmp_path / "model.safetensors").exists()
