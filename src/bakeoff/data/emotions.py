"""Reads three smaller corpora of emotions: SemEval-2018 E-c (tweets), ISEAR (reports), MELD (dialogues of a TV series).

What is cleaned, dropped and split is counted: rows in the file = rows stored + rows dropped, by reason.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np

from bakeoff.catalog.datasets import ISEAR_LABELS, MELD_LABELS, SEMEVAL_LABELS
from bakeoff.data.lines import Faults, decode_line, read_source
from bakeoff.data.rows import Import, Row
from bakeoff.data.splitting import stratified_split
from bakeoff.data.tables import read_records
from bakeoff.errors import DataError

SEMEVAL_FILES = {"train": "2018-E-c-En-train.txt", "test": "2018-E-c-En-dev.txt"}
MELD_FILES = {"train": "train_sent_emo.csv", "validation": "dev_sent_emo.csv", "test": "test_sent_emo.csv"}
SEED = 0
C1 = re.compile(r"[\x80-\x9f]")
NO_RESPONSE = re.compile(
    r"no (res?ponse|answer|emotion)|not? (applicable|experienced)|never (experienced|felt)|(doesn't|does not) apply|blank"
    r"|^(i )?(do|can) ?not (know|remember|recall|think)|^(the )?same as (in|above|for)"
)
"""What a report of a few words says when the writer had nothing to report."""
NO_RESPONSE_LONGEST = 60


def _dense(rows: list[Row], labels: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    targets = np.zeros((len(rows), labels), dtype=np.uint8)
    for number, row in enumerate(rows):
        targets[number, list(row.labels)] = 1
    return targets


def read_semeval(folder: Path) -> Import:
    """Read SemEval-2018 Task 1 E-c, English.

    The published test set has no labels. Test is the published development set, and validation is drawn from the training
    set, as large as that. What the collection did to tweets is undone (see `unspoiled`): entities of HTML, written line breaks,
    signs of Windows' own encoding.

    Args:
        folder: has 2018-E-c-En-train.txt and 2018-E-c-En-dev.txt.

    Returns:
        Rows with none to six of eleven labels.

    Raises:
        DataError: if a file is missing or rows are malformed.
    """
    faults = Faults("take the files as published: tab-separated, a header, one column of 0 and 1 a label")
    found: dict[str, list[Row]] = {}
    sources: dict[str, str] = {}
    for split, name in SEMEVAL_FILES.items():
        content, sources[name] = read_source(folder / name)
        found[split] = []
        for record in read_records(folder / name, content, ("ID", "Tweet", *SEMEVAL_LABELS), faults):
            marks = [record.fields[label] for label in SEMEVAL_LABELS]
            if set(marks) <= {"0", "1"}:
                labels = tuple(position for position, mark in enumerate(marks) if mark == "1")
                found[split].append(Row(record.fields["ID"], unspoiled(record.fields["Tweet"]), labels))
            else:
                faults.add(folder / name, record.line, f"the labels are {marks}; expected 0 or 1 each")
    faults.check(folder)
    rows, size = found["train"], len(found["test"])
    kept, held = stratified_split(_dense(rows, len(SEMEVAL_LABELS)), (len(rows) - size, size), SEED)
    splits = {"train": [rows[i] for i in kept], "validation": [rows[i] for i in held], "test": found["test"]}
    splitting = (
        "validation: drawn from the published training set, stratified by labels, seed 0; test: the published development set"
    )
    return Import("semeval2018_ec", SEMEVAL_LABELS, splits, {split: {} for split in splits}, sources, splitting=splitting)


def unspoiled(text: str) -> str:
    """Undo what the collection of tweets did to a text.

    Args:
        text: the text as published.

    Returns:
        The text without entities of HTML, written line breaks and C1 signs, which Windows' encoding 1252 has for others.
    """
    plain = html.unescape(html.unescape(text)).replace("\\n", " ").replace("\\r", " ")
    mended = C1.sub(lambda found: found[0].encode("latin-1").decode("cp1252", "replace"), plain)
    return " ".join(mended.split())


def read_isear(folder: Path) -> Import:
    """Read ISEAR: people report when they felt one of seven emotions.

    `á` stands where the questionnaire's lines were broken, a backslash for a quotation mark; runs of white space become one
    space. Reports that say that there
    is nothing to report are dropped, and so is the one line whose fields are run together.

    Args:
        folder: has isear.csv.

    Returns:
        Rows with one label each, in three seeded parts of 80, 10 and 10 %; reports of one person are in one part.

    Raises:
        DataError: if the file is missing or of another form.
    """
    path = folder / "isear.csv"
    faults = Faults("take the file as published: fields separated by |, the label in Field1, the text in SIT")
    content, digest = read_source(path)
    columns = tuple((decode_line(path, 1, content.split(b"\n", 1)[0].rstrip(b"\r"), faults) or "").split("|"))
    needed = ("ID", "Field1", "MYKEY", "SIT")
    if any(name not in columns for name in needed):
        raise DataError("the header lacks ID, Field1, MYKEY or SIT", str(path), faults.remedy)
    torn = Faults("")  # the published file has one: counted, not refused
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    for record in read_records(path, content, columns, torn, "|"):
        text = _mended(record.fields["SIT"])
        if record.fields["Field1"] not in ISEAR_LABELS:
            faults.add(path, record.line, f"no label is called {record.fields['Field1'][:40]!r}")
        elif says_nothing(text):
            dropped["no response"] += 1
        else:
            label = ISEAR_LABELS.index(record.fields["Field1"])
            rows.append(Row(record.fields["MYKEY"], text, (label,), group=record.fields["ID"]))
    dropped["fields run together"] = torn.count
    faults.check(folder)
    parts = stratified_split(_dense(rows, len(ISEAR_LABELS)), (0.8, 0.1, 0.1), SEED, [row.group for row in rows])
    names = ("train", "validation", "test")
    splits = {split: [rows[index] for index in part] for split, part in zip(names, parts, strict=True)}
    splitting = (
        "all splits: 80, 10 and 10 % of the published file, stratified by label, reports of one person kept together, seed 0"
    )
    counted = {"train": {reason: count for reason, count in sorted(dropped.items()) if count}}
    return Import("isear", ISEAR_LABELS, splits, counted, {path.name: digest}, splitting=splitting)


def _mended(text: str) -> str:
    """Undo what the file's history did to a report: broken lines, and quotation marks written as a backslash."""
    plain = " ".join(text.replace("á", " ").split())
    if "\\" in plain:
        plain = plain.removesuffix('"').replace('\\"', '"').replace("\\", '"')
    return plain


def says_nothing(text: str) -> bool:
    """Whether a report of ISEAR says that there is nothing to report.

    Args:
        text: the report.

    Returns:
        True for an empty one, and for a short one that says so.
    """
    plain = text.strip("[]. ").lower()
    return not plain or (len(plain) <= NO_RESPONSE_LONGEST and NO_RESPONSE.search(plain) is not None)


def read_meld(folder: Path) -> Import:
    """Read MELD: utterances of dialogues, each with one emotion.

    Args:
        folder: has train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv.

    Returns:
        Rows with one label each, in the order of the dialogues; the group is the dialogue.

    Raises:
        DataError: if a file is missing or rows are malformed.
    """
    faults = Faults("take the files as published: CSV with Utterance, Speaker, Emotion, Dialogue_ID, Utterance_ID")
    splits: dict[str, list[Row]] = {}
    sources: dict[str, str] = {}
    for split, name in MELD_FILES.items():
        content, sources[name] = read_source(folder / name)
        splits[split] = _read_meld(folder / name, content, faults)
    faults.check(folder)
    return Import("meld", MELD_LABELS, splits, {split: {} for split in splits}, sources)


def _read_meld(path: Path, content: bytes, faults: Faults) -> list[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"byte {error.start + 1} is not UTF-8", str(path), faults.remedy) from error
    rows: list[tuple[int, int, Row]] = []
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for record in reader:
            problem = _meld_problem(record)
            if problem:
                faults.add(path, reader.line_num, problem)
                continue
            dialogue, utterance = int(record["Dialogue_ID"]), int(record["Utterance_ID"])
            label = MELD_LABELS.index(record["Emotion"])
            row = Row(
                f"{dialogue}-{utterance}", " ".join(record["Utterance"].split()), (label,), group=f"{path.stem}-{dialogue}"
            )
            rows.append((dialogue, utterance, row))
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} is not CSV: {error}", str(path), faults.remedy) from error
    return [row for _, _, row in sorted(rows, key=lambda entry: entry[:2])]


def _meld_problem(record: dict[str, str | None]) -> str:
    for column in ("Utterance", "Emotion", "Dialogue_ID", "Utterance_ID"):
        if record.get(column) is None:
            return f"the field {column} is missing"
    if record["Emotion"] not in MELD_LABELS:
        return f"no label is called {str(record['Emotion'])[:40]!r}"
    if not str(record["Dialogue_ID"]).isdecimal() or not str(record["Utterance_ID"]).isdecimal():
        return "the dialogue's or utterance's id is no number"
    return ""
