"""Tables that fit their terminal: whole where there is room, else without empty columns, else a paragraph a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

LONGEST = 24
"""Letters of a word that may be broken: an id or an address, not a state or a number."""
GAP = 3


@dataclass(frozen=True)
class FittingTable:
    """A table that breaks no word of use: "133" above "7" is no seed.

    Attributes:
        headings: one a column; one that begins with `>` is set to the right.
        rows: cells of each row, as many as there are headings.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as the console is.

        Args:
            console: not asked.
            options: say how wide it is.

        Yields:
            The table, the table without its empty columns, or a paragraph a row.
        """
        filled = self._filled()
        for table in (self, filled):
            if table._least() <= options.max_width:
                yield table._table()
                return
        yield filled._paragraphs()

    def _filled(self) -> FittingTable:
        kept = [place for place in range(len(self.headings)) if any(row[place] for row in self.rows)]
        return FittingTable([self.headings[place] for place in kept], [[row[place] for place in kept] for row in self.rows])

    def _least(self) -> int:
        """Columns of a terminal below which words would be broken."""
        from rich.cells import cell_len

        columns = [[heading.lstrip(">"), *cells] for heading, *cells in zip(self.headings, *self.rows, strict=True)]
        words = [[cell_len(word) for text in column for word in text.split()] for column in columns]
        return sum(min(LONGEST, max(lengths, default=0)) + GAP for lengths in words) + 1

    def _table(self) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE, pad_edge=False)
        for heading in self.headings:
            table.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def _paragraphs(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        table.add_column()
        table.add_column(overflow="fold")
        for row in self.rows:
            said = [f"{heading.lstrip('>')} {text}" for heading, text in zip(self.headings, row, strict=True) if text]
            table.add_row("-", Text("; ".join(said)))
        return table
