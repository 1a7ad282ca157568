"""Reads MRPC, RTE and SST-2 as GLUE and their owners distribute them.

Their test sets have no public labels. The policy: what is reported is measured on the public development set, stored as the
split `test`; what is chosen is chosen on a part of the training set as large as that, stored as `validation`. MRPC is read
from its training file alone, which is cut into three.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bakeoff.catalog.datasets import MRPC_LABELS, RTE_LABELS, SST2_LABELS
from bakeoff.data.lines import Faults, read_source
from bakeoff.data.rows import Import, Row
from bakeoff.data.splitting import linked_groups, stratified_split
from bakeoff.data.tables import Record, blank_lines, read_records

RTE_COLUMNS = ("sentence1", "sentence2", "label", "idx")
SST2_COLUMNS = ("sentence", "label")
MRPC_COLUMNS = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
MakeRow = Callable[[str, Record], Row]
MRPC_SHARES = (0.8, 0.1, 0.1)
SEED = 0
REMEDY = "take the files as GLUE distributes them: tab-separated with a header, quotation marks as text, labels 0 and 1"
SPLITTING = (
    "validation: drawn from the published training set, stratified by label, {groups} kept together, seed 0; "
    "test: the published development set"
)


def read_rte(folder: Path) -> Import:
    """Read RTE: does the first sentence entail the second?

    Args:
        folder: has train.tsv and dev.tsv.

    Returns:
        Rows with a second text.

    Raises:
        DataError: if a file is missing or rows are malformed.
    """

    def row(split: str, record: Record) -> Row:
        fields = record.fields
        return Row(f"{split}-{fields['idx']}", fields["sentence1"], (int(fields["label"]),), second=fields["sentence2"])

    return _read("rte", folder, RTE_COLUMNS, RTE_LABELS, row, "premises")


def read_sst2(folder: Path) -> Import:
    """Read SST-2: is the phrase positive?

    Args:
        folder: has train.tsv and dev.tsv.

    Returns:
        Rows; their ids are line numbers.

    Raises:
        DataError: if a file is missing or rows are malformed.
    """

    def row(split: str, record: Record) -> Row:
        # the published files end each phrase with a space
        return Row(f"{split}-{record.line - 1}", record.fields["sentence"].strip(), (int(record.fields["label"]),))

    return _read("sst2", folder, SST2_COLUMNS, SST2_LABELS, row, "equal texts")


def _read(name: str, folder: Path, columns: tuple[str, ...], labels: tuple[str, ...], row: MakeRow, groups: str) -> Import:
    faults = Faults(REMEDY)
    sources: dict[str, str] = {}
    files: dict[str, list[Row]] = {}
    dropped: dict[str, dict[str, int]] = {"train": {}, "validation": {}, "test": {}}
    for split, file in (("train", "train.tsv"), ("test", "dev.tsv")):
        path = folder / file
        content, sources[file] = read_source(path)
        records = [record for record in read_records(path, content, columns, faults) if _label_is_known(path, record, faults)]
        files[split] = [row(file.removesuffix(".tsv"), record) for record in records]
        if blank := blank_lines(content):
            dropped[split]["blank line"] = blank
    faults.check(folder)
    targets = np.array([[row.labels[0] == 0, row.labels[0] == 1] for row in files["train"]], dtype=np.uint8)
    size = len(files["train"])
    shares = (size - len(files["test"]), len(files["test"]))
    kept, held = stratified_split(targets, shares, SEED, [row.text for row in files["train"]])
    splits = {
        "train": [files["train"][index] for index in kept],
        "validation": [files["train"][index] for index in held],
        "test": files["test"],
    }
    return Import(name, labels, splits, dropped, sources, splitting=SPLITTING.format(groups=groups))


def _label_is_known(path: Path, record: Record, faults: Faults, column: str = "label") -> bool:
    if record.fields[column] in ("0", "1"):
        return True
    faults.add(path, record.line, f"the label is {record.fields[column][:40]!r}; expected 0 or 1")
    return False


def read_mrpc(folder: Path) -> Import:
    """Read MRPC: do two sentences say the same?

    Args:
        folder: has msr_paraphrase_train.txt.

    Returns:
        Rows with a second text, in three seeded parts of 80, 10 and 10 %; pairs that share a sentence are in one part.

    Raises:
        DataError: if the file is missing or rows are malformed.
    """
    faults = Faults(REMEDY)
    path = folder / "msr_paraphrase_train.txt"
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
    targets = np.array([[row.labels[0] == 0, row.labels[0] == 1] for row in rows], dtype=np.uint8)
    parts = stratified_split(targets, MRPC_SHARES, SEED, groups)
    splits = {
        split: [rows[index] for index in part] for split, part in zip(("train", "validation", "test"), parts, strict=True)
    }
    blank = {"blank line": count} if (count := blank_lines(content)) else {}
    splitting = (
        "all splits: 80, 10 and 10 % of the published training set, stratified by label, pairs that share a sentence kept "
        "together, seed 0"
    )
    return Import("mrpc", MRPC_LABELS, splits, {"train": blank}, {path.name: digest}, splitting=splitting)
