"""A trial's examples as the rows that its model reads: texts one to one or piece by piece, or the windows of questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.records.results import Outputs
from bakeoff.tasks.pieces import mean_of_pieces
from bakeoff.tasks.question_answering import QuestionAnswering
from bakeoff.tasks.spans import Asked, decode
from bakeoff.tasks.tokens import TokenStore
from bakeoff.tasks.windows import WindowStore
from bakeoff.training.work import Work


@dataclass(frozen=True)
class Material:
    """Examples whose text is one row, or several that are read as examples of their own and heard together.

    Attributes:
        work: the trial.
        store: its token store.
    """

    work: Work
    store: TokenStore

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows that a model reads for the trial's examples.

        Args:
            split: the split.

        Returns:
            Row numbers in the store, ascending, [R].
        """
        return self.store.rows_of(split, self.work.rows(split))

    def whole(self, split: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is said of the trial's examples by what is said of the rows of each: the mean.

        Args:
            split: the split.
            values: of its rows, [R, ...].

        Returns:
            Of its examples, [N, ...].
        """
        if self.store.owners is None:
            return values
        return mean_of_pieces(values, self.store.owners_of(split, self.rows(split)))

    def targets(self) -> NDArray[Any]:
        """What the loss compares with, of the training rows.

        Returns:
            [R, L] float32, negative where nobody decided.
        """
        targets = self.work.task.targets(self.work.judged("train"))
        if self.store.owners is None:
            return targets
        # each piece of a text bears the text's labels
        owners = self.store.owners_of("train", self.rows("train"))
        return targets[np.searchsorted(self.work.rows("train"), owners)]

    def outputs(self, split: str, logits: NDArray[np.float32]) -> Outputs:
        """What a model says of the trial's examples, as it is stored.

        Args:
            split: the split.
            logits: of its rows, [R, L].

        Returns:
            The outputs, one an example.
        """
        rows = self.work.rows(split)
        return Outputs(self.work.dataset.ids(split, rows), self.whole(split, logits), self.work.gold(split))

    def score(self, outputs: Outputs) -> dict[str, float]:
        """Scores on validation.

        Args:
            outputs: of `outputs`.

        Returns:
            The task's metric and its like.
        """
        return self.work.score(outputs.outputs)


@dataclass(frozen=True)
class Questions(Material):
    """Questions, whose contexts are read window by window.

    Attributes:
        work: the trial.
        store: its window store.
        task: the kind's part.
    """

    store: WindowStore
    task: QuestionAnswering

    def rows(self, split: str) -> NDArray[np.int64]:
        """The windows of the trial's questions.

        Args:
            split: the split.

        Returns:
            Numbers of windows in the store, ascending, [W].
        """
        return self.store.windows(split, self.work.rows(split))

    def targets(self) -> NDArray[np.int64]:
        """First and last token of the answer in each training window.

        Returns:
            [W, 2] int64.
        """
        return self.store.targets("train", self.rows("train"))

    def outputs(self, split: str, logits: NDArray[np.float32]) -> Outputs:
        """The best answers to the trial's questions.

        Args:
            split: the split.
            logits: start and end of each token of its windows, [W, 2, T].

        Returns:
            The outputs, one a question.
        """
        rows, data = self.work.rows(split), self.work.dataset
        asked = Asked(split, rows, data.seconds(split, rows), accepted_answers(self.work, split))
        longest = self.work.trial.task.max_answer
        assert longest is not None
        scores, answers = decode(self.store, asked, self.rows(split), logits, longest)
        return Outputs(data.ids(split, rows), scores, self.work.gold(split), answers)

    def score(self, outputs: Outputs) -> dict[str, float]:
        """Scores on validation.

        Args:
            outputs: of `outputs`.

        Returns:
            Every metric of questions, and the threshold.
        """
        return self.task.score(outputs.outputs, outputs.gold, outputs.answers)


def accepted_answers(work: Work, split: str) -> list[tuple[str, ...]]:
    """The accepted answers to a trial's questions.

    Args:
        work: the trial.
        split: the split.

    Returns:
        Texts, each once, [N] tuples.
    """
    found = work.dataset.answers(split, work.rows(split))
    return [tuple(dict.fromkeys(answer.text for answer in answers)) for answers in found]


def open_material(work: Work, store: TokenStore | None = None) -> Material:
    """The rows of a trial that reads a token store.

    Args:
        work: the trial.
        store: its store, if it is open.

    Returns:
        Its material.
    """
    assert work.tokens is not None
    if isinstance(work.task, QuestionAnswering):
        windows = store if isinstance(store, WindowStore) else WindowStore.open(work.tokens, work.dataset.fingerprint)
        return Questions(work, windows, work.task)
    return Material(work, store or TokenStore.open(work.tokens, work.dataset.fingerprint))
