"""Files that say how strong an emotion is (EmoInt, WASSA 2017; SemEval-2018 EI-reg): with a threshold they become labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.data.choosing import Columns
from bakeoff.data.composing import compose
from bakeoff.data.own import import_own
from bakeoff.errors import DataError
from bakeoff.records.compositions import Composition, LabelMap, Source
from bakeoff.records.paths import Home

EMOTIONS = ("anger", "fear", "joy", "sadness")


def ratings(emotion: str, first: int, count: int, line: str = "{id}\t{text}\t{emotion}\t{score:.3f}\n") -> str:
    return "".join(
        line.format(id=first + i, text=f'a tweet "number {first + i}', emotion=emotion, score=(i % 10) / 10)
        for i in range(count)
    )


@pytest.fixture
def emoint(tmp_path: Path) -> Path:
    """A folder as EmoInt is published: a file an emotion and a split, without header lines, quotation marks as they come."""
    folder = tmp_path / "emoint"
    folder.mkdir()
    for number, emotion in enumerate(EMOTIONS):
        for split, count in (("train", 40), ("dev.gold", 10), ("test.gold", 20)):
            first = 10_000 * (number + 1) + {"train": 0, "dev.gold": 100, "test.gold": 200}[split]
            (folder / f"{emotion}-ratings-0to1.{split}.txt").write_text(ratings(emotion, first, count), "utf8")
    return folder


def test_a_folder_of_ratings_becomes_labels_at_a_threshold(home: Home, emoint: Path) -> None:
    dataset, said = import_own(home, "emoint", emoint, Columns(threshold=0.5))
    assert (dataset.labels, said.kind) == (EMOTIONS, "multilabel")
    assert dataset.sizes == {"train": 160, "validation": 40, "test": 80}
    assert "no header line: id, text, emotion, intensity" in said.lines[0]
    assert "kind: multilabel, since each row is rated for one label, and says nothing of the others" in said.lines
    assert dataset.ids("train")[0] == "10000"
    assert dataset.texts("train")[0] == 'a tweet "number 10000'
    assert dataset.targets("test").sum(where=dataset.targets("test") == 1) == 40


def test_a_row_says_nothing_of_the_emotions_that_it_was_not_rated_for(home: Home, emoint: Path) -> None:
    dataset, _ = import_own(home, "emoint", emoint, Columns(threshold=0.5))
    annotated = dataset.annotated("train")
    assert annotated is not None
    assert (annotated.sum(axis=1) == 1).all()
    assert np.array_equal(annotated.sum(axis=0), [40, 40, 40, 40])
    places = [row[0] for row in dataset.positions("train") if row]
    assert len(places) == 80
    assert all(annotated[number, row[0]] for number, row in enumerate(dataset.positions("train")) if row)


def test_a_map_decides_no_more_than_the_ratings_do(home: Home, emoint: Path) -> None:
    import_own(home, "emoint", emoint, Columns(threshold=0.5))
    told = LabelMap(
        name="m",
        to=["bad", "joy"],
        sure={"anger": ["bad"], "fear": ["bad"], "sadness": ["bad"], "joy": ["joy"]},
        annotated=["bad", "joy"],
    )
    composed = compose(home, Composition(kind="multilabel", sources=[Source(name="e", dataset="emoint", map=told)]))
    annotated = composed.annotated("train")
    assert annotated is not None
    # who was rated at least 0.5 for anger is bad; who was rated less may be so from fear: nothing is known
    assert annotated[:, 0].sum() == 3 * 20
    assert annotated[:, 1].sum() == 40


def test_without_a_threshold_it_is_asked_for(home: Home, emoint: Path) -> None:
    with pytest.raises(DataError, match="from which intensity on") as caught:
        import_own(home, "emoint", emoint)
    assert "--threshold" in caught.value.remedy


def test_a_rating_that_is_kept_secret_is_counted_and_left_out(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "anger.txt"
    path.write_text(ratings("anger", 0, 40) + "900\tsome secret tweet\tanger\tNONE\n", "utf8")
    dataset, said = import_own(home, "anger", path, Columns(threshold=0.5))
    assert sum(dataset.sizes.values()) == 40
    assert "left out: 1 row with no label or no score" in said.lines


def test_ratings_with_a_header_line(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "EI-reg-En-anger-train.txt"
    path.write_text("ID\tTweet\tAffect Dimension\tIntensity Score\n" + ratings("anger", 0, 40), "utf8")
    dataset, said = import_own(home, "eireg", path, Columns(threshold=0.5))
    assert (dataset.labels, sum(dataset.sizes.values()), said.kind) == (("anger",), 40, "multilabel")


def test_columns_of_a_file_without_a_header_line_are_named(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "topics.csv"
    path.write_text("".join(f'{i % 2 + 1},"Title {i}","Some text, number {i}"\n' for i in range(40)), "utf8")
    dataset, said = import_own(home, "topics", path, Columns(header=("label", "title", "text")))
    assert (dataset.labels, sum(dataset.sizes.values())) == (("1", "2"), 40)
    assert said.lines[1].startswith("text: the column 'text'")
    with pytest.raises(DataError, match="3 fields; expected 2"):
        import_own(home, "topics", path, Columns(header=("label", "text")))
