"""A model that answers without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace, TracebackType
from typing import Any

from bakeoff.api.predicting import Introduction, Predictor

LABELS = ["short", "long", "a|bar", "=1+1"]


class Fake(Predictor):
    """Says `short` of an even number of letters, else `long`; to a question its context's first word."""

    def __init__(self, kind: str = "multilabel", pairs: bool = False) -> None:
        self.introduction = Introduction("fake", kind, LABELS, [])
        self.served = SimpleNamespace(pairs=pairs)  # type: ignore[assignment]
        self.sizes: list[int] = []

    def ask(self, messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for message in messages:
            self.sizes.append(len(message["first"]))
            if self.introduction.kind == "qa":
                yield {"answers": [text.split(" ")[0] for text in message["second"]], "scores": [[1.5]] * self.sizes[-1]}
                continue
            places = [[len(text) % 2] for text in message["first"]]
            scores = (
                {"scores": [[len(text) / 1000, 0, 0, 0] for text in message["first"]]} if message.get("scores", True) else {}
            )
            yield {"labels": places, **scores}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        pass
