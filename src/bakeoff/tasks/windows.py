"""Questions on contexts as windows: the question and a part of its context, as long as a model reads at once.

A window store is a token store whose rows are windows. Beside the tokens it knows, for each window, the question that it
belongs to, which of its tokens are of the context and where these stand in the text, the place that stands for "no answer",
and between which tokens the accepted answer lies.
"""

from __future__ import annotations

import functools
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.rows import Answer
from bakeoff.errors import DataError
from bakeoff.records.files import move_into_place, sha256_file, write_document
from bakeoff.tasks.tokens import SPLITS, TOKENS_VERSION, Texts, TokenStore, usable

CHUNK = 500
QUESTION_SHARE = 3
"""A question keeps at most a third of a window."""
FILES = ("tokens", "offsets", "seconds", "questions", "contexts", "places", "spans")


class Questions(Texts, Protocol):
    """What the store needs of a dataset."""

    def answers(self, split: str, rows: NDArray[np.int64] | None = None) -> list[tuple[Answer, ...]]:
        """Accepted answers of some rows of a split."""


@dataclass(frozen=True)
class Cut:
    """How contexts are cut.

    Attributes:
        max_length: tokens of a window, special tokens included.
        stride: tokens of the context that neighbouring windows share.
    """

    max_length: int
    stride: int


@dataclass(frozen=True)
class Window:
    """A question and a part of its context.

    Attributes:
        ids: its tokens, [T].
        second: the first token of the second segment, where the model tells segments apart; else 0.
        null: the token that stands for "no answer".
        first: the first token of the context.
        places: where each token of the context stands in the text: first character and the one behind the last, [C, 2].
        opens: whether it holds the context's first token.
        closes: whether it holds the context's last token.
    """

    ids: list[int]
    second: int
    null: int
    first: int
    places: NDArray[np.int32]
    opens: bool
    closes: bool

    def span(self, answer: Answer) -> tuple[int, int] | None:
        """Between which tokens an answer lies.

        Args:
            answer: an accepted answer.

        Returns:
            The first and the last of its tokens, counted in the window; None if it is not whole in this window.
        """
        begin, end = answer.start, answer.start + len(answer.text)
        inside = np.flatnonzero((self.places[:, 0] < end) & (self.places[:, 1] > begin))
        if not len(inside) or begin >= end:
            return None
        first, last = int(inside[0]), int(inside[-1])
        if self._misses(first, last, begin, end):
            return None
        return self.first + first, self.first + last

    def _misses(self, first: int, last: int, begin: int, end: int) -> bool:
        """Whether a part of the answer lies in a neighbouring window: it reaches beyond the first or last token here."""
        before = first == 0 and self.places[first, 0] > begin and not self.opens
        behind = last == len(self.places) - 1 and self.places[last, 1] < end and not self.closes
        return before or behind


def closing_token(tokenizer: Any) -> int | None:
    """The token that stands for "no answer" behind a window, where no token before it can.

    A model that reads from left to right has seen nothing at its first token, so the last one has to stand for the whole.

    Args:
        tokenizer: a fast tokenizer.

    Returns:
        Its end token; None for a tokenizer that begins every row with a token that stands for the row.

    Raises:
        DataError: if it has neither.
    """
    if tokenizer.cls_token_id is not None and tokenizer("a")["input_ids"][0] == tokenizer.cls_token_id:
        return None
    if tokenizer.eos_token_id is None:
        raise DataError("no token can stand for 'no answer'", "tokenizer", "a model with a [CLS] or an end token")
    return int(tokenizer.eos_token_id)


def cut_windows(questions: Sequence[str], contexts: Sequence[str], tokenizer: Any, cut: Cut) -> list[list[Window]]:
    """Cut the contexts of some questions.

    Args:
        questions: [N]; a question beyond a third of a window is cut.
        contexts: [N].
        tokenizer: a fast tokenizer; it tells where in the text each token stands.
        cut: how.

    Returns:
        The windows of each question, at least one, in the order of the text.
    """
    closing = closing_token(tokenizer)
    words = {"add_special_tokens": True, "split_special_tokens": True}
    room = cut.max_length - (closing is not None)
    special = len(tokenizer("", "", **words)["input_ids"])
    most = cut.max_length // QUESTION_SHARE
    asked = _shortened(usable(list(questions)), tokenizer, most)
    found: list[list[Window]] = [[] for _ in questions]
    given = tokenizer(
        asked,
        usable(list(contexts)),
        truncation="only_second",
        max_length=room,
        stride=max(0, min(cut.stride, room - most - special - 1)),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        **words,
    )
    owners = given["overflow_to_sample_mapping"]
    for number, owner in enumerate(owners):
        first = number == 0 or owners[number - 1] != owner
        last = number == len(owners) - 1 or owners[number + 1] != owner
        found[owner].append(_window(given, number, closing, (first, last)))
    return found


def _shortened(questions: list[str], tokenizer: Any, most: int) -> list[str]:
    """Questions of at most so many tokens."""
    given = tokenizer(questions, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True)
    return [
        question if len(places) <= most else question[: places[most - 1][1]]
        for question, places in zip(questions, given["offset_mapping"], strict=True)
    ]


def _window(given: Any, number: int, closing: int | None, ends: tuple[bool, bool]) -> Window:
    ids = list(given["input_ids"][number])
    kinds = given.get("token_type_ids")
    of_context = [place for place, kind in enumerate(given.sequence_ids(number)) if kind == 1]
    first = of_context[0] if of_context else len(ids) - 1
    places = np.array([given["offset_mapping"][number][place] for place in of_context], dtype=np.int32).reshape(-1, 2)
    if closing is not None:
        ids.append(closing)
    return Window(
        ids=ids,
        second=kinds[number].index(1) if kinds is not None and 1 in kinds[number] else 0,
        null=0 if closing is None else len(ids) - 1,
        first=first,
        places=places,
        opens=ends[0],
        closes=ends[1],
    )


def target_of(window: Window, answers: Sequence[Answer]) -> tuple[int, int]:
    """What a model is to find in a window.

    Args:
        window: the window.
        answers: accepted answers of its question.

    Returns:
        First and last token of the first answer that is whole in the window; the place of "no answer" twice if none is.
    """
    spans = (window.span(answer) for answer in answers)
    return next((span for span in spans if span is not None), (window.null, window.null))


@dataclass
class _Pieces:
    """What has been cut so far."""

    arrays: dict[str, list[NDArray[Any]]] = field(default_factory=lambda: {name: [] for name in FILES})
    sizes: dict[str, int] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)
    longer: int = 0

    def add(self, row: int, windows: list[Window], answers: Sequence[Answer]) -> None:
        for window in windows:
            for name, values in (
                ("tokens", window.ids),
                ("offsets", [len(window.ids)]),
                ("seconds", [window.second]),
                ("questions", [row]),
                ("contexts", [(window.first, len(window.places), window.null)]),
                ("places", window.places),
                ("spans", [target_of(window, answers)]),
            ):
                self.arrays[name].append(np.asarray(values, dtype=np.int32))
        if answers and not any(window.span(answer) for window in windows for answer in answers):
            self.longer += 1

    def whole(self) -> dict[str, NDArray[Any]]:
        shapes = {"contexts": (-1, 3), "places": (-1, 2), "spans": (-1, 2)}
        empty = np.zeros(0, dtype=np.int32)
        joined = {name: np.concatenate([empty.reshape(shapes.get(name, (-1,))), *parts]) for name, parts in self.arrays.items()}
        joined["offsets"] = np.concatenate(([0], np.cumsum(joined["offsets"], dtype=np.int64)))
        return joined


def _go_on() -> None:
    """Nobody asks for a stop."""


def _chunks(size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, size, CHUNK):
        yield np.arange(first, min(first + CHUNK, size))


def build_windows(
    dataset: Questions, tokenizer: Any, cut: Cut, folder: Path, check: Callable[[], None] = _go_on
) -> dict[str, Any]:
    """Cut a dataset's questions and contexts, and put the store into place in one rename.

    Args:
        dataset: its splits are stored one after another; texts are questions, second texts their contexts.
        tokenizer: a fast tokenizer.
        cut: how contexts are cut.
        folder: where the store shall stand.
        check: called after each five hundred questions; what it raises ends the work and leaves nothing behind.

    Returns:
        Facts: `rows` (windows), `questions`, `tokens`, `longest`, `unreachable` (answerable questions of which no window holds
        an accepted answer whole).

    Raises:
        DataError: if the dataset has no contexts.
    """
    if not dataset.has("seconds"):
        raise DataError("its rows have no context to find answers in", dataset.fingerprint, "take a dataset of questions")
    tokenizer.model_max_length = int(1e9)  # cutting is ours: no warning about long texts
    made = _Pieces()
    for split in SPLITS:
        made.questions[split], before = dataset.size(split), len(made.arrays["questions"])
        for rows in _chunks(dataset.size(split)):
            cutting = cut_windows(dataset.texts(split, rows), dataset.seconds(split, rows), tokenizer, cut)
            for row, windows, answers in zip(rows.tolist(), cutting, dataset.answers(split, rows), strict=True):
                made.add(row, windows, answers)
            check()
        made.sizes[split] = len(made.arrays["questions"]) - before
    return _store(made, dataset.fingerprint, cut, folder)


def _store(made: _Pieces, fingerprint: str, cut: Cut, folder: Path) -> dict[str, Any]:
    arrays = made.whole()
    lengths = np.diff(arrays["offsets"])
    facts = {
        "rows": len(lengths),
        "questions": sum(made.questions.values()),
        "tokens": int(arrays["offsets"][-1]),
        "longest": int(lengths.max(initial=0)),
        "unreachable": made.longer,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        for name in FILES:
            np.save(temporary / f"{name}.npy", arrays[name])
        body = {
            "dataset": fingerprint,
            "max_length": cut.max_length,
            "stride": cut.stride,
            "splits": made.sizes,
            "files": {f"{name}.npy": sha256_file(temporary / f"{name}.npy") for name in FILES},
            **facts,
        }
        write_document(temporary / "tokens.json", "tokens", TOKENS_VERSION, body)
        move_into_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return facts


@dataclass(frozen=True)
class WindowStore(TokenStore):
    """An opened window store: its rows are windows.

    Attributes:
        questions: row of each window's question in its split, [W] int32, ascending within a split.
        contexts: first token of each window's context, how many there are, and the token for "no answer", [W, 3] int32.
        places: where each token of a context stands in the text, window after window, [C, 2] int32.
        spans: first and last token of the accepted answer, the token for "no answer" twice where none is whole, [W, 2] int32.
    """

    questions: NDArray[np.int32]
    contexts: NDArray[np.int32]
    places: NDArray[np.int32]
    spans: NDArray[np.int32]

    @staticmethod
    def open(folder: Path, dataset_fingerprint: str) -> WindowStore:
        """Open a store read-only and verify every byte of it.

        Args:
            folder: where it stands.
            dataset_fingerprint: the dataset that it must have been made of.

        Returns:
            The store.

        Raises:
            DataError: if it is missing, of another dataset, without windows, or its hashes do not hold.
        """
        plain = TokenStore.open(folder, dataset_fingerprint)
        names = ("questions", "contexts", "places", "spans")
        if not all((folder / f"{name}.npy").is_file() for name in names):
            raise DataError("the token store has no windows", str(folder), f"remove the folder {folder}; it is made again")
        arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}
        return WindowStore(plain.tokens, plain.offsets, plain.seconds, plain.first_row, plain.sizes, **arrays)

    @staticmethod
    def of_windows(cutting: Sequence[list[Window]], split: str) -> WindowStore:
        """A store in memory, of questions whose answers are not known.

        Args:
            cutting: the windows of each question (see `cut_windows`), [N].
            split: what to call them.

        Returns:
            The store, with that split alone.
        """
        made = _Pieces()
        for row, windows in enumerate(cutting):
            made.add(row, windows, ())
        arrays: dict[str, Any] = made.whole()
        return WindowStore(first_row={split: 0}, sizes={split: len(arrays["questions"])}, **arrays)

    def windows(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The windows of some questions.

        Args:
            split: the split.
            rows: row numbers of questions in the split, ascending, [N].

        Returns:
            Numbers of windows in the split, ascending, [W].
        """
        first = self.first_row[split]
        owners = self.questions[first : first + self.sizes[split]]
        return np.flatnonzero(np.isin(owners, rows)).astype(np.int64)

    def targets(self, split: str, windows: NDArray[np.int64]) -> NDArray[np.int64]:
        """What a model is to find in some windows.

        Args:
            split: the split.
            windows: numbers of windows in the split, [W].

        Returns:
            First and last token, [W, 2].
        """
        return self.spans[windows + self.first_row[split]].astype(np.int64)

    @functools.cached_property
    def first_places(self) -> NDArray[np.int64]:
        """Where each window's places begin, [W + 1]."""
        return np.concatenate(([0], np.cumsum(self.contexts[:, 1], dtype=np.int64)))

    def places_of(self, split: str, window: int) -> NDArray[np.int32]:
        """Where the tokens of a window's context stand in the text.

        Args:
            split: the split.
            window: number of the window in the split.

        Returns:
            First character and the one behind the last, [C, 2].
        """
        index = self.first_row[split] + window
        found: NDArray[np.int32] = self.places[self.first_places[index] : self.first_places[index + 1]]
        return found
