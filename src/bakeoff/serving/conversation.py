"""The job `predict`: blocks of texts come in on standard input, a JSON object a line, and answers go out in the same order.

    out  {"ready": [{"name": …, "labels": […], "thresholds": […]}]}     once, when the models are loaded
    in   {"first": […], "second": […] or null, "model": place, "scores": true}
    out  {"labels": [[…], …], "scores": [[…], …]}                       or {"answers": […], …}
    out  {"error": {"what": …, "where": …, "remedy": …}}                in place of an answer: the block could not be answered

When standard input closes, the job ends.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, BinaryIO

from bakeoff.errors import BakeoffError
from bakeoff.records.serving import Order
from bakeoff.serving.deciding import scaled_thresholds
from bakeoff.serving.predictor import Predictor, ahead
from bakeoff.serving.rows import Encoded, Texts


def take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the real standard input and output for the conversation; whatever else prints goes to standard error.

    Returns:
        Input and output.
    """
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def converse(order: Order, source: BinaryIO, sink: BinaryIO) -> int:
    """Answer until nothing more is asked.

    Args:
        order: the models.
        source: where blocks come from.
        sink: where answers go.

    Returns:
        How many blocks were answered.
    """
    predictors = [Predictor.load(served, order.precision, order.threads) for served in order.models]
    _say(sink, {"ready": [_introduce(predictor) for predictor in predictors]})
    answered = 0
    # the asker may be gone while we answer: that is an end like any other
    with contextlib.suppress(BrokenPipeError):
        for asked in ahead(_encode(predictors, line) for line in source):
            _say(sink, _answer(predictors, asked))
            answered += 1
    return answered


def _introduce(predictor: Predictor) -> dict[str, Any]:
    served = predictor.served
    return {
        "name": served.name,
        "kind": served.task.kind,
        "labels": served.decision.labels,
        "thresholds": scaled_thresholds(served.decision) if served.task.kind == "multilabel" else [],
    }


def _say(sink: BinaryIO, message: dict[str, Any]) -> None:
    sink.write(json.dumps(message, allow_nan=False).encode() + b"\n")
    sink.flush()


_Asked = tuple[int, bool, Encoded] | BakeoffError


def _encode(predictors: list[Predictor], line: bytes) -> _Asked:
    block = json.loads(line)
    place = int(block.get("model", 0))
    try:
        encoded = predictors[place].encoder.encode(Texts(block["first"], block.get("second")))
    except BakeoffError as error:
        return error
    return place, bool(block.get("scores", True)), encoded


def _answer(predictors: list[Predictor], asked: _Asked) -> dict[str, Any]:
    if isinstance(asked, BakeoffError):
        return _error(asked)
    place, scores, encoded = asked
    try:
        return predictors[place].decide(encoded).plain(scores)
    except BakeoffError as error:
        return _error(error)


def _error(error: BakeoffError) -> dict[str, Any]:
    return {"error": {"what": error.what, "where": error.where, "remedy": error.remedy}}
