"""A user's own data: which labels there are, and which rows are for training, choosing and testing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry
from bakeoff.data.choosing import SPLIT_COLUMNS, Columns, choose, describe, find_named
from bakeoff.data.columnar import Examples, write_examples
from bakeoff.data.columns import Column
from bakeoff.data.dataset import CURRENT_NAME, CURRENT_VERSION, Dataset, open_dataset
from bakeoff.data.frames import table_of
from bakeoff.data.grouping import groups_of
from bakeoff.data.labels import Labels, from_column, from_indicators, numbers_of
from bakeoff.data.rows import SPLITS
from bakeoff.data.snapshots import local_copy
from bakeoff.data.split_files import ALL, SPLIT_NAMES, Reading, split_tables
from bakeoff.data.splitting import stratified_split
from bakeoff.data.table import Table
from bakeoff.errors import DataError
from bakeoff.hub.download import Progress
from bakeoff.records.files import canonical_json, read_document, sha256_bytes, sha256_file, write_document
from bakeoff.records.paths import Home

OWN_VERSION = 1
READER_VERSION = 6
"""Rises when the same file would be understood in another way."""
SEED = 0
SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class Understood:
    """What was made of a file, to be shown to its owner.

    Attributes:
        kind: `single-label` or `multilabel`.
        lines: what was understood, a sentence each.
    """

    kind: str
    lines: list[str] = field(default_factory=list)


def read_own(path: Path, name: str, columns: Columns | None = None, scratch: Path | None = None) -> tuple[Examples, Understood]:
    """Read a file, or a folder with a file a split.

    Args:
        path: a file of one of `table.SUFFIXES`, or a folder with train, and perhaps validation and test, so called.
        name: what the dataset is to be called.
        columns: which column is what.
        scratch: where long columns may lie while they are needed; None is the system's place for such files.

    Returns:
        The examples, and what was understood.

    Raises:
        DataError: if it cannot be read or understood; the remedy says what to write.
    """
    given = columns or Columns()
    return understand(split_tables(path, Reading(given.delimiter, given.header, scratch)), name, given)


def understand(tables: Mapping[str, Table], name: str, given: Columns) -> tuple[Examples, Understood]:
    """Make examples of tables.

    Args:
        tables: a table a split, or one called `ALL`.
        name: what the dataset is to be called.
        given: which column is what, as far as that was said.

    Returns:
        The examples, and what was understood.

    Raises:
        DataError: if they cannot be understood.
    """
    first = next(iter(tables.values()))
    chosen = choose(first, given)
    labels = _labels(list(tables.values()), chosen, given.separator)
    kind = "single-label" if labels.exclusive else "multilabel"
    kept, dropped = _kept(tables, chosen, labels)
    part, splitting = _split(tables, chosen, labels, kept)
    examples = Examples(
        name=name,
        labels=labels,
        texts=[table.columns[str(chosen.text)] for table in tables.values()],
        seconds=_optional(tables, chosen.second),
        groups=_optional(tables, chosen.group),
        ids=_optional(tables, chosen.id),
        lines=[table.lines for table in tables.values()],
        part=part,
        dropped=dropped,
        sources={table.path.name: table.sha256 for table in tables.values()},
        splitting=splitting,
    )
    said = [f"{table.path.name}: {table.rows:,} rows, {table.form}" for table in tables.values()]
    said += [*describe(chosen, labels), f"kind: {kind}, since {_reason(labels)}", *_left_out(dropped)]
    return examples, Understood(kind, [*said, f"splits: {splitting or 'as given'}"])


def _optional(tables: Mapping[str, Table], name: str | None) -> list[Column] | None:
    return [table.columns[name] for table in tables.values()] if name else None


def _reason(labels: Labels) -> str:
    if labels.exclusive:
        return "each labelled row has one label"
    if labels.rated is not None:
        return "each row is rated for one label, and says nothing of the others"
    several, bare = int((labels.counts > 1).sum()), int((labels.counts == 0).sum())
    said = [f"{several:,} have several labels"] if several else []
    said += [f"{bare:,} have {'none' if several else 'no label'}"] if bare else []
    return f"of {len(labels.counts):,} rows {' and '.join(said)}"


def _left_out(dropped: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What was left out of all files, in one line; none if nothing was."""
    counts: Counter[str] = Counter()
    for some in dropped.values():
        counts.update(some)
    if not counts:
        return []
    said = (f"{count:,} {'row' if count == 1 else 'rows'} with {why}" for why, count in counts.most_common())
    return [f"left out: {', '.join(said)}"]


def _labels(tables: Sequence[Table], chosen: Columns, separator: str | None) -> Labels:
    assert chosen.labels
    if chosen.score is not None and chosen.threshold is None:
        problem = f"it is not said from which {chosen.score} on a label holds"
        raise DataError(problem, str(tables[0].path), "say it: --threshold 0.5, or columns: {threshold: 0.5}")
    columns = {name: [table.columns[name] for table in tables] for name in chosen.labels}
    if len(columns) > 1 or (chosen.threshold is not None and chosen.score is None):
        return from_indicators(columns, chosen.threshold if chosen.score is None else None)
    found = from_column(chosen.labels[0], columns[chosen.labels[0]], separator)
    if chosen.score is None or chosen.threshold is None:
        return found
    scores = np.concatenate([numbers_of(chosen.score, table.columns[chosen.score]) for table in tables])
    return found.rated_by(scores, chosen.threshold)


def _kept(tables: Mapping[str, Table], chosen: Columns, labels: Labels) -> tuple[NDArray[np.bool_], dict[str, dict[str, int]]]:
    """Which rows of all files become examples, and how many of each file do not, by reason."""
    bare = (labels.counts == 0) if labels.exclusive else np.zeros(len(labels.counts), dtype=np.bool_)
    why_bare = "no label"
    if labels.rated is not None:
        bare, why_bare = labels.rated < 0, "no label or no score"
    kept, dropped, place = [], {}, 0
    for split, table in tables.items():
        blank = table.columns[str(chosen.text)].blank()
        lost = bare[place : place + table.rows] & ~blank
        place += table.rows
        counts = {"no text": int(blank.sum()), why_bare: int(lost.sum())}
        dropped[split] = {why: count for why, count in counts.items() if count}
        kept.append(~(blank | lost))
        if not kept[-1].any():
            raise DataError("no row has a text", str(table.path), f"is {chosen.text!r} the right column? --text COLUMN")
    if ALL in dropped:
        dropped = {"train": dropped[ALL]}
    return np.concatenate(kept), dropped


def _split(
    tables: Mapping[str, Table], chosen: Columns, labels: Labels, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], str]:
    """The split of each row as a place in `SPLITS`, -1 where it is left out, and how those that the owner did not make were."""
    first = next(iter(tables.values()))
    if ALL in tables:
        part = _told(first, kept)
        if part is None:
            part = np.where(kept, 0, -1).astype(np.int8)
            how = _deal(tables, chosen, labels, part, SHARES)
            return _filled(part, first), f"80, 10 and 10 % of the file, stratified by label, seed 0{how}"
    else:
        numbers = np.repeat([SPLITS.index(split) for split in tables], [table.rows for table in tables.values()])
        part = np.where(kept, numbers, -1).astype(np.int8)
    missing = [split for number, split in enumerate(SPLITS) if not (part == number).any()]
    if not missing:
        return part, ""
    shares = (1 - 0.1 * len(missing), *(0.1 for _ in missing))
    how = _deal(tables, chosen, labels, part, shares, [SPLITS.index(split) for split in missing])
    return (
        _filled(part, first),
        f"{' and '.join(missing)}: a tenth of the training rows each, stratified by label, seed 0{how}",
    )


def _deal(
    tables: Mapping[str, Table],
    chosen: Columns,
    labels: Labels,
    part: NDArray[np.int8],
    shares: Sequence[float],
    into: Sequence[int] = (1, 2),
) -> str:
    """Deal the training rows out, in place; what was kept together, in words."""
    rows = np.flatnonzero(part == 0)
    texts = [table.columns[str(chosen.text)] for table in tables.values()]
    groups, how = groups_of(texts, _optional(tables, chosen.second), _optional(tables, chosen.group), rows)
    parts = stratified_split(labels.of(rows).dense(), shares, SEED, groups)
    for number, some in zip((0, *into), parts, strict=True):
        part[rows[some]] = number
    return how


def _filled(part: NDArray[np.int8], table: Table) -> NDArray[np.int8]:
    for number, split in enumerate(SPLITS):
        if not (part == number).any():
            raise DataError(
                f"too few rows for the split {split}",
                str(table.path),
                "give more rows, or a folder with train.csv, validation.csv and test.csv",
            )
    return part


def _told(table: Table, kept: NDArray[np.bool_]) -> NDArray[np.int8] | None:
    """Splits by what a column called split says; None if there is none, or it says something else."""
    column = find_named(table, SPLIT_COLUMNS)
    if column is None:
        return None
    known = {word: number for number, split in enumerate(SPLITS) for word in SPLIT_NAMES[split]}
    values, codes = table.columns[column].categories()
    numbers = np.array([known.get(str(value).strip().lower(), -1) for value in values], dtype=np.int8)[codes]
    if (numbers < 0).any() or not (numbers == 0).any():
        return None
    return np.where(kept, numbers, -1).astype(np.int8)


def import_own(
    home: Home,
    name: str,
    place: Path | str,
    columns: Columns | None = None,
    fresh: bool = True,
    progress: Progress | None = None,
) -> tuple[Dataset, Understood]:
    """Read the user's own data and store them; the same files, read the same way, are not read again.

    Args:
        home: where datasets are kept.
        name: what the dataset is called from now on.
        place: a file, or a folder with one a split, or the address of either, or a dataset of the hub: `owner/name`.
        columns: which column is what.
        fresh: whether what is at an address is taken over again; otherwise the snapshot of it that is here is used.
        progress: told about bytes that arrive from the hub.

    Returns:
        The stored dataset, and what was understood.

    Raises:
        DataError: if it cannot be read or understood, or the name is that of a dataset of the catalog.
    """
    _check_name(name, str(place))
    path = local_copy(home, str(place), fresh, progress)
    given = columns or Columns()
    key = _key(path, given)
    known = home.datasets / name / f"own-{key[:16]}.json"
    if known.is_file():
        body = read_document(known, "own-data", OWN_VERSION)
        dataset = _whole(home.datasets / name / str(body["fingerprint"])) if body["key"] == key else None
        if dataset is not None:
            write_document(
                home.datasets / name / CURRENT_NAME, "current-dataset", CURRENT_VERSION, {"fingerprint": dataset.fingerprint}
            )
            return dataset, Understood(body["kind"], list(body["lines"]))
    scratch = home.datasets / name
    scratch.mkdir(parents=True, exist_ok=True)
    examples, understood = read_own(path, name, given, scratch)
    dataset = write_examples(home, examples)
    body = {"key": key, "fingerprint": dataset.fingerprint, "kind": understood.kind, "lines": understood.lines}
    write_document(known, "own-data", OWN_VERSION, body)
    return dataset, understood


def import_frame(home: Home, name: str, frame: Any, columns: Columns | None = None) -> tuple[Dataset, Understood]:
    """Store a table that is in memory.

    Args:
        home: where datasets are kept.
        name: what the dataset is called from now on.
        frame: a pandas DataFrame, or what is used like one.
        columns: which column is what.

    Returns:
        The stored dataset, and what was understood.

    Raises:
        DataError: if it cannot be understood, or the name is that of a dataset of the catalog.
    """
    _check_name(name, "name")
    scratch = home.datasets / name
    scratch.mkdir(parents=True, exist_ok=True)
    examples, understood = understand({ALL: table_of(frame, name, scratch)}, name, columns or Columns())
    return write_examples(home, examples), understood


def _check_name(name: str, where: str) -> None:
    if name in registry.cards("dataset"):
        raise DataError(f"a dataset of the catalog is called {name}", where, "give your data another name")


def _whole(folder: Path) -> Dataset | None:
    """A stored dataset, if every byte of it is as recorded: what is not is made of the files again."""
    try:
        return open_dataset(folder, verify=True) if folder.is_dir() else None
    except DataError:
        return None


def _key(path: Path, columns: Columns) -> str:
    """A hash of the files, their names, and how they are to be read."""
    files = sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        raise DataError("no such file", str(path), "name a file that is there, or a folder with train.csv")
    hashes = {str(file.relative_to(path)) if path.is_dir() else file.name: sha256_file(file) for file in files}
    return sha256_bytes(canonical_json({"files": hashes, "columns": asdict(columns), "reader": READER_VERSION}).encode())


def import_files(home: Home, files: Mapping[str, tuple[str, Any]], progress: Progress | None = None) -> None:
    """Import the user's own files that a study names.

    Args:
        home: where datasets are kept.
        files: path and columns by the dataset's name; columns have the attributes of `Columns`, labels one name or several.
        progress: told about bytes that arrive from the hub.

    Raises:
        DataError: see `import_own`.
    """
    for name, (path, said) in files.items():
        labels = (said.labels,) if isinstance(said.labels, str) else said.labels and tuple(said.labels)
        columns = Columns(
            said.text,
            said.second,
            labels,
            said.id,
            said.group,
            said.delimiter,
            said.separator,
            said.score,
            said.threshold,
            said.header and tuple(said.header),
        )
        import_own(home, name, path, columns, fresh=False, progress=progress)
