"""The packaged corpus is what its card says."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from importlib.resources import files
from typing import Any

import pytest

from bakeoff.catalog.datasets import GOEMOTIONS_LABELS

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[dict[str, Any]]]:
    folder = files("bakeoff.data") / "corpora" / "demo"
    return {s: [json.loads(line) for line in (folder / f"{s}.jsonl").read_text("utf-8").splitlines()] for s in SPLITS}


def test_sizes_ids_and_texts(corpus: dict[str, list[dict[str, Any]]]) -> None:
    rows = list(itertools.chain.from_iterable(corpus.values()))
    assert [len(corpus[s]) for s in SPLITS] == [898, 305, 297]
    assert len({row["id"] for row in rows}) == len({row["text"].casefold() for row in rows}) == len(rows)


def test_labels_are_long_tailed_and_in_every_split(corpus: dict[str, list[dict[str, Any]]]) -> None:
    for split in SPLITS:
        assert {label for row in corpus[split] for label in row["labels"]} == set(GOEMOTIONS_LABELS)
    rows = list(itertools.chain.from_iterable(corpus.values()))
    counts = Counter(label for row in rows for label in row["labels"])
    assert 10 <= min(counts.values()) <= 15
    assert max(counts.values()) > 20 * min(counts.values())
    assert all(row["labels"] == ["neutral"] for row in rows if "neutral" in row["labels"])
    assert 0.2 < sum(len(row["labels"]) > 1 for row in rows) / len(rows) < 0.35


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def test_no_comment_nearly_repeats_another(corpus: dict[str, list[dict[str, Any]]]) -> None:
    every = [shingles(row["text"]) for row in itertools.chain.from_iterable(corpus.values())]
    holders = defaultdict(list)
    for number, own in enumerate(every):
        for shingle in own:
            holders[shingle].append(number)
    shared = Counter(pair for held in holders.values() for pair in itertools.combinations(held, 2))
    assert shared, "some comments share a shingle; else this test looked at nothing"
    nearest = max(count / len(every[a] | every[b]) for (a, b), count in shared.items())
    assert nearest <= 0.2
