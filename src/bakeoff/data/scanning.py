"""Delimited text as records, block by block: what is quoted, what ends a line, and no copy of a field that is huge."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bakeoff.errors import DataError

BLOCK = 1 << 20
LONG_FIELD = 1 << 20
"""Characters of a field beyond which it is gathered as bytes, so that it is in memory once."""
MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
START, PLAIN, QUOTED, AFTER = range(4)
"""Where in a field the scanner is: before it, in it, in it and between marks, after a mark that may have closed it."""


class Found(NamedTuple):
    """One record.

    Attributes:
        line: the last of its lines, from 1.
        fields: its fields; a huge one as UTF-8.
    """

    line: int
    fields: list[str | bytearray]


class Malformed(Exception):
    """A record that nobody can read; its caller says in which file."""


def encoding_of(path: Path) -> tuple[str, int]:
    """How a text file is encoded.

    Args:
        path: the file.

    Returns:
        By the mark that it begins with, and the mark's length; UTF-8 without one.
    """
    with path.open("rb") as file:
        head = file.read(4)
    return next(((name, len(mark)) for mark, name in MARKS if head.startswith(mark)), ("utf-8", 0))


def text_blocks(path: Path) -> Iterator[str]:
    """A text file in blocks.

    Args:
        path: the file.

    Yields:
        About a million characters at a time; lone surrogates in UTF-8 are kept.

    Raises:
        DataError: if it is not what its first bytes say, with the line.
    """
    encoding, skip = encoding_of(path)
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if encoding == "utf-8" else "strict")
    lines, read = 1, skip
    with path.open("rb") as file:
        file.seek(skip)
        while True:
            block = file.read(BLOCK)
            read += len(block)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line, place = lines + error.object[: error.start].count(b"\n"), read - len(error.object) + error.start + 1
                raise DataError(
                    f"line {line}: byte {place} is not {encoding[:6].rstrip('-').upper()}", str(path), "save the file as UTF-8"
                ) from error
            if text:
                yield text
            if not block:
                return
            lines += text.count("\n")


def text_lines(blocks: Iterator[str]) -> Iterator[list[str]]:
    """Lines of a text, some at a time.

    Args:
        blocks: the text.

    Yields:
        Lines without their line feeds; what follows the last one comes last, if it is not empty.
    """
    rest: list[str] = []
    for block in blocks:
        head, feed, tail = block.partition("\n")
        rest.append(head)
        if feed:
            lines = tail.split("\n")
            yield ["".join(rest), *lines[:-1]]
            rest = lines[-1:]
    last = "".join(rest)
    if last:
        yield [last]


class Scanner:
    """Cuts blocks of a text into records, as Python's `csv` does when it is strict.

    Args:
        separator: the sign between fields.
        quoting: whether a field that begins with a quotation mark ends with one.

    Attributes:
        line: number of lines that have ended.
    """

    def __init__(self, separator: str, quoting: bool) -> None:
        self.line = 0
        self._separator, self._quoting = separator, quoting
        self._ends = re.compile(f"[{re.escape(separator)}\n\r]")
        self._mode, self._bare = START, True
        self._skip_feed = self._return = False
        self._fields: list[str | bytearray] = []
        self._pieces: list[str] = []
        self._size = 0
        self._long: bytearray | None = None

    def feed(self, text: str) -> list[Found]:
        """Go on.

        Args:
            text: the next block.

        Returns:
            The records that end in it; blank lines are none.

        Raises:
            Malformed: if something follows a closing quotation mark.
        """
        found: list[Found] = []
        place = 0
        if self._skip_feed and text.startswith("\n"):
            place = 1
        self._skip_feed = False
        while place < len(text) and not self._fresh:
            place = self._step(text, place, found)
        begin = place
        for line in text[place:].split("\n"):
            end = begin + len(line)
            if place > end or end == len(text):  # read already; or what may go on in the next block
                pass
            elif place > begin or (self._quoting and '"' in line) or "\r" in line[:-1]:
                while place < len(text) and (place <= end or not self._fresh):
                    place = self._step(text, place, found)
            else:
                self.line += 1
                place = end + 1
                if line and line != "\r":
                    found.append(Found(self.line, line.removesuffix("\r").split(self._separator)))  # type: ignore[arg-type]
            begin = end + 1
        while place < len(text):
            place = self._step(text, place, found)
        return found

    def finish(self) -> list[Found]:
        """End the text.

        Returns:
            The record that it ends with, if no line feed ended it.

        Raises:
            Malformed: if a quotation mark is open.
        """
        if self._mode == QUOTED:
            raise Malformed("unexpected end of data: a quotation mark is not closed")
        found: list[Found] = []
        if not self._fresh:
            self._end_record(found)
        return found

    @property
    def _fresh(self) -> bool:
        """Whether a record is about to begin."""
        return self._mode == START and not self._fields

    def _step(self, text: str, place: int, found: list[Found]) -> int:
        """Read as far as one mode goes; where the next one begins."""
        if self._mode == START:
            self._mode = QUOTED if self._quoting and text[place] == '"' else PLAIN
            if self._mode == QUOTED:
                self._bare = self._return = False
            return place + (self._mode == QUOTED)
        if self._mode == QUOTED:
            return self._step_quoted(text, place)
        if self._mode == AFTER:
            if text[place] == '"':
                self._add('"')
                self._mode, self._return = QUOTED, False
                return place + 1
            if not self._ends.match(text, place):
                raise Malformed(f"{self._separator!r} expected after '\"'")
            self._mode = PLAIN
        match = self._ends.search(text, place)
        if match is None:
            self._add(text[place:])
            return len(text)
        self._add(text[place : match.start()])
        if match[0] == self._separator:
            self._end_field()
            return match.end()
        self._end_record(found)
        self._skip_feed = match[0] == "\r" and match.end() == len(text)
        return match.end() + (match[0] == "\r" and text.startswith("\n", match.end()))

    def _step_quoted(self, text: str, place: int) -> int:
        end = text.find('"', place)
        piece = text[place:] if end < 0 else text[place:end]
        self._add(piece)
        torn = self._return and piece.startswith("\n")  # of a line end that two blocks share
        self.line += piece.count("\n") + piece.count("\r") - piece.count("\r\n") - torn
        self._return = piece.endswith("\r")
        self._mode = QUOTED if end < 0 else AFTER
        return len(text) if end < 0 else end + 1

    def _add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > LONG_FIELD:
            self._long = self._long if self._long is not None else bytearray()
            for part in self._pieces:
                self._long += part.encode("utf-8", "surrogatepass")
            self._pieces, self._size = [], 0

    def _end_field(self) -> None:
        if self._long is None:
            self._fields.append("".join(self._pieces))
        else:
            self._long += "".join(self._pieces).encode("utf-8", "surrogatepass")
            self._fields.append(self._long)
        self._pieces, self._size, self._long, self._mode = [], 0, None, START

    def _end_record(self, found: list[Found]) -> None:
        self._end_field()
        self.line += 1
        if self._fields != [""] or not self._bare:
            found.append(Found(self.line, self._fields))
        self._fields, self._bare = [], True
