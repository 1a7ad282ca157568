"""No file brings a traceback, exhausts memory, or leaves a fault without its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakeoff.errors import StudyError
from bakeoff.study.loading import find_study, load_study
from bakeoff.study.reading import MAX_BYTES

BOMB = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 30)
)
MERGE_BOMB = b"a0: &a0 {x: [1,2,3]}\n" + b"".join(
    b"a%d: &a%d {<<: *a%d, k%d: *a%d}\n" % (n, n, n - 1, n, n - 1) for n in range(1, 60)
)
HOSTILE = {
    "empty": (b"", 1, "empty"),
    "comments only": (b"# nothing\n\n", 1, "empty"),
    "BOM only": (b"\xef\xbb\xbf", 1, "empty"),
    "a list": (b"\n- 1\n", 2, "mapping"),
    "a scalar": (b"study\n", 1, "mapping"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", 1, "UTF-8"),
    "latin-1": (b"name: x\ntasks: th\xe9\n", 2, "UTF-8"),
    "UTF-16": ("name: x".encode("utf-16"), 1, "UTF-16"),
    "NUL": (b"name: x\ntasks: a\x00b\n", 2, "U+0000"),
    "escaped NUL": (b'name: "a\\0b"\n', 1, "character"),
    "lone surrogate": (b'name: x\nkeep: "\\ud800"\n', 2, "character"),
    "beyond unicode": (b'name: x\nkeep: "\\UFFFFFFFF"\n', 2, "not valid YAML"),
    "control character": (b"name: x\n\nkeep: \x07\n", 3, "U+0007"),
    "tabs": (b"tasks:\n\ta: {}\n", 2, "tabs"),
    "unclosed": (b"tasks: {a: [1, 2\nrecipes: {}\n", 2, "not valid YAML"),
    "two documents": (b"name: a\n---\nname: b\n", 2, "second document"),
    "python tag": (b"name: x\nkeep: !!python/object/apply:os.system [ls]\n", 2, "tag"),
    "own tag": (b"name: !secret x\n", 1, "tag"),
    "wrong core tag": (b"data_seed: !!int x\n", 1, "tag"),
    "list as key": (b"name: x\n? [a, b]\n: 1\n", 2, "key"),
    "alias without anchor": (b"name: x\nkeep: *nowhere\n", 2, "no anchor"),
    "alias of itself": (b"name: x\ntasks: &t {a: *t}\n", 2, "contains itself"),
    "billion laughs": (BOMB, 5, "too large"),
    "merge laughs": (MERGE_BOMB, 12, "too large"),
    "deep": (b"[" * 100_000, 1, "deep"),
    "deep mapping": (b"{a: " * 30_000, 1, "deep"),
    "deep block": (b"".join(b" " * n + b"a:\n" for n in range(60)), 26, "deep"),
    "large": (b"#" * (MAX_BYTES + 1), 0, "large"),
    "YAML 9": (b"%YAML 9.0\n---\nname: x\n", 1, "not valid YAML"),
}


@pytest.mark.parametrize(("data", "line", "problem"), HOSTILE.values(), ids=list(HOSTILE))
def test_an_unreadable_file_is_a_fault_with_its_place(tmp_path: Path, data: bytes, line: int, problem: str) -> None:
    path = tmp_path / 'it\'s; echo a "study".yaml'
    path.write_bytes(data)
    with pytest.raises(StudyError) as caught:
        load_study(path)
    fault = caught.value.faults[-1]
    assert (fault.file, fault.line) == (str(path), line)
    assert problem in fault.problem
    assert len(str(caught.value)) < 2_000


def test_a_bom_before_a_study_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + find_study("demo").read_bytes().replace(b"\n", b"\r\n"))
    assert load_study(path).name == "demo"


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "none.yaml"
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert caught.value.faults[0].file == str(path)
    assert "cannot be read" in caught.value.faults[0].problem


@pytest.mark.parametrize(
    "value", ["{}", "[]", "[[]]", "{a: {b: {c: 1}}}", "1", "text", "null", ".nan", "[{a: [1]}]", "true", "''"]
)
def test_any_value_at_any_key_is_a_study_or_a_fault(tmp_path: Path, value: str) -> None:
    from bakeoff.study.shape import StudyFile

    whole = {"tasks": "{t: {dataset: demo}}", "recipes": "{r: {loss: bce}}"}
    for key in StudyFile.model_fields:
        path = tmp_path / "value.yaml"
        path.write_text("\n".join(f"{name}: {text}" for name, text in {**whole, key: value}.items()))
        try:
            load_study(path)
        except StudyError as error:
            assert all(fault.line in (1, 2, 3) and fault.problem for fault in error.faults)


def test_a_study_of_absurd_size_is_refused_at_its_place(tmp_path: Path) -> None:
    axis = ", ".join(f"x{n}" for n in range(300))
    path = tmp_path / "large.yaml"
    path.write_text(
        f"tasks: {{t: {{dataset: demo}}}}\nrecipes: {{r: {{loss: bce}}}}\nmatrix: {{loss: [{axis}], model: [{axis}]}}\n"
    )
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert any(fault.line == 3 and "makes 90000 recipes" in fault.problem for fault in caught.value.faults)


PIECES = [
    "&a ",
    "*a",
    "<<: *a",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "\n",
    "\t",
    "\0",
    "!!int z",
    "? ",
    "- ",
    "'",
    '"',
    "---\n",
    "null",
    "1e999",
    "  ",
    "on",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_study_is_a_study_or_faults_with_lines(tmp_path: Path, data: st.DataObject) -> None:
    text = re.sub(r" *#.*", "", find_study("demo").read_text())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + gone :]
    path = tmp_path / "damaged.yaml"
    path.write_text(text)
    try:
        load_study(path)
    except StudyError as error:
        assert error.faults
        assert all(1 <= fault.line <= text.count("\n") + 2 and fault.file == str(path) for fault in error.faults)
