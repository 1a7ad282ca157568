"""A folder with files of its splits, as tables: which file is which split is said by its name or its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data.table import SUFFIXES, Table, joined_tables, read_table
from bakeoff.errors import DataError

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "eval"),
}
ALL = "all"
"""What a file is called that is not yet split."""
SHARD = re.compile(r"-[0-9]{5}-of-[0-9]{5}$")
"""How files end that are parts of one split."""
_SIGNS = re.compile(r"[-_. ]+")
Files = dict[str, list[Path]]


@dataclass(frozen=True)
class Reading:
    """How text files are read.

    Attributes:
        delimiter: what separates fields; None means that it is found out.
        header: names of the columns of files without a header line; None means that they have one.
        scratch: where long columns may lie while they are needed; None is the system's place for such files.
    """

    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    scratch: Path | None = None

    def table(self, path: Path) -> Table:
        """Read a file; see `read_table`."""
        return read_table(path, self.delimiter, self.scratch, self.header)


def split_of(name: str) -> str | None:
    """The split that a name begins with.

    Args:
        name: of a file without its suffix, or of a folder.

    Returns:
        The split; None if the name begins otherwise.
    """
    return _split_called(_SIGNS.split(name.lower(), maxsplit=1)[:1])


def _split_called(words: Sequence[str]) -> str | None:
    return next((split for split, names in SPLIT_NAMES.items() if any(word in names for word in words)), None)


def split_tables(path: Path, reading: Reading) -> dict[str, Table]:
    """Read a file, or a folder with files of its splits.

    Args:
        path: a file; or a folder that has them, or in which `data/` has them, or which has a folder a split.
        reading: how text files are read.

    Returns:
        A table a split, or one called `ALL`.

    Raises:
        DataError: if it is not clear which file is which split, or one cannot be read.
    """
    if not path.is_dir():
        return {ALL: reading.table(path)}
    inner = path / "data"  # where the hub's folders have them
    files = _readable(path) or (_readable(inner) if inner.is_dir() else [])
    found = _called(path, files) or _in_folders(path) or _with_a_word(files)
    if "train" not in found:
        raise DataError("no file of the folder is called train", str(path), "train.csv, validation.csv and test.csv, say")
    tables = {
        split: joined_tables(path / split, [reading.table(file) for file in some], reading.scratch)
        for split, some in found.items()
    }
    columns = list(tables["train"].columns)
    for table in tables.values():
        missing = [name for name in columns if name not in table.columns]
        if missing:
            raise DataError(
                f"the column {missing[0]!r} of the training file is missing", str(table.path), "the same columns in every file"
            )
    return tables


def _readable(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES and entry.stem != "dataset_info")


def _called(path: Path, files: Sequence[Path]) -> Files:
    """Files whose names begin with their split, one a split or its shards."""
    found: Files = {}
    for file in files:
        split = split_of(file.stem)
        if split:
            found.setdefault(split, []).append(file)
    for split, some in found.items():
        if len(some) > 1 and not all(SHARD.search(file.stem) for file in some):
            named = ", ".join(file.name for file in some)
            raise DataError(f"several files are called {split}: {named}", str(path), "one file a split")
    return {split: found[split] for split in SPLIT_NAMES if split in found}


def _in_folders(path: Path) -> Files:
    """The files of folders that are called as splits are; all of a folder belong to its split."""
    folders = {_split_called([entry.name.lower()]): entry for entry in sorted(path.iterdir()) if entry.is_dir()}
    found = {split: _readable(folders[split]) for split in SPLIT_NAMES if split in folders}
    return {split: some for split, some in found.items() if some}


def _with_a_word(files: Sequence[Path]) -> Files:
    """Files whose names have a split as a word, such as those of EmoInt: `anger-ratings-0to1.train.txt`, a file an emotion."""
    found: Files = {}
    for file in files:
        split = _split_called(_SIGNS.split(file.stem.lower()))
        if split:
            found.setdefault(split, []).append(file)
    return {split: found[split] for split in SPLIT_NAMES if split in found}
