"""Durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from study_files import TASKS, Load

from bakeoff.records.limits import rows_within
from bakeoff.study.planning import DatasetFacts, MachineFacts, make_plan
from bakeoff.study.quantities import BYTES, SECONDS, format_duration, format_size, parse_duration, parse_share, parse_size


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1.5h", 5400), ("2 h", 7200)]
)
def test_durations(written: str, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("500MB", 500_000_000), ("5GB", 5 * 10**9), ("2GiB", 2**31), ("1.5KiB", 1536), ("0B", 0), ("3 TB", 3 * 10**12)],
)
def test_sizes(written: str, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "h", "2", "2x", "-2h", "2h30m", "1e3s", "2hh", " 2h", "٣h", "2h\n", 7, True, None, [], 1.5, "9" * 400 + "h"]
)
def test_what_is_no_duration_is_refused_with_what_is_allowed(written: object) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse_duration(written)
    assert "90s" in str((caught.value.context or {})["allowed"])


def test_the_right_case_of_a_unit_is_suggested() -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse_size("5gb")
    assert (caught.value.context or {})["suggestion"] == "5GB"


@given(st.integers(1, 10**9), st.sampled_from(list(SECONDS)))
def test_a_duration_is_read_back_as_written(number: int, unit: str) -> None:
    seconds = parse_duration(f"{number}{unit}")
    assert seconds == number * SECONDS[unit]
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 10**12 - 1), st.sampled_from(list(BYTES)))
def test_a_size_is_read_back_as_written(number: int, unit: str) -> None:
    size = parse_size(f"{number}{unit}")
    assert parse_size(f"{number} {unit}") == size
    if size < 10**12:
        assert parse_size(format_size(size)) == size


@given(st.integers(1, 10**6).map(lambda tenths: tenths / 10))
def test_parts_of_seconds_survive(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


def test_limits_have_defaults_and_types(load: Load) -> None:
    limits = load(TASKS + "recipes: {a: {}}\nlimits: {study: 1d, disk_reserve: 1GiB, retries: 0}\n").limits
    assert (limits.trial, limits.study, limits.stall, limits.collective) == (7200, 86_400, 600, 3600)
    assert (limits.retries, limits.disk_reserve) == (0, 2**30)


def test_a_share_of_the_examples_is_a_number_when_the_sizes_are_known(load: Load) -> None:
    study = load("tasks: {demo: {dataset: demo, train_limit: 12.5%, test_limit: 30}}\nrecipes: {a: {method: majority}}\n")
    assert (study.tasks["demo"].train_limit, study.tasks["demo"].test_limit) == ("12.5%", 30)
    sizes = {"train": 1001, "validation": 10, "test": 40}
    facts = {"demo": DatasetFacts("demo", "0" * 64, ("a", "b"), sizes)}
    task = make_plan(study, facts, {}, MachineFacts(cores=1, bf16=False)).trials[0].task
    assert (task.train_limit, task.validation_limit, task.test_limit) == (125, None, 30)


@given(st.integers(1, 10**9), st.integers(1, 100))
def test_a_share_is_to_the_nearest_and_at_least_one(size: int, percent: int) -> None:
    found = rows_within(f"{percent}%", size)
    assert found is not None
    assert found == 1 or abs(found - size * percent / 100) <= 0.5


@pytest.mark.parametrize("written", ["0%", "101%", "ten%", "%", "-5%", "1e1%", "10", "10 %"])
def test_what_is_no_share_is_refused(written: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse_share(written)
    assert "10%" in str((caught.value.context or {})["allowed"])
