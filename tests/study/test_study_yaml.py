"""YAML: the core types of 1.2, places, anchors."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import StudyError
from bakeoff.study.reading import MAX_NODES, core_value, read_text
from bakeoff.study.writing import _Dumper

WORDS = {
    "1e-4": 1e-4,
    "1E3": 1000.0,
    "1.": 1.0,
    ".5": 0.5,
    "-.5e1": -5.0,
    "12": 12,
    "-3": -3,
    "+7": 7,
    "010": 10,
    "0o17": 15,
    "0x1F": 31,
    ".inf": math.inf,
    "-.Inf": -math.inf,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    # texts in YAML 1.2, something else in 1.1
    "no": "no",
    "yes": "yes",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "12:30:00": "12:30:00",
    "190:20": "190:20",
    "2024-01-01": "2024-01-01",
    "1_000": "1_000",
    "0b11": "0b11",
    "tRUE": "tRUE",
    "1e": "1e",
    ".": ".",
    "inf": "inf",
    "nan": "nan",
}


@pytest.mark.parametrize(("written", "value"), WORDS.items())
def test_plain_scalars_have_the_core_types(written: str, value: object) -> None:
    node, faults = read_text(f"key: {written}\n", "f")
    found = node.plain()["key"]
    assert not faults
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number() -> None:
    value = core_value(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("written", ["'1'", '"1"', "!!str 1", "! 1", "|-\n  1"])
def test_quoted_scalars_are_texts(written: str) -> None:
    assert read_text(f"key: {written}\n", "f")[0].plain() == {"key": "1"}


def test_a_whole_number_without_end_is_no_number() -> None:
    assert core_value("9" * 5000) == "9" * 5000


def test_keys_are_texts() -> None:
    assert read_text("{on: 1, no: 2, 1: 3, null: 4, 1e3: 5}", "f")[0].plain() == {"on": 1, "no": 2, "1": 3, "null": 4, "1e3": 5}


def test_every_key_and_value_keeps_its_line() -> None:
    node, _ = read_text("# head\na:\n  b:\n    1\n  c: [x,\n    y]\n", "f")
    b, c = node.at("a", "b"), node.at("a", "c")
    assert b is not None
    assert c is not None
    assert (b.key_line, b.line, b.key) == (3, 4, "a.b")
    assert [(item.line, item.key) for item in c.items] == [(5, "a.c[0]"), (6, "a.c[1]")]


def test_duplicate_keys_are_all_found() -> None:
    node, faults = read_text("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert [(fault.line, fault.key) for fault in faults] == [(2, "b.c"), (3, "a")]
    assert "line 1" in faults[1].problem
    assert node.plain() == {"a": 1, "b": {"c": 1}}


def test_anchors_and_merge_keys() -> None:
    node, faults = read_text("base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {<<: [*b, {z: 4}]}\nthree: *b\n", "f")
    assert not faults
    assert node.plain() == {
        "base": {"x": 1, "y": 2},
        "one": {"y": 3, "x": 1},
        "two": {"x": 1, "y": 2, "z": 4},
        "three": {"x": 1, "y": 2},
    }


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read_text("{'<<': {a: 1}}", "f")[0].plain() == {"<<": {"a": 1}}


def test_aliases_count_as_what_they_expand_to() -> None:
    items = ",".join(["1"] * 100)
    few = ",".join(["*a"] * (MAX_NODES // 101 - 2))
    many = ",".join(["*a"] * (MAX_NODES // 101 + 1))
    read_text(f"a: &a [{items}]\nb: [{few}]\n", "f")
    with pytest.raises(StudyError) as caught:
        read_text(f"a: &a [{items}]\nb: [{many}]\n", "f")
    assert caught.value.faults[0].line == 2


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.sampled_from(list(WORDS))
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts.filter(bool), inner, max_size=4), max_leaves=15
)


@given(trees)
def test_what_we_write_is_what_we_read(value: object) -> None:
    written = yaml.dump({"key": value}, Dumper=_Dumper, allow_unicode=True)
    node, faults = read_text(written, "f")
    assert not faults
    assert node.plain() == {"key": value}
