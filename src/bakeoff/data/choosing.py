"""Which column of a user's table is what: what was said, and what names and values tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bakeoff.data.labels import Labels, is_indicator
from bakeoff.data.table import Table
from bakeoff.errors import DataError

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
SCORE_NAMES = ("score", "intensity", "intensity score", "rating")
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
    "affect dimension",
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
        score: the column that says, as a number, how strongly the label applies.
        threshold: the score from which on a label holds; without `score`, the columns of the labels are scores themselves.
        header: names of the columns of text files that have no header line.
    """

    text: str | None = None
    second: str | None = None
    labels: tuple[str, ...] | None = None
    id: str | None = None
    group: str | None = None
    delimiter: str | None = None
    separator: str | None = None
    score: str | None = None
    threshold: float | None = None
    header: tuple[str, ...] | None = None


def find_named(table: Table, names: Iterable[str]) -> str | None:
    """The first of some names that a column bears.

    Args:
        table: the table.
        names: in lower case.

    Returns:
        The column's name as it is written; None if there is none.
    """
    lower = {name.lower(): name for name in table.columns}
    return next((lower[name] for name in names if name in lower), None)


def choose(table: Table, given: Columns) -> Columns:
    """Fill in what the user did not say.

    Args:
        table: the table.
        given: what the user said.

    Returns:
        The same with text and labels, and second text and ids where there are any.

    Raises:
        DataError: if a column is not there, or it is not clear which is meant.
    """
    stated = [given.text, given.second, given.id, given.group, given.score, *(given.labels or ())]
    for name in stated:
        if name and name not in table.columns:
            raise DataError(f"there is no column {name!r}", str(table.path), f"one of {', '.join(table.columns)}")
    text = given.text or find_named(table, TEXT_NAMES) or _longest(table, taken={name for name in stated if name})
    if text is None:
        raise DataError(
            "no column looks like a text", str(table.path), f"say which: --text COLUMN, one of {', '.join(table.columns)}"
        )
    second = given.second if given.second is not None else find_named(table, (n for n in SECOND_NAMES if n != text.lower()))
    ids = given.id or _find_ids(table, text)
    taken: set[str | None] = {text, second, ids, given.group, given.score}
    score = given.score or _find_score(table, given)
    labels = given.labels or _find_labels(table, taken | {score})
    return replace(given, text=text, second=second or None, id=ids, labels=labels, score=score)


def _find_score(table: Table, given: Columns) -> str | None:
    """The column that says how strongly a label applies, where a threshold is said, or the file is one of intensities."""
    alone = given.labels is None or len(given.labels) == 1
    if alone and (table.rated or (given.threshold is not None and (given.labels or find_named(table, LABEL_NAMES)))):
        found = find_named(table, SCORE_NAMES)
        return None if given.labels and found in given.labels else found
    return None


def _find_ids(table: Table, text: str) -> str | None:
    """The column that is called an id and is one: what repeats, or is empty somewhere, is none."""
    called = [find_named(table, ID_NAMES), *(name for name in table.columns if name.lower().endswith(ID_ENDINGS))]
    for name in called:
        if not name or name == text:
            continue
        column = table.columns[name]
        if column.rows and not column.blank().any() and column.different() == column.rows:
            return name
    return None


def _longest(table: Table, taken: set[str]) -> str | None:
    """The column with the longest texts."""
    lengths = {name: column.mean_length() for name, column in table.columns.items() if name not in taken}
    best = max(lengths, key=lambda name: lengths[name], default=None)
    return best if best is not None and lengths[best] > 0 else None


def _find_labels(table: Table, taken: set[str | None]) -> tuple[str, ...]:
    named = find_named(table, LABEL_NAMES)
    if named and named not in taken:
        return (named,)
    rest = [name for name in table.columns if name not in taken and name.lower() not in SPLIT_COLUMNS]
    indicators = [name for name in rest if is_indicator(table.columns[name])]
    if len(indicators) > 1:
        return tuple(indicators)
    few = [name for name in rest if 1 < table.columns[name].different() <= max(2, table.rows // 2)]
    if len(few) == 1:
        return (few[0],)
    said = ", ".join(f"{name}: {table.columns[name].different():,} different" for name in rest) or "there is no other column"
    raise DataError("it is not clear which column holds the labels", str(table.path), f"say which: --labels COLUMN ({said})")


def describe(chosen: Columns, labels: Labels) -> list[str]:
    """What was understood of the columns.

    Args:
        chosen: which column is what.
        labels: the labels.

    Returns:
        A sentence each, with the way to correct it.
    """
    shown = ", ".join(labels.names[:8]) + (f" and {len(labels.names) - 8} more" if len(labels.names) > 8 else "")
    said = [f"text: the column {chosen.text!r} (--text to correct)"]
    if chosen.second:
        said.append(f"second text: the column {chosen.second!r} (--second to correct; --second '' for none)")
    said.append(f"labels: {', '.join(map(repr, (chosen.labels or ())[:4]))}, {labels.form} (--labels to correct): {shown}")
    said.append(f"ids: {f'the column {chosen.id!r}' if chosen.id else 'line numbers'} (columns: {{id: COLUMN}} to correct)")
    if chosen.threshold is not None:
        where = f"the column {chosen.score!r}" if chosen.score else "its column"
        said.append(f"a label holds where {where} says at least {chosen.threshold:g} (--threshold to correct)")
    if chosen.group:
        said.append(f"groups: the column {chosen.group!r}")
    return said
