"""What examples belong together by: groups, shared contexts and near duplicates, as the task says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.data.clusters import find_clusters
from bakeoff.data.dataset import write_dataset
from bakeoff.data.rows import SPLITS, Answer, Import, Row
from bakeoff.data.splitting import linked_numbers
from bakeoff.records.paths import Home

LONG = [
    "the committee met on tuesday morning",
    "the committee met on tuesday morning!",
    "it rained all day in the north",
    "ok",
    "ok",
]


@pytest.mark.parametrize(
    ("by", "expected"), [("near-duplicates", [0, 0, 0, 1, 1]), ("groups", [0, 1, 0, 2, 3]), ("none", None)]
)
def test_rows_are_linked_by_what_the_task_says(tmp_path: Path, by: Any, expected: list[int] | None) -> None:
    rows = [Row(str(n), text, (0,), group="g" if n in (0, 2) else "") for n, text in enumerate(LONG)]
    dataset = write_dataset(Home(tmp_path), Import("some", ("x",), dict.fromkeys(SPLITS, rows)))
    found = find_clusters(dataset, "test", np.arange(5), by)
    assert (None if found is None else found.tolist()) == expected


def test_rows_that_stand_alone_have_none(tmp_path: Path) -> None:
    rows = [Row(str(n), text, (0,)) for n, text in enumerate(["one", "two", "three"])]
    dataset = write_dataset(Home(tmp_path), Import("some", ("x",), dict.fromkeys(SPLITS, rows)))
    assert find_clusters(dataset, "test", np.arange(3), "near-duplicates") is None


def test_only_the_rows_that_are_used_count(tmp_path: Path) -> None:
    rows = [Row(str(n), text, (0,)) for n, text in enumerate(LONG)]
    dataset = write_dataset(Home(tmp_path), Import("some", ("x",), dict.fromkeys(SPLITS, rows)))
    found = find_clusters(dataset, "test", np.array([4, 3, 2]), "near-duplicates")
    assert found is not None
    assert found.tolist() == [0, 0, 1]


def test_questions_on_one_context_belong_together(tmp_path: Path) -> None:
    context = "Ada wrote it in London."
    rows = [
        Row("1", "Who wrote it?", (), context, answers=(Answer(0, "Ada"),)),
        Row("2", "Where?", (), context, answers=(Answer(16, "London"),)),
        Row("3", "Where?", (), "Bob was in Rome.", answers=(Answer(11, "Rome"),)),
    ]
    dataset = write_dataset(Home(tmp_path), Import("asked", ("x",), dict.fromkeys(SPLITS, rows)))
    found = find_clusters(dataset, "test", np.arange(3), "groups")
    assert found is not None
    assert found.tolist() == [0, 0, 1]


def test_partitions_are_joined_over_others() -> None:
    first, second = np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 2, 3])
    assert linked_numbers([first, second]).tolist() == [0, 0, 0, 1, 2]
    assert linked_numbers([first]).tolist() == [0, 0, 1, 2, 3]
