"""The header checker: what the safetensors library writes passes, anything torn or wrong is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import ModelError
from bakeoff.hub.safetensors import Tensor, read_header


def file_of(header: Any, data: bytes, length: int | None = None) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


GOOD = {
    "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "I8", "shape": [], "data_offsets": [24, 25]},
}


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    arrays = {"a": np.ones((3, 4), np.float32), "b": np.zeros((0, 7), np.float16), "c": np.array(2, np.int64)}
    save_file(arrays, tmp_path / "m.safetensors", metadata={"format": "pt"})
    assert read_header(tmp_path / "m.safetensors") == {
        "a": Tensor("F32", (3, 4)),
        "b": Tensor("F16", (0, 7)),
        "c": Tensor("I64", ()),
    }


def entry(**changes: Any) -> dict[str, Any]:
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "header's length"),
        (b"\x01", "header's length"),
        (file_of(entry(), b"\0" * 8, length=1 << 40), "header's length"),
        (b"PK\x03\x04" + b"\0" * 60, "header"),
        (b"\x80\x02}q\x00." + b"\0" * 60, "header's length"),
        (file_of(b"[1, 2]", b""), "no JSON object"),
        (file_of(b"{torn", b""), "no JSON"),
        (file_of(b'{"a": 1, "a": 2}', b""), "stands twice"),
        (file_of({"w": 5}, b""), "does not describe"),
        (file_of(entry(dtype="F33"), b"\0" * 8), "does not describe"),
        (file_of(entry(shape=[-2]), b"\0" * 8), "does not describe"),
        (file_of(entry(shape=[True]), b"\0" * 8), "does not describe"),
        (file_of(entry(data_offsets=[0]), b"\0" * 8), "does not describe"),
        (file_of(entry(data_offsets=[8, 0]), b"\0" * 8), "size of its shape"),
        (file_of(entry(data_offsets=[0, 4]), b"\0" * 4), "size of its shape"),
        (file_of(entry(data_offsets=[4, 12]), b"\0" * 12), "gaps or overlap"),
        (file_of(entry() | {"v": entry()["w"]}, b"\0" * 8), "gaps or overlap"),
        (file_of(GOOD, b"\0" * 26), "has 1"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=what) as caught:
        read_header(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        read_header(tmp_path / "none")


def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    whole = file_of(GOOD, bytes(25))
    path = tmp_path / "m.safetensors"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_header(path)
    path.write_bytes(whole)
    assert set(read_header(path)) == {"w", "b"}


@given(content=st.binary(max_size=200), head=st.binary(max_size=80))
def test_no_bytes_bring_it_down(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.safetensors"
    path.write_bytes(file_of(b"{" + head, content))
    try:
        read_header(path)
    except ModelError as error:
        assert "safetensors" in error.what
