"""What a row of the table is given, and what it gives back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

SHOWN_FAULTS = 20


@dataclass
class RowResult:
    """What came of a row.

    Attributes:
        tried: faults that were brought about.
        faults: what did not hold, a line each, with where to look.
        notes: what a reader of the table should know: how it was tried, what was not.
    """

    tried: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether everything held, and something was tried at all."""
        return self.tried > 0 and not self.faults

    def expect(self, holds: bool, what: str, where: object = "") -> bool:
        """Note a fault unless something holds.

        Args:
            holds: whether it does.
            what: what does not, in words.
            where: a file or folder to look into.

        Returns:
            `holds`.
        """
        if not holds:
            self.faults.append(f"{what} ({where})" if where else what)
        return holds

    def blame(self, faults: Iterable[str], prefix: str = "") -> None:
        """Take over faults that something else found.

        Args:
            faults: a line each.
            prefix: which case they are of.
        """
        self.faults += [f"{prefix}: {fault}" if prefix else fault for fault in faults]


@dataclass(frozen=True)
class Context:
    """What a row is given.

    Attributes:
        folder: an empty folder of the row's own.
        size: `small` (seconds, for every change) or `full` (the sizes of the table).
        seed: governs every draw of the row.
        kept: keeps what the row leaves even if it holds.
    """

    folder: Path
    size: str = "small"
    seed: int = 0
    kept: bool = False

    @property
    def full(self) -> bool:
        """Whether the sizes are those of the table."""
        return self.size == "full"

    def pick(self, small: int, full: int) -> int:
        """One of two numbers.

        Args:
            small: for the small size.
            full: for the full one.

        Returns:
            That of this size.
        """
        return full if self.full else small

    def draws(self, name: str = "") -> random.Random:
        """A generator of the row's own.

        Args:
            name: tells several of one row apart.

        Returns:
            The same draws every time.
        """
        return random.Random(f"{self.seed}/{self.folder.name}/{name}")

    def place(self, name: object) -> Path:
        """A folder for one case.

        Args:
            name: of the case.

        Returns:
            The folder, made.
        """
        folder = self.folder / str(name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        number: as in the table.
        fault: what is done.
        holds: what must hold.
        run: tries it.
        on_disk: whether its folder must lie on a disk; else it lies in memory, where the system has such a place.
    """

    number: int
    fault: str
    holds: str
    run: Callable[[Context], RowResult]
    on_disk: bool = False
