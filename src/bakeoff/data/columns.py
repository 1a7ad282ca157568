"""Columns of a table in bounded memory: few values by number, many in a file of their own that is read in order.

A column begins as a list of its different values and a number a row. As soon as there are too many of them, or one is long, it
becomes a text column: UTF-8 values one after another, in memory while they are small and in a temporary file beyond that, and
where each begins. So a table of any size takes a few bytes a value, whatever the values are.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT_IN_MEMORY = 4 << 20
"""Bytes of a text column that are not yet worth a file."""
FEW, PART = 4_096, 4
"""A column has few values up to the first number, or up to one for every so many rows."""
MOST_FEW = 1 << 18
LONG = 4_096
"""Characters of a value that is surely a text."""
READ = 4 << 20
MARK = "\0"
"""Begins what is no plain text: `\\0s` and a text that begins with the mark itself, `\\0j` and JSON."""


def joined(texts: Iterable[str]) -> tuple[bytes, NDArray[np.int64]]:
    """Texts one after another.

    Args:
        texts: N of them.

    Returns:
        Their UTF-8, and where each begins and the last ends, [N + 1].
    """
    return _laid_out([text.encode("utf-8", "surrogatepass") for text in texts])


def _laid_out(parts: list[bytes]) -> tuple[bytes, NDArray[np.int64]]:
    ends = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)).cumsum()
    return b"".join(parts), np.concatenate([np.zeros(1, np.int64), ends])


def encoded(value: Any) -> str:
    """A value as a text that is like no other value's.

    Args:
        value: a text, or whatever JSON, Parquet or Arrow hold.

    Returns:
        A text as it is, unless it begins with NUL; else the mark and JSON.
    """
    if isinstance(value, str):
        return MARK + "s" + value if value.startswith(MARK) else value
    return MARK + "j" + json.dumps(value, default=str, ensure_ascii=False)


def decoded(text: str) -> Any:
    """The value that `encoded` was given.

    Args:
        text: what it gave.

    Returns:
        The value; tuples as lists, and what JSON has no word for as text.
    """
    if not text.startswith(MARK):
        return text
    return text[2:] if text[1] == "s" else json.loads(text[2:])


class Column:
    """Values in the order of their rows; they are added first, and read as often as needed afterwards.

    Args:
        folder: where a temporary file may lie; it has no name there, and goes with the column.

    Attributes:
        rows: number of values.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.rows = 0
        self._folder = folder
        self._known: dict[str, int] | None = {}
        self._codes = array("i")
        self._file: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._lengths = array("I")
        self._size = 0

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        if self._known is not None:
            values = [decoded(text) for text in self._known]
            yield from (values[code] for code in self._codes)
        else:
            yield from map(decoded, self._texts())

    @property
    def few(self) -> list[Any] | None:
        """The different values in the order in which they first occur, or None if there are many."""
        return None if self._known is None else [decoded(text) for text in self._known]

    @property
    def codes(self) -> NDArray[np.int32]:
        """Place of each row's value in `few`, [N]; of a column of many values empty."""
        return np.frombuffer(self._codes, dtype=np.int32) if self._codes else np.zeros(0, np.int32)

    def extend(self, values: Sequence[Any]) -> None:
        """Add values.

        Args:
            values: in the order of their rows.
        """
        texts = values if all(map(_plain, values)) else [encoded(value) for value in values]
        self.rows += len(texts)
        if self._known is not None:
            if self._take_few(texts):
                return
            self._become_text()
        self._write(texts)

    def extend_blank(self, count: int) -> None:
        """Add nothing for rows that lack the column.

        Args:
            count: how many.
        """
        for first in range(0, count, FEW):
            self.extend([None] * min(FEW, count - first))

    def append_long(self, value: bytes | bytearray) -> None:
        """Add one value that is too long to be copied.

        Args:
            value: UTF-8.
        """
        if self._known is not None:
            self._become_text()
        self.rows += 1
        file, mark = self._opened(), b"\0s" if value[:1] == b"\0" else b""
        if len(value) > KEPT_IN_MEMORY:
            file.rollover()  # else the value would be copied into memory first
        file.write(mark)
        file.write(value)
        self._lengths.append(len(mark) + len(value))
        self._size += len(mark) + len(value)

    def _take_few(self, texts: Sequence[str]) -> bool:
        assert self._known is not None
        known = self._known
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        most = min(MOST_FEW, max(FEW, self.rows // PART))
        if len(known) + len(fresh) > most or any(len(text) > LONG for text in fresh):
            return False
        for text in fresh:
            known[text] = len(known)
        self._codes.extend([known[text] for text in texts])
        return True

    def _become_text(self) -> None:
        assert self._known is not None
        values, codes = list(self._known), self._codes
        self._known, self._codes = None, array("i")
        for first in range(0, len(codes), FEW):
            self._write([values[code] for code in codes[first : first + FEW]])

    def _opened(self) -> tempfile.SpooledTemporaryFile[bytes]:
        if self._file is None:
            folder = None if self._folder is None else str(self._folder)
            self._file = tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY, dir=folder)  # noqa: SIM115  (it lives with the column)
            weakref.finalize(self, self._file.close)
        return self._file

    def _write(self, texts: Sequence[str]) -> None:
        file, whole = self._opened(), "".join(texts)
        if whole.isascii():
            lengths = array("I", map(len, texts))
            self._size += file.write(whole.encode())
        else:
            parts = [text.encode("utf-8", "surrogatepass") for text in texts]
            lengths = array("I", map(len, parts))
            self._size += file.write(b"".join(parts))
        self._lengths += lengths

    def shown_blocks(self) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
        """The values as `shown` gives them, some rows at a time.

        Yields:
            See `blocks`.
        """
        for block, starts in self.blocks():
            if MARK.encode() not in block:
                yield block, starts
                continue
            values = [_text(block[a:b]) for a, b in itertools.pairwise(starts.tolist())]
            yield joined(_shown(decoded(value)) for value in values)

    def blocks(self) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
        """The values as stored, some rows at a time.

        Yields:
            UTF-8 of some rows, one after another, and where each begins and the last ends, [rows + 1].
        """
        if self._known is not None:
            values = [text.encode("utf-8", "surrogatepass") for text in self._known]
            for first in range(0, self.rows, FEW):
                yield _laid_out([values[code] for code in self._codes[first : first + FEW]])
            return
        file, row, place = self._opened(), 0, 0
        while row < self.rows:
            some = np.frombuffer(self._lengths, dtype=np.uint32, count=min(FEW, self.rows - row), offset=4 * row)
            ends = some.cumsum(dtype=np.int64)
            count = max(1, int(np.searchsorted(ends, READ, side="right")))
            file.seek(place)
            yield file.read(int(ends[count - 1])), np.concatenate([np.zeros(1, np.int64), ends[:count]])
            row, place = row + count, place + int(ends[count - 1])

    def _texts(self) -> Iterator[str]:
        for block, starts in self.blocks():
            places = starts.tolist()
            if block.isascii():
                text = block.decode()
                yield from (text[a:b] for a, b in itertools.pairwise(places))
            else:
                yield from (_text(block[a:b]) for a, b in itertools.pairwise(places))

    def shown(self) -> Iterator[str]:
        """Values as the text, id or group of a row.

        Yields:
            A text as it is, nothing as an empty text, all else as Python writes it.
        """
        if self._known is not None:
            values = [_shown(decoded(text)) for text in self._known]
            yield from (values[code] for code in self._codes)
        else:
            yield from (text if not text.startswith(MARK) else _shown(decoded(text)) for text in self._texts())

    def categories(self) -> tuple[list[Any], NDArray[np.int32]]:
        """The different values, however many, in the order in which they first occur, and the place of each row's, [N]."""
        if self._known is not None:
            return [decoded(text) for text in self._known], self.codes
        known: dict[str, int] = {}
        codes = np.fromiter((known.setdefault(text, len(known)) for text in self._texts()), dtype=np.int32, count=self.rows)
        return [decoded(text) for text in known], codes

    def blank(self) -> NDArray[np.bool_]:
        """Whether each value is nothing, or nothing but white space, [N]."""
        if self._known is not None:
            flags = np.array([not _shown(decoded(text)).strip() for text in self._known], dtype=np.bool_)
            return np.asarray(flags[self.codes], dtype=np.bool_)
        return np.fromiter(self._blanks(), dtype=np.bool_, count=self.rows)

    def _blanks(self) -> Iterator[bool]:
        for block, starts in self.shown_blocks():
            for begin, end in itertools.pairwise(starts.tolist()):
                head = block[begin : min(end, begin + LONG)]  # a text whose beginning is none is read whole
                yield not head.strip() or (not head.isascii() and not _text(block[begin:end]).strip())

    def hashes(self) -> NDArray[np.int64]:
        """A hash of each value as it is shown: within this process equal for equal values, and hardly for others, [N]."""
        if self._known is not None:
            values = [hash(_shown(decoded(text)).encode("utf-8", "surrogatepass")) for text in self._known]
            return np.asarray(np.array(values, dtype=np.int64)[self.codes])
        found = (
            hash(block[begin:end])
            for block, starts in self.shown_blocks()
            for begin, end in itertools.pairwise(starts.tolist())
        )
        return np.fromiter(found, dtype=np.int64, count=self.rows)

    @property
    def size(self) -> int:
        """Bytes of all values of a column of many; 0 of one of few."""
        return self._size

    def different(self) -> int:
        """How many different values it has, as they are shown."""
        if self._known is not None:
            return len({_shown(decoded(text)) for text in self._known})
        ordered = np.sort(self.hashes())
        return int((ordered[1:] != ordered[:-1]).sum()) + min(1, len(ordered))

    def mean_length(self) -> float:
        """Bytes of a value on average; what is no text has none."""
        if self._known is None:
            return self._size / max(1, self.rows)
        counts = np.bincount(self.codes, minlength=len(self._known))
        lengths = [0 if text.startswith(MARK + "j") else len(text.encode("utf-8", "surrogatepass")) for text in self._known]
        return float(counts @ np.array(lengths, dtype=np.float64)) / max(1, self.rows) if lengths else 0.0


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _plain(value: Any) -> bool:
    return type(value) is str and value[:1] != MARK


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
