"""Several datasets as one: rows, labels, masks and context, against what a few lines of plain Python say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data.composing import compose, put_together
from bakeoff.data.context import preceding
from bakeoff.data.dataset import Dataset, open_dataset, write_dataset
from bakeoff.data.rows import SPLITS, Import, Row
from bakeoff.errors import DataError
from bakeoff.records.compositions import Composition, Context, LabelMap, Source
from bakeoff.records.paths import Home

FEELINGS = ("joy", "anger", "guilt", "other")


def stored(home: Home, name: str, labels: tuple[str, ...], rows: list[tuple[tuple[int, ...], str]]) -> Dataset:
    """A dataset in which every split has the same rows: (label positions, group)."""
    splits = {
        split: [Row(f"{split}{n}", f"{name} {split} {n}", where, "", group) for n, (where, group) in enumerate(rows)]
        for split in SPLITS
    }
    return write_dataset(home, Import(name, labels, splits, terms=f"terms of {name}"))


def told(**changes: object) -> LabelMap:
    body = {
        "name": "m",
        "to": ["good", "bad", "hot"],
        "sure": {"joy": ["good"], "anger": ["bad", "hot"]},
        "possible": {"guilt": ["bad", "hot"]},
        "unmapped": ["other"],
        "annotated": ["good", "bad"],
    }
    return LabelMap.model_validate({**body, **changes})


ROWS = [((0,), "a"), ((1,), "a"), ((2,), "b"), ((3,), "b"), ((0, 2), "b"), ((1, 2), ""), ((), "")]
EXPECTED = [  # labels that hold, and those that are decided: worked out by hand
    ({"good"}, {"good", "bad"}),
    ({"bad", "hot"}, {"good", "bad", "hot"}),
    (set(), {"good"}),
    (set(), {"good", "bad"}),
    ({"good"}, {"good"}),
    ({"bad", "hot"}, {"good", "bad", "hot"}),
    (set(), {"good", "bad"}),
]


def test_labels_are_told_and_what_is_not_annotated_is_known(home: Home) -> None:
    stored(home, "one", FEELINGS, ROWS)
    composition = Composition(kind="multilabel", sources=[Source(name="one", dataset="one", map=told())])
    found = compose(home, composition)
    names = np.array(found.labels)
    annotated = found.annotated("train")
    assert annotated is not None
    assert [(set(names[t == 1]), set(names[m])) for t, m in zip(found.targets("train"), annotated, strict=True)] == EXPECTED
    assert found.ids("train") == [f"train{n}" for n in range(len(ROWS))], "one source keeps its ids"
    assert found.source_names == ()
    some = found.annotated("test", np.array([6, 2]))
    assert some is not None
    np.testing.assert_array_equal(some, annotated[[6, 2]])


def test_rows_of_a_dropped_label_are_counted(home: Home) -> None:
    stored(home, "one", FEELINGS, ROWS)
    kept = told(dropped=["other"], unmapped=[])
    found = compose(home, Composition(kind="multilabel", sources=[Source(name="one", dataset="one", map=kept)]))
    body = found.card["splits"]["train"]
    assert body["rows"] + sum(body["dropped"].values()) == len(ROWS)
    assert body["dropped"] == {"the label other is left out": 1}


def test_labels_that_exclude_one_another_need_just_one(home: Home) -> None:
    stored(home, "one", FEELINGS, ROWS)
    single = Composition(kind="single-label", sources=[Source(name="one", dataset="one", map=told())])
    found = compose(home, single)
    assert found.targets("train").tolist() == [[1, 0, 0], [1, 0, 0]]
    assert found.card["splits"]["train"]["dropped"] == {"no label in this task": 3, "several labels in this task": 2}


def test_sources_stand_one_after_another_under_their_names(home: Home) -> None:
    first = stored(home, "one", FEELINGS, ROWS)
    second = stored(home, "two", ("hot", "good"), [((0,), "x"), ((1,), "x")])
    sources = [Source(name="A", dataset="one", map=told()), Source(name="B", dataset="two")]
    found = compose(home, Composition(kind="multilabel", sources=sources))
    assert found.source_names == ("A", "B")
    assert found.source_numbers("train").tolist() == [0] * 7 + [1] * 2
    assert found.ids("train")[-2:] == ["B:train0", "B:train1"]
    assert found.groups("train")[:2] + found.groups("train")[-2:] == ["A:a", "A:a", "B:x", "B:x"]
    assert found.groups("train")[5] == "", "a row that stands alone still does"
    assert found.targets("train")[-2:].tolist() == [[0, 0, 1], [1, 0, 0]]
    annotated = found.annotated("train")
    assert annotated is not None
    assert annotated[-1].tolist() == [True, False, True], "a source without a map annotates its own labels"
    assert found.card["terms"] == "terms of one; terms of two"
    assert [account["fingerprint"] for account in found.card["accounts"]] == [first.fingerprint, second.fingerprint]
    assert [account["rows"]["train"] for account in found.card["accounts"]] == [7, 2]


def test_without_maps_the_labels_are_those_of_all_sources(home: Home) -> None:
    stored(home, "one", ("a", "b"), [((0,), ""), ((1,), "")])
    stored(home, "two", ("b", "c"), [((0,), ""), ((1,), "")])
    sources = [Source(name="one", dataset="one"), Source(name="two", dataset="two")]
    found = compose(home, Composition(kind="multilabel", sources=sources))
    assert found.labels == ("a", "b", "c")
    annotated = found.annotated("train")
    assert annotated is not None
    assert annotated.tolist() == [[True, True, False]] * 2 + [[False, True, True]] * 2
    alike = compose(home, Composition(kind="multilabel", sources=[sources[0], Source(name="again", dataset="one")]))
    assert alike.annotated("train") is None, "where all is annotated there is no mask"


def test_limits_draw_from_a_source_as_the_study_draws(home: Home) -> None:
    stored(home, "one", FEELINGS, [((n % 4,), "") for n in range(80)])
    source = Source(name="one", dataset="one", map=told(), train_limit=20, test_limit=8)
    found = compose(home, Composition(kind="multilabel", sources=[source]))
    assert [found.size(split) for split in SPLITS] == [20, 80, 8]
    assert found.targets("train").sum(axis=0).tolist() == [5, 5, 5]
    shares = source.model_copy(update={"train_limit": "25%", "test_limit": "10%"})
    assert compose(home, Composition(kind="multilabel", sources=[shares])).fingerprint == found.fingerprint
    other = compose(home, Composition(kind="multilabel", sources=[source], data_seed=1))
    assert found.ids("train") != other.ids("train")
    assert found.ids("train") == compose(home, Composition(kind="multilabel", sources=[source])).ids("train")


def test_the_same_is_put_together_once_and_a_torn_copy_again(home: Home) -> None:
    stored(home, "one", FEELINGS, ROWS)
    composition = Composition(kind="multilabel", sources=[Source(name="one", dataset="one", map=told())])
    found = compose(home, composition)
    path = found.folder / "train.texts.utf8"
    stamp = path.stat().st_mtime_ns
    assert compose(home, composition).fingerprint == found.fingerprint
    assert path.stat().st_mtime_ns == stamp
    path.write_bytes(b"")
    again = compose(home, composition)
    assert again.fingerprint == found.fingerprint
    open_dataset(again.folder, verify=True)
    stored(home, "one", FEELINGS, ROWS[1:])
    assert compose(home, composition).fingerprint != found.fingerprint, "the source's content counts"


def test_names_of_sources_and_masks_are_a_part_of_the_content(home: Home) -> None:
    stored(home, "one", FEELINGS, ROWS)
    stored(home, "two", FEELINGS, ROWS)
    prints = set()
    for name, annotated in (("x", ["good", "bad"]), ("y", ["good", "bad"]), ("x", ["good", "bad", "hot"])):
        mapped = told(annotated=annotated)
        sources = [Source(name=name, dataset="one", map=mapped), Source(name="z", dataset="two", map=mapped)]
        prints.add(compose(home, Composition(kind="multilabel", sources=sources)).fingerprint)
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("changes", "words", "remedy"),
    [
        ({"unmapped": []}, "what becomes of 'other'", "under labels, unmapped or drop"),
        ({"unmapped": ["other", "joyy"]}, "no label 'joyy'", "did you mean joy"),
    ],
)
def test_a_map_must_fit_its_dataset(home: Home, changes: dict[str, object], words: str, remedy: str) -> None:
    stored(home, "one", FEELINGS, ROWS)
    source = Source(name="one", dataset="one", map=told(**changes))
    with pytest.raises(DataError, match=words) as caught:
        compose(home, Composition(kind="multilabel", sources=[source]))
    assert remedy in caught.value.remedy


def test_a_source_without_a_map_must_have_the_labels_of_the_others(home: Home) -> None:
    stored(home, "one", FEELINGS, ROWS)
    stored(home, "two", ("cold",), [((0,), "")])
    sources = [Source(name="one", dataset="one", map=told()), Source(name="two", dataset="two")]
    with pytest.raises(DataError, match="'cold'") as caught:
        compose(home, Composition(kind="multilabel", sources=sources))
    assert "bakeoff data maps" in caught.value.remedy


def test_context_is_of_the_same_dialogue_and_split(home: Home) -> None:
    stored(home, "talk", ("a",), [((0,), "d1"), ((0,), "d2"), ((0,), "d1"), ((0,), "d1"), ((0,), ""), ((0,), "")])
    source = Source(name="talk", dataset="talk", context=Context(turns=2, separator=" | "))
    found = compose(home, Composition(kind="multilabel", sources=[source]))
    assert found.seconds("test") == ["", "", "talk test 0", "talk test 2 | talk test 0", "", ""]
    assert found.texts("test")[3] == "talk test 3"


def test_context_needs_dialogues_and_no_pairs(home: Home) -> None:
    stored(home, "plain", ("a",), [((0,), "")])
    context = Context(turns=1, separator=" ")
    with pytest.raises(DataError, match="one dialogue") as caught:
        compose(home, Composition(kind="multilabel", sources=[Source(name="p", dataset="plain", context=context)]))
    assert "group" in caught.value.remedy
    rows = {split: [Row("1", "a", (0,), "b", "g")] for split in SPLITS}
    write_dataset(home, Import("pairs", ("a",), rows))
    with pytest.raises(DataError, match="pairs of texts"):
        compose(home, Composition(kind="multilabel", sources=[Source(name="p", dataset="pairs", context=context)]))


@given(st.lists(st.sampled_from(["", "x", "y", "z"]), max_size=30), st.integers(1, 4))
def test_context_holds_no_turn_that_it_should_not(dialogues: list[str], turns: int) -> None:
    texts = [str(number) for number in range(len(dialogues))]
    for number, found in enumerate(preceding(texts, dialogues, Context(turns=turns, separator="|"))):
        same = [n for n in range(number) if dialogues[n] == dialogues[number] and dialogues[n]]
        assert found == "|".join(str(n) for n in reversed(same[-turns:]))


@settings(max_examples=40)
@given(st.data())
def test_rows_in_are_rows_out_and_dropped(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    places = st.lists(st.integers(0, 3), unique=True, max_size=3)
    rows = [(tuple(sorted(data.draw(places))), "") for _ in range(data.draw(st.integers(3, 12)))] + [((0,), "")]
    dataset = stored(Home(tmp_path_factory.mktemp("home")), "one", FEELINGS, rows)
    dropped = data.draw(st.lists(st.sampled_from(["other"]), unique=True))
    kept = told(dropped=dropped, unmapped=[label for label in ("other",) if label not in dropped])
    kind = data.draw(st.sampled_from(["multilabel", "single-label"]))
    composition = Composition(kind=kind, sources=[Source(name="one", dataset="one", map=kept)])
    found = put_together(composition, [dataset])
    for split, some in found.splits.items():
        assert len(some) + sum(found.dropped.get(split, {}).values()) == len(rows)
        for row in some:
            assert row.annotated is None or set(row.labels) <= set(row.annotated)
