"""Reads MRPC, RTE and SST-2 as GLUE, their owners and the hub distribute them.

The test sets of RTE and SST-2 have no public labels. The policy, for all three: what is reported is measured on the public
development set, stored as the split `test`; what is chosen is chosen on a part of the training set as large as that, stored
as `validation`. The owner's training file of MRPC has no development set beside it: it is cut into three.

Parquet (the hub): `train*.parquet` and `validation*.parquet` with the columns of the tables below. The same rows give the same
dataset, whichever way they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.catalog.datasets import MRPC_LABELS, RTE_LABELS, SST2_LABELS
from bakeoff.data.lines import Faults, read_source
from bakeoff.data.parquet import Layout, parquet_files, read_columns
from bakeoff.data.rows import Import, Row
from bakeoff.data.splitting import linked_groups, stratified_split
from bakeoff.data.tables import Record, blank_lines, read_records
from bakeoff.records.files import sha256_file

PAIR_COLUMNS = ("sentence1", "sentence2", "label", "idx")
SST2_COLUMNS = ("sentence", "label")
MRPC_COLUMNS = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
MRPC_FILE = "msr_paraphrase_train.txt"
MRPC_SHARES = (0.8, 0.1, 0.1)
FILES = {"train": "train.tsv", "test": "dev.tsv"}
HUB_FILES = {"train": "train", "test": "validation"}
"""What the names of the hub's files begin with, by split."""
STEMS = {"train": "train", "test": "dev"}
"""What ids of the published splits begin with."""
SEED = 0
REMEDY = "take the files as GLUE distributes them: tab-separated with a header, quotation marks as text, labels 0 and 1"
HUB_REMEDY = "take the files as the hub has them: texts, labels 0 and 1, nothing null"
SPLITTING = (
    "validation: drawn from the published training set, stratified by label, {groups} kept together, seed 0; "
    "test: the published development set"
)


@dataclass(frozen=True)
class Table:
    """A table of GLUE: a file a split, with a development set.

    Attributes:
        name: the dataset's name.
        columns: of the published files.
        labels: label names in the order of their ids.
        row: makes a row of what its split's ids begin with, and a line.
        together: which training rows stay in one split, in words.
        linked: whether these are pairs that share a sentence, which are one unit of the statistics too; else equal first texts.
    """

    name: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    row: Callable[[str, Record], Row]
    together: str
    linked: bool = False


def _pair(stem: str, record: Record) -> Row:
    fields = record.fields
    return Row(f"{stem}-{fields['idx']}", fields["sentence1"], (int(fields["label"]),), second=fields["sentence2"])


def _phrase(stem: str, record: Record) -> Row:
    # the published files end each phrase with a space
    return Row(f"{stem}-{record.line - 1}", record.fields["sentence"].strip(), (int(record.fields["label"]),))


RTE = Table("rte", PAIR_COLUMNS, RTE_LABELS, _pair, "premises")
SST2 = Table("sst2", SST2_COLUMNS, SST2_LABELS, _phrase, "equal texts")
MRPC = Table("mrpc", PAIR_COLUMNS, MRPC_LABELS, _pair, "pairs that share a sentence", linked=True)


def read_rte(folder: Path) -> Import:
    """Read RTE: does the first sentence entail the second?

    Args:
        folder: has train.tsv and dev.tsv, or the hub's files.

    Returns:
        Rows with a second text.

    Raises:
        DataError: if a file is missing or rows are malformed.
    """
    return _read(RTE, folder)


def read_sst2(folder: Path) -> Import:
    """Read SST-2: is the phrase positive?

    Args:
        folder: has train.tsv and dev.tsv, or the hub's files.

    Returns:
        Rows; their ids are line numbers.

    Raises:
        DataError: if a file is missing or rows are malformed.
    """
    return _read(SST2, folder)


def read_mrpc(folder: Path) -> Import:
    """Read MRPC: do two sentences say the same?

    Args:
        folder: has the owner's msr_paraphrase_train.txt, or the hub's files.

    Returns:
        Rows with a second text, grouped by the sentences that pairs share. Of the owner's file three seeded parts of 80, 10
        and 10 %, groups kept together; of the hub's files the published splits.

    Raises:
        DataError: if files are missing or rows are malformed.
    """
    return _read(MRPC, folder) if _hub_files(folder) else _read_owners_mrpc(folder)


def _hub_files(folder: Path) -> dict[str, list[Path]]:
    found = parquet_files(folder, tuple(HUB_FILES.values()))
    return {split: found[begin] for split, begin in HUB_FILES.items()} if found else {}


def _read(table: Table, folder: Path) -> Import:
    hub = _hub_files(folder)
    faults = Faults(HUB_REMEDY if hub else REMEDY)
    sources: dict[str, str] = {}
    files: dict[str, list[Row]] = {}
    dropped: dict[str, dict[str, int]] = {"train": {}, "validation": {}, "test": {}}
    for split, name in FILES.items():
        if hub:
            records = [record for path in hub[split] for record in _hub_records(table, path, faults)]
            sources |= {path.relative_to(folder).as_posix(): sha256_file(path) for path in hub[split]}
        else:
            content, sources[name] = read_source(folder / name)
            given = read_records(folder / name, content, table.columns, faults)
            records = [record for record in given if _label_is_known(folder / name, record, faults)]
            if blank := blank_lines(content):
                dropped[split]["blank line"] = blank
        files[split] = [table.row(STEMS[split], record) for record in records]
    faults.check(folder)
    return _divided(table, files, dropped, sources)


def _divided(table: Table, files: dict[str, list[Row]], dropped: dict[str, dict[str, int]], sources: dict[str, str]) -> Import:
    """Draw validation from the training rows, as many as the development set has."""
    if table.linked:
        files = _linked(files)
    train, size = files["train"], len(files["train"])
    shares = (size - len(files["test"]), len(files["test"]))
    kept, held = stratified_split(_targets(train), shares, SEED, [row.group or row.text for row in train])
    splits = {
        "train": [train[index] for index in kept],
        "validation": [train[index] for index in held],
        "test": files["test"],
    }
    return Import(table.name, table.labels, splits, dropped, sources, splitting=SPLITTING.format(groups=table.together))


def _linked(files: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows with the group of those that they share a sentence with, in whichever file."""
    rows = [row for some in files.values() for row in some]
    names = linked_groups([(row.text, row.second) for row in rows])
    numbers = {name: f"linked-{number}" for number, name in enumerate(dict.fromkeys(names))}
    groups = iter(names)
    return {split: [row._replace(group=numbers[next(groups)]) for row in some] for split, some in files.items()}


def _targets(rows: list[Row]) -> Any:
    return np.array([[row.labels[0] == 0, row.labels[0] == 1] for row in rows], dtype=np.uint8)


def _hub_records(table: Table, path: Path, faults: Faults) -> Iterator[Record]:
    """Rows of one of the hub's files as if they were lines below a header."""
    layout = Layout(table.columns, table.labels, "label", HUB_REMEDY)
    for number, values in enumerate(read_columns(path, layout), start=1):
        fields = dict(zip(table.columns, values, strict=True))
        texts = [column for column in table.columns if column.startswith("sentence")]
        wrong = next((column for column in texts if not isinstance(fields[column], str)), None)
        if wrong is not None:
            faults.add(path, number, f"{wrong} is {fields[wrong]!r}; expected a text")
        elif type(fields["label"]) is not int or fields["label"] not in (0, 1):
            faults.add(path, number, f"the label is {fields['label']!r}; expected 0 or 1")
        elif type(fields.get("idx", 0)) is not int:
            faults.add(path, number, f"idx is {fields['idx']!r}; expected a whole number")
        else:
            yield Record(number + 1, {column: str(value) for column, value in fields.items()})


def _label_is_known(path: Path, record: Record, faults: Faults, column: str = "label") -> bool:
    if record.fields[column] in ("0", "1"):
        return True
    faults.add(path, record.line, f"the label is {record.fields[column][:40]!r}; expected 0 or 1")
    return False


def _read_owners_mrpc(folder: Path) -> Import:
    faults = Faults(REMEDY)
    path = folder / MRPC_FILE
    content, digest = read_source(path)
    records = [
        record
        for record in read_records(path, content, MRPC_COLUMNS, faults)
        if _label_is_known(path, record, faults, "Quality")
    ]
    faults.check(folder)
    rows = [
        Row(
            f"{record.fields['#1 ID']}-{record.fields['#2 ID']}",
            record.fields["#1 String"],
            (int(record.fields["Quality"]),),
            second=record.fields["#2 String"],
        )
        for record in records
    ]
    groups = linked_groups([(record.fields["#1 ID"], record.fields["#2 ID"]) for record in records])
    rows = [row._replace(group=group) for row, group in zip(rows, groups, strict=True)]
    parts = stratified_split(_targets(rows), MRPC_SHARES, SEED, groups)
    splits = {
        split: [rows[index] for index in part] for split, part in zip(("train", "validation", "test"), parts, strict=True)
    }
    blank = {"blank line": count} if (count := blank_lines(content)) else {}
    splitting = (
        "all splits: 80, 10 and 10 % of the published training set, stratified by label, pairs that share a sentence kept "
        "together, seed 0"
    )
    return Import("mrpc", MRPC_LABELS, splits, {"train": blank}, {path.name: digest}, splitting=splitting)
