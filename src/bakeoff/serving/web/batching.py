"""Micro-batching: what waits while the models work is answered together, and what would wait too long is refused at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bakeoff.serving.deciding import Said
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Texts
from bakeoff.serving.web.metering import ROWS, Meter

FIRST_GUESS = 200.0
"""Rows a second before anything was measured."""
MEMORY = 0.2
"""Weight of the newest measurement of speed."""
MOST_ROWS = 20_000
"""Rows that may wait whatever the speed: memory is bounded, too."""


class Overloaded(Exception):
    """More waits already than can be answered in time."""


@dataclass
class Asked:
    """One request on its way.

    Attributes:
        model: place of the model.
        texts: what is asked.
        loop: where the answer is awaited.
        answer: the future answer.
    """

    model: int
    texts: Texts
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Said] = field(init=False)

    def __post_init__(self) -> None:
        self.answer = self.loop.create_future()

    @property
    def rows(self) -> int:
        """Texts that it asks about."""
        return len(self.texts.first)


def _nothing() -> None:
    """Nobody waits for a failure."""


class Batcher:
    """One thread that answers, and a queue before it.

    Nothing waits for company: while the models work, requests gather, and the next batch takes them all.

    Args:
        load: loads the models, in the thread.
        batch_rows: texts that are answered together at most.
        queue_seconds: expected time of waiting beyond which a request is refused.
        meter: counts.

    Attributes:
        predictors: the models, once they are loaded.
        failure: why they could not be, or why the thread ended.
        on_failure: called then, in the thread.
        ready: set once loading has ended, well or not.
    """

    def __init__(self, load: Callable[[], list[Predictor]], batch_rows: int, queue_seconds: float, meter: Meter) -> None:
        self._load, self._batch_rows, self._queue_seconds, self._meter = load, batch_rows, queue_seconds, meter
        self._queue: deque[Asked] = deque()
        self._waiting_rows = 0
        self._speed = FIRST_GUESS
        self._wake = threading.Condition()
        self._ended = False
        self.predictors: list[Predictor] = []
        self.failure: BaseException | None = None
        self.on_failure: Callable[[], None] = _nothing
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)
        meter.gauge("waiting_rows", lambda: float(self._waiting_rows))
        meter.gauge("rows_per_second", lambda: self._speed)
        meter.gauge("ready", lambda: float(self.is_ready))

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded and the thread lives."""
        return self.ready.is_set() and self.failure is None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def end(self) -> None:
        """Answer no more."""
        with self._wake:
            self._ended = True
            self._wake.notify()

    async def ask(self, model: int, texts: Texts) -> Said:
        """Ask.

        Args:
            model: place of the model.
            texts: at least one.

        Returns:
            What it says.

        Raises:
            Overloaded: if more waits already than can be answered in time.
            BakeoffError: if the texts cannot be answered.
            Exception: if the model failed on them otherwise; it goes on with the next.
        """
        asked = Asked(model, texts, asyncio.get_running_loop())
        with self._wake:
            # a request by itself is always taken: its own size is limited elsewhere
            expected = self._waiting_rows / self._speed
            if self._ended or expected > self._queue_seconds or self._waiting_rows + asked.rows > max(MOST_ROWS, asked.rows):
                raise Overloaded
            self._queue.append(asked)
            self._waiting_rows += asked.rows
            self._wake.notify()
        return await asked.answer

    def _work(self) -> None:
        try:
            self.predictors = self._load()
            self.ready.set()
            while (batch := self._take()) is not None:
                self._answer(batch)
        except BaseException as error:
            self.failure = error
            self.on_failure()
        finally:
            self.ready.set()
            self._refuse_all()

    def _take(self) -> list[Asked] | None:
        """The next batch: of one model, the oldest request first."""
        with self._wake:
            while not self._queue and not self._ended:
                self._wake.wait()
            if self._ended:
                return None
            first = self._queue.popleft()
            batch, rows, left = [first], first.rows, deque[Asked]()
            while self._queue:
                other = self._queue.popleft()
                same = (other.model, other.texts.second is None) == (first.model, first.texts.second is None)
                if same and rows + other.rows <= self._batch_rows:
                    batch.append(other)
                    rows += other.rows
                else:
                    left.append(other)
            self._queue = left
        # who has gone away needs no answer
        return [asked for asked in batch if not self._gone(asked)]

    def _gone(self, asked: Asked) -> bool:
        if asked.answer.cancelled():
            self._leave(asked.rows)
            return True
        return False

    def _leave(self, rows: int) -> None:
        with self._wake:
            self._waiting_rows -= rows

    def _answer(self, batch: list[Asked]) -> None:
        if not batch:
            return
        rows, began = sum(asked.rows for asked in batch), time.monotonic()
        try:
            said = self._predict(batch)
        except Exception as error:
            if len(batch) == 1:
                self._tell(batch[0], error)
                return
            for asked in batch:  # one that cannot be answered must not take the others with it
                self._answer([asked])
            return
        spent = max(time.monotonic() - began, 1e-6)
        self._speed += MEMORY * (rows / spent - self._speed)
        self._meter.observe("batch_rows", rows, ROWS)
        self._meter.count("rows", rows, model=self.predictors[batch[0].model].served.name)
        for asked, part in zip(batch, said, strict=True):
            self._tell(asked, part)

    def _predict(self, batch: list[Asked]) -> list[Said]:
        first = [text for asked in batch for text in asked.texts.first]
        has_second = batch[0].texts.second is not None
        second = [text for asked in batch for text in asked.texts.second or ()] if has_second else None
        whole = self.predictors[batch[0].model].predict(Texts(first, second))
        parts, place = [], 0
        for asked in batch:
            own = slice(place, place + asked.rows)
            answers = None if whole.answers is None else whole.answers[own]
            parts.append(Said(np.asarray(whole.scores[own]), whole.labels[own], answers))
            place += asked.rows
        return parts

    def _tell(self, asked: Asked, found: Said | BaseException) -> None:
        self._leave(asked.rows)

        def settle() -> None:
            if asked.answer.done():
                return
            if isinstance(found, BaseException):
                asked.answer.set_exception(found)
            else:
                asked.answer.set_result(found)

        if not asked.loop.is_closed():
            asked.loop.call_soon_threadsafe(settle)

    def _refuse_all(self) -> None:
        with self._wake:
            self._ended = True
            left, self._queue = list(self._queue), deque()
        for asked in left:
            self._tell(asked, Overloaded())
