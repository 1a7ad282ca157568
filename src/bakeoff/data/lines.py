"""Raw text files as numbered lines: only a line feed ends a line, and every fault has its file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bakeoff.errors import DataError
from bakeoff.records.files import sha256_bytes

SHOWN = 10
BOM = b"\xef\xbb\xbf"


@dataclass
class Faults:
    """Faults of raw files, gathered so that a user sees more than the first.

    Attributes:
        remedy: what to do about them.
        found: one sentence a fault, with file and line, of the first.
        count: how many there are.
    """

    remedy: str
    found: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, path: Path, line: int, problem: str) -> None:
        """Note one.

        Args:
            path: the file.
            line: line number from 1, or row number of a file that has no lines.
            problem: what was found, and what was expected.
        """
        self.count += 1
        if len(self.found) < SHOWN:
            self.found.append(f"{path.name}:{line}: {problem}")

    def check(self, where: Path) -> None:
        """End the reading if there are any.

        Args:
            where: the folder that was read.

        Raises:
            DataError: with the first ten faults and the number of all.
        """
        if not self.found:
            return
        shown = "\n".join(f"  {fault}" for fault in self.found)
        more = f"\n  and {self.count - SHOWN:,} more" if self.count > SHOWN else ""
        noun = "row is" if self.count == 1 else "rows are"
        raise DataError(f"{self.count:,} {noun} malformed:\n{shown}{more}", str(where), self.remedy)


def read_source(path: Path) -> tuple[bytes, str]:
    """Read a raw file whole.

    Args:
        path: the file.

    Returns:
        Its bytes, and their hash.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"a raw file cannot be read: {error.strerror}", str(path), "name the folder that has it") from error
    return content, sha256_bytes(content)


def decode_line(path: Path, number: int, line: bytes, faults: Faults) -> str | None:
    """Text of a line.

    Args:
        path: the file, for the fault.
        number: line number from 1.
        line: its bytes, without the line's end.
        faults: where a fault is noted.

    Returns:
        The text, lone surrogates kept; None if the bytes are no UTF-8.
    """
    try:
        return line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        faults.add(path, number, f"byte {error.start + 1} is not UTF-8; expected UTF-8 text")
        return None


def split_lines(content: bytes) -> list[bytes]:
    r"""The lines of a file.

    A byte-order mark at the very beginning is the file's signature, not text, and is left out; any other stays. U+2028,
    U+0085, form feeds and single carriage returns end no line.

    Args:
        content: the file's bytes.

    Returns:
        Lines without `\n` or `\r\n`.
    """
    lines = content.removeprefix(BOM).split(b"\n")
    if lines[-1] == b"":
        lines.pop()  # what follows the last line feed is no line
    return [line.removesuffix(b"\r") for line in lines]
