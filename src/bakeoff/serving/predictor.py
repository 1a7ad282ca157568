"""Predictions: texts in, answers out, in the order of the texts, whatever order the model likes to read them in."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.records.serving import Served
from bakeoff.records.specs import Precision
from bakeoff.serving.deciding import Said, check_finite, give_answers, give_labels
from bakeoff.serving.loading import Model, load_model
from bakeoff.serving.rows import SPLIT, Encoded, Encoder, Texts, read_answers_of
from bakeoff.tasks.pieces import mean_of_pieces
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training.batches import evaluation_batches

BUDGET = 4096
"""Rows times longest row of a forward pass."""
AHEAD = 2
"""Blocks that may be tokenised before the model has come to them."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Predictor:
    """A trained model that answers.

    Attributes:
        served: what it is.
        encoder: tokenises.
        model: gives outputs.
        budget: rows times longest row of a forward pass at most; it changes outputs by rounding alone.
    """

    served: Served
    encoder: Encoder
    model: Model
    budget: int = BUDGET

    @staticmethod
    def load(served: Served, precision: Precision | None = None, threads: int = 1) -> Predictor:
        """Load a model with its tokenizer.

        Args:
            served: the model.
            precision: of its arithmetic; None means its recipe's.
            threads: CPU threads of ONNX graphs.

        Returns:
            The predictor.

        Raises:
            ModelError: if its files were changed or do not fit.
        """
        model = load_model(served, precision, threads)
        return Predictor(served, Encoder.of(served.task, load_tokenizer(Path(served.folder))), model)

    def predict(self, texts: Texts) -> Said:
        """Answer.

        Args:
            texts: at least one.

        Returns:
            What the model says, in their order.
        """
        return self.decide(self.encoder.encode(texts))

    def outputs(self, encoded: Encoded) -> NDArray[np.float32]:
        """Raw outputs, rows of similar length at a time.

        Args:
            encoded: the texts.

        Returns:
            [N, L], of texts in windows the mean over these; of questions those of their windows, [W, 2, T], -inf behind a
            window's last token.
        """
        parts = [
            (batch.rows, self.model.logits(batch))
            for batch in evaluation_batches(encoded.store, SPLIT, encoded.rows, self.budget)
        ]
        longest = max(values.shape[-1] for _, values in parts)
        outputs = np.full((len(encoded.rows), *parts[0][1].shape[1:-1], longest), -np.inf, dtype=np.float32)
        for rows, values in parts:
            outputs[rows, ..., : values.shape[-1]] = values
        store = encoded.store
        return outputs if store.owners is None else mean_of_pieces(outputs, store.owners_of(SPLIT, encoded.rows))

    def decide(self, encoded: Encoded) -> Said:
        """Answer what was tokenised.

        Args:
            encoded: the texts.

        Returns:
            What the model says.

        Raises:
            ModelError: if an output is not finite.
        """
        outputs, task = self.outputs(encoded), self.served.task
        if task.kind != "qa":
            check_finite(outputs, self.served.name)
            return give_labels(self.served.decision, task.kind == "single-label", outputs)
        assert task.max_answer is not None
        scores, answers = read_answers_of(encoded, outputs, task.max_answer)
        check_finite(scores, self.served.name)
        return give_answers(self.served.decision, scores, answers.best)

    def stream(self, blocks: Iterable[Texts]) -> Iterator[Said]:
        """Answer blocks of texts one after another; the next is tokenised while the model reads this one.

        Args:
            blocks: read as they are needed, a few ahead.

        Yields:
            What the model says of each block, in their order.
        """
        for encoded in ahead(self.encoder.encode(block) for block in blocks):
            yield self.decide(encoded)


class _Failed:
    """An exception on its way from one thread to another."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def ahead(items: Iterable[Item], count: int = AHEAD) -> Iterator[Item]:
    """Make items in a thread of their own, a few before they are asked for.

    Args:
        items: made by whoever iterates.
        count: how many may wait.

    Yields:
        The items, in their order.

    Raises:
        BaseException: what making one raised, in its place.
    """
    waiting: Queue[Item | _Failed | None] = Queue(count)
    given_up = threading.Event()

    def make() -> None:
        try:
            for item in items:
                waiting.put(item)
                if given_up.is_set():
                    return
            waiting.put(None)
        except BaseException as error:
            waiting.put(_Failed(error))

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, _Failed):
                raise item.error
            yield item
    finally:
        given_up.set()
        while thread.is_alive() and not waiting.empty():
            waiting.get_nowait()
