"""Prediction files from anywhere, and two runs, compared as recipes of one study are."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bakeoff.analysis.comparing import compare_predictions, compare_runs
from bakeoff.api import compare
from bakeoff.errors import DataError, RunError
from bakeoff.records.predictions import read_predictions
from bakeoff.stats.estimates import contrast
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import mean_replicates
from fabricate import Fabrication, fabricate

LABELS = ("anger", "joy", "pride")
EXAMPLES = 240


def rows(right: float, seeds: tuple[int, ...], noise: int) -> list[dict[str, object]]:
    """Rows of a model that is right with some probability."""
    gold = np.random.default_rng(5).integers(0, 3, EXAMPLES)
    random = np.random.default_rng(noise)
    found: list[dict[str, object]] = []
    for seed in seeds:
        kept = random.random(EXAMPLES) < right
        said = np.where(kept, gold, (gold + 1) % 3)
        pairs = enumerate(zip(gold, said, strict=True))
        found += [{"id": f"e{n}", "gold": LABELS[a], "prediction": LABELS[b], "seed": seed} for n, (a, b) in pairs]
    return found


def write(path: Path, written: list[dict[str, object]]) -> Path:
    """A prediction file, its format by its suffix."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in written))
        return path
    if path.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(written), path)
        return path
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(written[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(written)
    return path


def test_every_format_says_the_same(tmp_path: Path) -> None:
    written = rows(0.8, (1, 2), 1)
    read = [read_predictions(write(tmp_path / f"a{suffix}", written), "a") for suffix in (".csv", ".tsv", ".jsonl", ".parquet")]
    for other in read[1:]:
        assert (other.ids, other.gold, other.said, other.single) == (read[0].ids, read[0].gold, read[0].said, True)
    gold = np.zeros((EXAMPLES, 3), dtype=bool)
    said = np.zeros((2, EXAMPLES, 3), dtype=bool)
    for place, row in enumerate(written):
        seed, example = divmod(place, EXAMPLES)
        gold[example, LABELS.index(str(row["gold"]))] = True
        said[seed, example, LABELS.index(str(row["prediction"]))] = True
    ids = np.array([f"e{n}" for n in range(EXAMPLES)])
    np.savez(tmp_path / "a.npz", ids=ids, gold=gold, predictions=said, seeds=np.array([1, 2]))
    arrays = read_predictions(tmp_path / "a.npz")
    assert arrays.ids == read[0].ids
    assert [{LABELS[int(label)] for label in labels} for labels in arrays.said[2]] == [set(one) for one in read[0].said[2]]


def test_files_are_compared_with_the_same_statistics(tmp_path: Path) -> None:
    seeds = (1, 2, 3, 4, 5)
    a, b = rows(0.9, seeds, 1), rows(0.7, seeds, 2)
    shuffled = [b[place] for place in np.random.default_rng(3).permutation(len(b))]
    found = compare_predictions(
        [read_predictions(write(tmp_path / "b.jsonl", shuffled)), read_predictions(write(tmp_path / "a.csv", a))]
    )
    assert (found.metric, found.leader, found.not_shown_worse) == ("accuracy", "a", ["a"])
    (pair,) = found.pairs
    assert (pair.recipe, pair.rival, pair.direction, pair.form) == ("a", "b", "better", "paired")
    right = [np.array([row["gold"] == row["prediction"] for row in one]).reshape(5, EXAMPLES) for one in (a, b)]
    # groups are drawn over the examples of the first file, whose order is shuffled: so is this reference
    order = [int(example[1:]) for example in read_predictions(tmp_path / "b.jsonl").ids]
    groups = draw_groups(EXAMPLES)
    expected = contrast(*[mean_replicates(seeds, one[:, order], groups) for one in right])
    assert pair.value == pytest.approx(expected.value, abs=1e-12)
    assert pair.low == pytest.approx(expected.interval().low, abs=1e-12)
    assert found.trained == []


def test_one_seed_says_only_that_trained_models_differ(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.csv", rows(right, (0,), 4)) for name, right in (("a", 0.95), ("b", 0.5))]
    (found,) = compare([f"new={files[0]}", str(files[1])])
    assert [side.name for side in found.sides] == ["new", "b"]
    assert found.pairs[0].direction == "undecided"
    assert found.not_shown_worse == ["new", "b"]
    assert found.trained[0].p < 0.01
    assert "trained" in found.trained[0].question
    assert "one seed" in found.warnings[0]


def test_one_set_of_predictions_under_several_seeds_counts_once(tmp_path: Path) -> None:
    once = rows(0.6, (1,), 3)
    copied = [{**row, "seed": seed} for seed in (1, 2, 3) for row in once]
    a, b = (write(tmp_path / f"{name}.csv", found) for name, found in {"a": rows(0.9, (1, 2, 3), 2), "b": copied}.items())
    (found,) = compare([str(a), str(b)])
    (pair,) = found.pairs
    assert (pair.direction, pair.form) == ("undecided", "one-seed")
    assert "all 3 seeds of b give one and the same result: they count as one" in found.warnings


def test_several_labels_and_clusters(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    written = [
        {
            "id": n,
            "gold": "|".join(LABELS[: 1 + n % 3]) if n % 5 else "",
            "prediction": "|".join(label for label in LABELS if generator.random() < 0.5),
            "seed": seed,
            "cluster": n // 4,
        }
        for seed in (1, 2)
        for n in range(100)
    ]
    path = write(tmp_path / "a.csv", written)
    found = compare_predictions([read_predictions(path, "a"), read_predictions(path, "b")])
    assert (found.metric, found.examples, found.clusters) == ("f1_macro", 100, 25)
    assert found.pairs[0].value == 0


FAULTS = {
    "another gold": (lambda one: one | {"gold": "pride" if one["gold"] != "pride" else "joy"}, "another gold"),
    "another example": (lambda one: one | {"id": f"{one['id']}x"}, "not the same examples"),
    "no gold": (lambda one: {key: value for key, value in one.items() if key != "gold"}, "lacks one of the columns"),
    "a seed that is a word": (lambda one: one | {"seed": "one"}, "no whole number"),
    "one example twice": (lambda one: one | {"id": "e1"}, "stands twice"),
}


@pytest.mark.parametrize(("change", "problem"), FAULTS.values(), ids=list(FAULTS))
def test_what_does_not_fit_is_refused(tmp_path: Path, change: object, problem: str) -> None:
    assert callable(change)
    good = rows(0.8, (1,), 1)
    files = [write(tmp_path / "a.jsonl", good), write(tmp_path / "b.jsonl", [change(row) for row in good])]
    with pytest.raises(DataError, match=problem):
        compare([str(path) for path in files])


@pytest.mark.parametrize("content", [b"", b"id,gold\n1,2\n", b"\xff\xfe", b"PK\x03\x04", b"{", b'"id\n'])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".npz", ".parquet"])
def test_a_torn_file_is_a_clear_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_predictions(path)


def test_sides_that_are_neither_files_nor_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(0.8, (1,), 1))
    for sides in ([str(path)], [str(path), str(tmp_path)], ["nothing", "else"]):
        with pytest.raises(RunError):
            compare(sides)


def test_two_runs_with_what_changed_between_them(tmp_path: Path) -> None:
    before = fabricate(tmp_path / "before", Fabrication(ends={}, recipes={"bce": 1.0, "tfidf": 1.0}, examples=300, width=4))
    after = fabricate(tmp_path / "after", Fabrication(ends={}, recipes={"bce": 3.0, "lr-high": 1.0}, examples=300, width=4))
    (found,) = compare_runs([before, after])
    (pair,) = found.pairs
    assert (pair.recipe, pair.rival) == ("bce (after)", "bce (before)")
    assert pair.value > 0
    assert (pair.differing, found.changed) == ([], [])
    smaller = fabricate(tmp_path / "smaller", Fabrication(ends={}, recipes={"bce": 1.0}, examples=200, width=4))
    with pytest.raises(RunError, match="other test examples"):
        compare_runs([before, smaller])
