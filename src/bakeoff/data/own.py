"""A user's own data: which column is what, which labels there are, and which rows are for training, choosing and testing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from bakeoff.catalog import registry
from bakeoff.data.dataset import CURRENT_NAME, CURRENT_VERSION, Dataset, open_dataset, write_dataset
from bakeoff.data.labels import Labels, from_column, from_indicators, is_indicator
from bakeoff.data.rows import SPLITS, Import, Row
from bakeoff.data.splitting import stratified_split
from bakeoff.data.table import SUFFIXES, Table, read_table
from bakeoff.errors import DataError
from bakeoff.records.files import canonical_json, read_document, sha256_bytes, sha256_file, write_document
from bakeoff.records.paths import Home

OWN_VERSION = 1
READER_VERSION = 3
"""Rises when the same file would be understood in another way."""
SEED = 0
SHARES = (0.8, 0.1, 0.1)
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "eval"),
}
TEXT_NAMES = (
    "text",
    "sentence1",
    "sentence",
    "premise",
    "question1",
    "question",
    "comment",
    "tweet",
    "review",
    "utterance",
    "message",
    "content",
    "body",
)
SECOND_NAMES = ("second", "text2", "text_b", "sentence2", "hypothesis", "question2", "context")
LABEL_NAMES = (
    "labels",
    "label",
    "emotions",
    "emotion",
    "category",
    "categories",
    "class",
    "target",
    "sentiment",
    "tags",
    "topic",
)
ID_NAMES = ("id", "idx", "guid", "uid", "example_id")
ID_ENDINGS = ("_id", "-id", " id", ".id")
SPLIT_COLUMNS = ("split", "fold", "partition")


@dataclass(frozen=True)
class Columns:
    """Which column is what; what is not named is found out.

    Attributes:
        text: the text.
        second: the other text of a pair; empty means none, None that it is found out.
        labels: the column of the labels, or the columns, if each label has its own.
        id: ids that are unique within a split.
        group: what rows that must stay in one split share.
        delimiter: what separates fields of a text file.
        separator: what separates labels in one column.
    """

    text: str | None = None
    second: str | None = None
    labels: tuple[str, ...] | None = None
    id: str | None = None
    group: str | None = None
    delimiter: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Understood:
    """What was made of a file, to be shown to its owner.

    Attributes:
        kind: `single-label` or `multilabel`.
        lines: what was understood, a sentence each.
    """

    kind: str
    lines: list[str] = field(default_factory=list)


def read_own(path: Path, name: str, columns: Columns | None = None) -> tuple[Import, Understood]:
    """Read a file, or a folder with a file a split.

    Args:
        path: a file of one of `table.SUFFIXES`, or a folder with train, and perhaps validation and test, so called.
        name: what the dataset is to be called.
        columns: which column is what.

    Returns:
        The dataset, and what was understood.

    Raises:
        DataError: if it cannot be read or understood; the remedy says what to write.
    """
    given = columns or Columns()
    tables = _tables(path, given.delimiter)
    first = next(iter(tables.values()))
    chosen = _choose(first, given)
    labels = _labels(tables, chosen, given.separator)
    splits: dict[str, list[Row]] = {}
    dropped: dict[str, dict[str, int]] = {}
    place = 0
    for split, table in tables.items():
        own = replace(labels, rows=labels.rows[place : place + table.rows])
        place += table.rows
        splits[split], dropped[split] = _rows(table, chosen, own, labels.exclusive)
    lines = [f"{table.path.name}: {table.rows:,} rows, {table.form}" for table in tables.values()]
    kind = "single-label" if labels.exclusive else "multilabel"
    lines += [*_describe(chosen, labels), f"kind: {kind}, since {_reason(labels)}", *_left_out(dropped)]
    splits, dropped, splitting = _split(splits, dropped, first, chosen, labels)
    lines.append(f"splits: {splitting or 'as given'}")
    imported = Import(
        name,
        labels.names,
        splits,
        dropped,
        {table.path.name: table.sha256 for table in tables.values()},
        terms="the user's own data",
        splitting=splitting,
    )
    return imported, Understood(kind, lines)


def _reason(labels: Labels) -> str:
    if labels.exclusive:
        return "each labelled row has one label"
    several = sum(len(row) > 1 for row in labels.rows)
    bare = sum(not row for row in labels.rows)
    said = [f"{several:,} have several labels"] if several else []
    said += [f"{bare:,} have {'none' if several else 'no label'}"] if bare else []
    return f"of {len(labels.rows):,} rows {' and '.join(said)}"


def _left_out(dropped: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What was left out of all files, in one line; none if nothing was."""
    counts: Counter[str] = Counter()
    for some in dropped.values():
        counts.update(some)
    if not counts:
        return []
    said = (f"{count:,} {'row' if count == 1 else 'rows'} with {why}" for why, count in counts.items())
    return [f"left out: {', '.join(said)}"]


def _tables(path: Path, delimiter: str | None) -> dict[str, Table]:
    if not path.is_dir():
        return {"all": read_table(path, delimiter)}
    files = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES)
    found: dict[str, Path] = {}
    for split, names in SPLIT_NAMES.items():
        fitting = [file for file in files if file.stem.lower().split("-")[0].split("_")[0] in names]
        if len(fitting) > 1:
            named = ", ".join(file.name for file in fitting)
            raise DataError(f"several files are called {split}: {named}", str(path), "one file a split")
        if fitting:
            found[split] = fitting[0]
    if "train" not in found:
        raise DataError("no file of the folder is called train", str(path), "train.csv, validation.csv and test.csv, say")
    tables = {split: read_table(file, delimiter) for split, file in found.items()}
    columns = list(tables["train"].columns)
    for table in tables.values():
        missing = [name for name in columns if name not in table.columns]
        if missing:
            raise DataError(
                f"the column {missing[0]!r} of the training file is missing", str(table.path), "the same columns in every file"
            )
    return tables


def _named(table: Table, names: Iterable[str]) -> str | None:
    lower = {name.lower(): name for name in table.columns}
    return next((lower[name] for name in names if name in lower), None)


def _choose(table: Table, given: Columns) -> Columns:
    """Fill in what the user did not say."""
    stated = [given.text, given.second, given.id, given.group, *(given.labels or ())]
    for name in stated:
        if name and name not in table.columns:
            raise DataError(f"there is no column {name!r}", str(table.path), f"one of {', '.join(table.columns)}")
    text = given.text or _named(table, TEXT_NAMES) or _longest(table, taken={name for name in stated if name})
    if text is None:
        raise DataError(
            "no column looks like a text", str(table.path), f"say which: --text COLUMN, one of {', '.join(table.columns)}"
        )
    second = given.second if given.second is not None else _named(table, (n for n in SECOND_NAMES if n != text.lower()))
    ids = given.id or _find_ids(table, text)
    taken: set[str | None] = {text, second, ids, given.group}
    labels = given.labels or _find_labels(table, taken)
    return replace(given, text=text, second=second or None, id=ids, labels=labels)


def _find_ids(table: Table, text: str) -> str | None:
    """The column that is called an id and is one: what repeats, or is empty somewhere, is none."""
    called = [_named(table, ID_NAMES), *(name for name in table.columns if name.lower().endswith(ID_ENDINGS))]
    for name in called:
        values = table.columns[name] if name and name != text else []
        if values and len({str(value) for value in values if value not in (None, "")}) == table.rows:
            return name
    return None


def _longest(table: Table, taken: set[str]) -> str | None:
    """The column with the longest texts."""
    lengths = {
        name: fmean(len(value) if isinstance(value, str) else 0 for value in values)
        for name, values in table.columns.items()
        if values and name not in taken
    }
    best = max(lengths, key=lambda name: lengths[name], default=None)
    return best if best is not None and lengths[best] > 0 else None


def _find_labels(table: Table, taken: set[str | None]) -> tuple[str, ...]:
    named = _named(table, LABEL_NAMES)
    if named and named not in taken:
        return (named,)
    rest = [name for name in table.columns if name not in taken and name.lower() not in SPLIT_COLUMNS]
    indicators = [name for name in rest if is_indicator(table.columns[name])]
    if len(indicators) > 1:
        return tuple(indicators)
    few = [name for name in rest if 1 < len({str(value) for value in table.columns[name]}) <= max(2, table.rows // 2)]
    if len(few) == 1:
        return (few[0],)
    said = ", ".join(rest) or "there is no other column"
    raise DataError("it is not clear which column holds the labels", str(table.path), f"say which: --labels COLUMN ({said})")


def _labels(tables: dict[str, Table], chosen: Columns, separator: str | None) -> Labels:
    assert chosen.labels
    whole = {name: [value for table in tables.values() for value in table.columns[name]] for name in chosen.labels}
    if len(chosen.labels) > 1:
        return from_indicators(whole)
    return from_column(chosen.labels[0], whole[chosen.labels[0]], separator)


def _rows(table: Table, chosen: Columns, labels: Labels, one_each: bool) -> tuple[list[Row], dict[str, int]]:
    assert chosen.text
    dropped: Counter[str] = Counter()
    rows = []
    ids = table.columns[chosen.id] if chosen.id else None
    seconds = table.columns[chosen.second] if chosen.second else None
    groups = table.columns[chosen.group] if chosen.group else None
    for place, text in enumerate(table.columns[chosen.text]):
        if text is None or not str(text).strip():
            dropped["no text"] += 1
            continue
        if one_each and not labels.rows[place]:
            dropped["no label"] += 1
            continue
        row_id = str(ids[place]) if ids is not None else f"row-{table.lines[place]}"
        second = "" if seconds is None or seconds[place] is None else str(seconds[place])
        group = "" if groups is None or groups[place] is None else str(groups[place])
        rows.append(Row(row_id, str(text), labels.rows[place], second, group))
    if not rows:
        raise DataError("no row has a text", str(table.path), f"is {chosen.text!r} the right column? --text COLUMN")
    return rows, dict(dropped)


def _describe(chosen: Columns, labels: Labels) -> list[str]:
    shown = ", ".join(labels.names[:8]) + (f" and {len(labels.names) - 8} more" if len(labels.names) > 8 else "")
    said = [f"text: the column {chosen.text!r} (--text to correct)"]
    if chosen.second:
        said.append(f"second text: the column {chosen.second!r} (--second to correct; --second '' for none)")
    said.append(f"labels: {', '.join(map(repr, (chosen.labels or ())[:4]))}, {labels.form} (--labels to correct): {shown}")
    said.append(f"ids: {f'the column {chosen.id!r}' if chosen.id else 'line numbers'} (columns: {{id: COLUMN}} to correct)")
    if chosen.group:
        said.append(f"groups: the column {chosen.group!r}")
    return said


def _split(
    splits: dict[str, list[Row]], dropped: dict[str, dict[str, int]], table: Table, chosen: Columns, labels: Labels
) -> tuple[dict[str, list[Row]], dict[str, dict[str, int]], str]:
    """Make the splits that the owner did not."""
    if "all" in splits:
        column = _named(table, SPLIT_COLUMNS)
        told = _by_column(table, column, splits["all"], chosen) if column else None
        if told is None:
            parts = _parts(splits["all"], labels, SHARES)
            made = dict(zip(SPLITS, parts, strict=True))
            how = "80, 10 and 10 % of the file, stratified by label, seed 0" + (
                ", groups kept together" if chosen.group else ""
            )
            return _present(made, table), {"train": dropped["all"]}, how
        splits, dropped = told, {"train": dropped["all"]}
    missing = [split for split in SPLITS if split not in splits]
    if not missing:
        return splits, dropped, ""
    shares = (1 - 0.1 * len(missing), *(0.1 for _ in missing))
    parts = _parts(splits["train"], labels, shares)
    made = {**splits, **dict(zip(("train", *missing), parts, strict=True))}
    ordered = {split: made[split] for split in SPLITS}
    return (
        _present(ordered, table),
        dropped,
        f"{' and '.join(missing)}: a tenth of the training rows each, stratified by label, seed 0",
    )


def _present(splits: dict[str, list[Row]], table: Table) -> dict[str, list[Row]]:
    empty = [split for split, rows in splits.items() if not rows]
    if empty:
        raise DataError(
            f"too few rows for the split {empty[0]}",
            str(table.path),
            "give more rows, or a folder with train.csv, validation.csv and test.csv",
        )
    return splits


def _parts(rows: list[Row], labels: Labels, shares: tuple[float, ...]) -> list[list[Row]]:
    targets = np.zeros((len(rows), len(labels.names)), dtype=np.uint8)
    for number, row in enumerate(rows):
        targets[number, list(row.labels)] = 1
    groups: list[Any] = [row.group for row in rows]
    return [[rows[index] for index in part] for part in stratified_split(targets, shares, SEED, groups)]


def _by_column(table: Table, column: str, rows: list[Row], chosen: Columns) -> dict[str, list[Row]] | None:
    """Rows by what a column called split says; None if it says something else."""
    known = {word: split for split, words in SPLIT_NAMES.items() for word in words}
    ids = [str(value) for value in table.columns[chosen.id]] if chosen.id else [f"row-{line}" for line in table.lines]
    said = {row_id: known.get(str(value).strip().lower()) for row_id, value in zip(ids, table.columns[column], strict=True)}
    if None in said.values() or "train" not in said.values():
        return None
    found: dict[str, list[Row]] = {}
    for row in rows:
        split = said[row.id]
        assert split
        found.setdefault(split, []).append(row)
    return {split: found[split] for split in SPLITS if split in found}


def import_own(home: Home, name: str, path: Path, columns: Columns | None = None) -> tuple[Dataset, Understood]:
    """Read the user's own data and store them; the same files, read the same way, are not read again.

    Args:
        home: where datasets are kept.
        name: what the dataset is called from now on.
        path: a file, or a folder with one a split.
        columns: which column is what.

    Returns:
        The stored dataset, and what was understood.

    Raises:
        DataError: if it cannot be read or understood, or the name is that of a dataset of the catalog.
    """
    if name in registry.cards("dataset"):
        raise DataError(f"a dataset of the catalog is called {name}", str(path), "give your data another name")
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
    imported, understood = read_own(path, name, given)
    dataset = write_dataset(home, imported)
    body = {"key": key, "fingerprint": dataset.fingerprint, "kind": understood.kind, "lines": understood.lines}
    write_document(known, "own-data", OWN_VERSION, body)
    return dataset, understood


def _whole(folder: Path) -> Dataset | None:
    """A stored dataset, if every byte of it is as recorded: what is not is made of the files again."""
    try:
        return open_dataset(folder, verify=True) if folder.is_dir() else None
    except DataError:
        return None


def _key(path: Path, columns: Columns) -> str:
    """A hash of the files, their names, and how they are to be read."""
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        raise DataError("no such file", str(path), "name a file that is there, or a folder with train.csv")
    hashes = {file.name: sha256_file(file) for file in files}
    return sha256_bytes(canonical_json({"files": hashes, "columns": asdict(columns), "reader": READER_VERSION}).encode())


def import_files(home: Home, files: Mapping[str, tuple[str, Any]]) -> None:
    """Import the user's own files that a study names.

    Args:
        home: where datasets are kept.
        files: path and columns by the dataset's name; columns have the attributes of `Columns`, labels one name or several.

    Raises:
        DataError: see `import_own`.
    """
    for name, (path, said) in files.items():
        labels = (said.labels,) if isinstance(said.labels, str) else said.labels and tuple(said.labels)
        columns = Columns(said.text, said.second, labels, said.id, said.group, said.delimiter, said.separator)
        import_own(home, name, Path(path), columns)
