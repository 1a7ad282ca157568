"""Reads SQuAD v2 in its official JSON, or as the hub has it: questions on paragraphs, some of them without an answer there.

A folder with `train-v2.0.json` and `dev-v2.0.json`, or with the hub's `train*.parquet` and `validation*.parquet`, gives train,
validation (a tenth of the articles of the training file) and test (the published development set); the real test set is not
public. A folder with a single JSON file is cut by article into 60, 20 and 20 %.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.catalog.datasets import SQUAD_LABELS
from bakeoff.data.lines import Faults, read_source
from bakeoff.data.parquet import Layout, parquet_files, read_columns
from bakeoff.data.rows import Answer, Import, Row
from bakeoff.data.splitting import stratified_split
from bakeoff.errors import DataError
from bakeoff.records.files import sha256_file

TRAIN_FILE, DEV_FILE = "train-v2.0.json", "dev-v2.0.json"
SINGLE_SHARES = (0.6, 0.2, 0.2)
TRAIN_SHARES = (0.9, 0.1)
SEED = 0
REMEDY = "take the file as published: {data: [{title, paragraphs: [{context, qas: [{id, question, answers, is_impossible}]}]}]}"

HUB_COLUMNS = ("id", "title", "context", "question", "answers")
HUB_FILES = ("train", "validation")
HUB_REMEDY = "take the files as the hub has them: texts, and answers as {text: [...], answer_start: [...]}, nothing null"
SPLITTING = "validation: a tenth of the published training set, by article, seed 0; test: the published development set"


def read_folder(folder: Path) -> Import:
    """Read the official file or files.

    Args:
        folder: where they lie.

    Returns:
        Rows whose text is the question and whose second text is the paragraph; the group is the article.

    Raises:
        DataError: if there is none, or it is not of the published form.
    """
    if (folder / TRAIN_FILE).is_file() and (folder / DEV_FILE).is_file():
        return _two_files(folder)
    if hub := parquet_files(folder, HUB_FILES):
        return _hub(folder, hub)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if len(files) != 1:
        raise DataError(
            f"{len(files)} JSON files; expected {TRAIN_FILE} and {DEV_FILE}, or a single one, or the hub's Parquet files",
            str(folder),
            "name the folder that has the published files",
        )
    rows, digest = _read_file(files[0])
    parts = _split(rows, SINGLE_SHARES)
    splits = dict(zip(("train", "validation", "test"), parts, strict=True))
    splitting = (
        f"all splits: 60, 20 and 20 % of {files[0].name}, by article, with equal shares of unanswerable questions, seed 0"
    )
    return Import("squad_v2", SQUAD_LABELS, splits, {}, {files[0].name: digest}, splitting=splitting)


def _two_files(folder: Path) -> Import:
    rows, digest = _read_file(folder / TRAIN_FILE)
    test, test_digest = _read_file(folder / DEV_FILE)
    return _published(rows, test, {TRAIN_FILE: digest, DEV_FILE: test_digest})


def _hub(folder: Path, files: dict[str, list[Path]]) -> Import:
    faults = Faults(HUB_REMEDY)
    train, test = ([row for path in files[part] for row in _hub_rows(path, faults)] for part in HUB_FILES)
    faults.check(folder)
    sources = {path.relative_to(folder).as_posix(): sha256_file(path) for part in HUB_FILES for path in files[part]}
    return _published(train, test, sources)


def _hub_rows(path: Path, faults: Faults) -> Iterator[Row]:
    given = read_columns(path, Layout(HUB_COLUMNS, remedy=HUB_REMEDY))
    for number, (row_id, title, context, question, answers) in enumerate(given, start=1):
        if not all(isinstance(text, str) for text in (row_id, title, context, question)):
            faults.add(path, number, "a text is null or no text; expected id, title, context and question")
            continue
        try:
            pairs = zip(answers["answer_start"], answers["text"], strict=True)
            found = [{"answer_start": start, "text": text} for start, text in pairs]
            yield _row(title, context, {"id": row_id, "question": question, "answers": found, "is_impossible": not found})
        except (KeyError, TypeError, ValueError):
            faults.add(path, number, f"the answers are {str(answers)[:60]}; expected as many texts as places")


def _published(rows: list[Row], test: list[Row], sources: dict[str, str]) -> Import:
    train, validation = _split(rows, TRAIN_SHARES)
    splits = {"train": train, "validation": validation, "test": test}
    return Import("squad_v2", SQUAD_LABELS, splits, {}, sources, splitting=SPLITTING)


def _split(rows: list[Row], shares: tuple[float, ...]) -> list[list[Row]]:
    targets = np.array([[row.labels[0] == 0, row.labels[0] == 1] for row in rows], dtype=np.uint8)
    parts = stratified_split(targets, shares, SEED, [row.group for row in rows])
    return [[rows[index] for index in part] for part in parts]


def _read_file(path: Path) -> tuple[list[Row], str]:
    content, digest = read_source(path)
    try:
        articles = json.loads(content)["data"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError("not a SQuAD file", str(path), REMEDY) from error
    faults = Faults(REMEDY)
    rows: list[Row] = []
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                rows += [_row(article["title"], paragraph["context"], question) for question in paragraph["qas"]]
    except (KeyError, TypeError, AttributeError) as error:
        faults.add(path, len(rows) + 1, f"question number {len(rows) + 1} lacks {error}")
    faults.check(path.parent)
    return rows, digest


def _row(title: str, context: str, question: dict[str, Any]) -> Row:
    # annotators often agree: equal answers count once
    found = {Answer(int(answer["answer_start"]), str(answer["text"])): None for answer in question["answers"]}
    answers = () if question.get("is_impossible", False) else tuple(found)
    return Row(str(question["id"]), str(question["question"]), (int(bool(answers)),), str(context), str(title), answers)
