"""Predictions of a trained model, from Python. The model lives in a process of its own: nothing heavy is imported here."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from bakeoff.api.served import Choice, find_served
from bakeoff.errors import DataError, JobError

if TYPE_CHECKING:
    from bakeoff.records.serving import Served

BLOCK_ROWS = 4096
BLOCK_LETTERS = 4_000_000
"""A block of texts ends at whichever comes first."""


class Prediction(NamedTuple):
    """What a model says of one text.

    Attributes:
        labels: the labels that it is given; for questions empty.
        scores: probability of each label by name, after the temperature; for questions `answer`: by how much the answer is
            preferred to none, beyond the threshold.
        answer: the answer to a question, empty for "no answer"; None for other tasks.
    """

    labels: tuple[str, ...]
    scores: dict[str, float]
    answer: str | None = None


@dataclass(frozen=True)
class Introduction:
    """What a loaded model says of itself.

    Attributes:
        name: what it is called.
        kind: the kind of its task.
        labels: label names, L of them.
        thresholds: probability from which on each label is given, [L]; empty where the highest decides.
    """

    name: str
    kind: str
    labels: list[str]
    thresholds: list[float]


class Predictor:
    """A trained model that answers.

    with Predictor("runs/demo-default", recipe="bce") as predictor:
        print(predictor.predict(["what a day"])[0].labels)

    Args:
        target: a run (`RUN` or `RUN:recipe`), or the folder of an export.
        recipe: the recipe; empty takes what the target says, or the one that leads.
        task: the task of a run with several.
        seed: the seed; None takes the best on validation of those that were kept.
        rule: `tuned`, `per-label` or a threshold; empty takes the rule by which recipes were compared.
        threads: CPU threads; None means all that this process may use.
        precision: `fp32`, `bf16` or `fp16`; None means the recipe's.

    Attributes:
        served: the model.
        introduction: what it says of itself.

    Raises:
        BakeoffError: if the model is not there, was changed, or cannot be loaded.
    """

    def __init__(
        self,
        target: str | Path,
        *,
        recipe: str = "",
        task: str = "",
        seed: int | None = None,
        rule: str = "",
        threads: int | None = None,
        precision: str | None = None,
    ) -> None:
        from bakeoff.records.environment import available_cores
        from bakeoff.records.paths import AttemptFolder, Home
        from bakeoff.records.serving import Order
        from bakeoff.records.specs import JobSpec
        from bakeoff.running import warm
        from bakeoff.running.conversing import Conversation

        self.served: Served = find_served(target, Choice(recipe, task, seed, rule))
        job = JobSpec(kind="predict", id=f"predict-{secrets.token_hex(4)}")
        folder = AttemptFolder(Home.default().jobs / job.id)
        asked = {"models": [self.served], "threads": threads or available_cores(), "precision": precision}
        Order.model_validate(asked).write(folder.order)
        self._talk = Conversation(folder, job, warm.WORKER_COMMAND)
        try:
            self.introduction = Introduction(**self._talk.hear()["ready"][0])
        except BaseException:
            self.close()
            raise

    def predict(self, texts: Sequence[str], seconds: Sequence[str] | None = None) -> list[Prediction]:
        """Answer.

        Args:
            texts: the texts, or questions.
            seconds: the other texts of pairs, or the contexts of the questions; None for a task without.

        Returns:
            A prediction a text, in their order.

        Raises:
            DataError: if there are not as many second texts as texts.
            ModelError: if an output is not finite.
        """
        if seconds is not None and len(seconds) != len(texts):
            raise DataError(f"{len(seconds)} second texts for {len(texts)} texts", "", "give one to each")
        pairs = zip(texts, seconds if seconds is not None else [""] * len(texts), strict=True)
        return list(self.stream(pairs if seconds is not None else texts))

    def stream(self, rows: Iterable[str] | Iterable[tuple[str, str]]) -> Iterator[Prediction]:
        """Answer row by row, in bounded memory and in order.

        Args:
            rows: texts, or pairs of texts; read in a thread of its own, a few blocks ahead.

        Yields:
            A prediction a row.
        """
        for answer in self.ask({"first": first, "second": second} for first, second in blocks(rows)):
            yield from self.read(answer)

    @property
    def reads_pairs(self) -> bool:
        """Whether it reads two texts a row: a pair, or a question and its context."""
        return self.served.pairs

    def ask(self, messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Ask the process.

        Args:
            messages: blocks as the job `predict` takes them; read in a thread of its own, a few ahead.

        Returns:
            An answer a block, in their order.
        """
        return self._talk.ask(messages)

    def read(self, answer: dict[str, Any]) -> list[Prediction]:
        """Take an answer of the process apart.

        Args:
            answer: to one block.

        Returns:
            A prediction a text.

        Raises:
            JobError: if it says why there is none.
        """
        if "error" in answer:
            raise JobError(**answer["error"])
        names = self.introduction.labels
        if "answers" in answer:
            texts: list[str] = answer["answers"]
            margins = answer.get("scores", [()] * len(texts))
            return [
                Prediction((), dict(zip(("answer",), margin, strict=False)), text)
                for text, margin in zip(texts, margins, strict=True)
            ]
        given: list[list[int]] = answer["labels"]
        rows = answer.get("scores")
        scores = [{}] * len(given) if rows is None else [dict(zip(names, row, strict=True)) for row in rows]
        return [
            Prediction(tuple(names[place] for place in places), by_label)
            for places, by_label in zip(given, scores, strict=True)
        ]

    def close(self) -> None:
        """End the process."""
        self._talk.close()

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._talk.__exit__(kind, error, traceback)


def blocks(rows: Iterable[str] | Iterable[tuple[str, str]]) -> Iterator[tuple[list[str], list[str] | None]]:
    """Cut rows into blocks that are asked at once.

    Args:
        rows: texts, or pairs of texts.

    Yields:
        First texts, and second ones or None.
    """
    first: list[str] = []
    second: list[str] = []
    letters = 0
    for row in rows:
        texts = (row,) if isinstance(row, str) else row
        first.append(texts[0])
        second.extend(texts[1:])
        letters += sum(map(len, texts))
        if len(first) >= BLOCK_ROWS or letters >= BLOCK_LETTERS:
            yield first, second or None
            first, second, letters = [], [], 0
    if first:
        yield first, second or None
