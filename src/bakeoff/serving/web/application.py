"""The application: what can be asked, and what is answered, as OpenAPI tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

import bakeoff
from bakeoff.errors import BakeoffError
from bakeoff.records.serving import Served, ServeOrder
from bakeoff.serving.deciding import Said, scaled_thresholds
from bakeoff.serving.rows import Texts
from bakeoff.serving.web.batching import Batcher, Overloaded
from bakeoff.serving.web.metering import CONTENT_TYPE, Meter

PAGE = Path(__file__).parent / "page"
PARTS = {"/": ("index.html", "text/html"), "/page.js": ("page.js", "text/javascript"), "/page.css": ("page.css", "text/css")}
AGAIN_SECONDS = "1"
DIGITS = 6
FAULTS = 5
"""Faults of a request that are told at most."""


class Strict(BaseModel):
    """Base of what comes in and goes out: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Problem(Strict):
    """Why a request was refused.

    Attributes:
        detail: in words.
    """

    detail: str


class Answer(Strict):
    """What a model says of one text.

    Attributes:
        labels: the labels that it is given; for questions empty.
        scores: probability of each label by name; for questions `answer`: by how much it is preferred to none.
        answer: the answer to a question, empty for none; null for other tasks.
    """

    labels: list[str]
    scores: dict[str, float]
    answer: str | None


class Answers(Strict):
    """What a model says of the texts of a request.

    Attributes:
        model: which model.
        predictions: one a text, in their order.
    """

    model: str
    predictions: list[Answer]


class Described(Strict):
    """A model that can be asked.

    Attributes:
        name: what requests call it.
        kind: `multilabel`, `single-label` or `qa`.
        pairs: whether it reads two texts a row.
        labels: label names.
        thresholds: probability from which on each label is given; empty where the highest decides.
        form: in which form its weights stand.
        trial: the trial that made it.
    """

    name: str
    kind: str
    pairs: bool
    labels: list[str]
    thresholds: list[float]
    form: str
    trial: str


class State(Strict):
    """How the server stands.

    Attributes:
        status: `ok`, `loading` or `failed`.
        version: of Bakeoff.
    """

    status: str
    version: str


LETTER_BYTES = 40
"""Bytes of a body that a letter may need: a text that is too long is told so by itself, and not cut off with its body."""
Responses = dict[int | str, dict[str, Any]]
REFUSALS: Responses = {
    400: {"model": Problem, "description": "no JSON, or the server was called by a wrong name"},
    401: {"model": Problem, "description": "the token is missing or wrong"},
    408: {"model": Problem, "description": "the request was too slow"},
    413: {"model": Problem, "description": "too large"},
    415: {"model": Problem, "description": "not application/json"},
    422: {"model": Problem, "description": "the request is not what it should be"},
    503: {"model": Problem, "description": "more waits than can be answered in time, or the models are not loaded yet"},
}
ALWAYS: Responses = {status: REFUSALS[status] for status in (400, 408, 413, 415)}
GUARDED: Responses = {**ALWAYS, 401: REFUSALS[401]}
PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
GUARDED_TEXT: Responses = {
    status: {"description": refusal["description"], "content": PROBLEM} for status, refusal in GUARDED.items()
}
"""Of what is text where it answers: a refusal is JSON nevertheless."""


def make_request(order: ServeOrder) -> Any:
    """The type of a request: it knows names and limits, so that the schema refuses what the server would.

    Args:
        order: the order.

    Returns:
        A pydantic model; the union of two, where some models read one text a row and others two.
    """
    default = order.models[0].name
    text: Any = Annotated[str, StringConstraints(max_length=order.body_bytes // LETTER_BYTES)]
    row: Any = Annotated[list[text], Field(min_length=2, max_length=2)]
    kinds = []
    for pairs, key, several, words in (
        (False, "texts", list[text], "texts"),
        (True, "pairs", list[row], "pairs of texts, or of question and context"),
    ):
        names = tuple(served.name for served in order.models if served.pairs is pairs)
        if not names:
            continue
        model = Field(default=default, description="which") if default in names else Field(description="which")
        fields: dict[str, Any] = {
            key: (several, Field(min_length=1, max_length=order.rows, description=words)),
            "model": (Literal[names], model),
            "scores": (bool, Field(default=True, description="whether scores of all labels are told")),
        }
        kinds.append(create_model(f"Predict{key.capitalize()}", __base__=Strict, __doc__=f"Answer {words}.", **fields))
    return kinds[0] if len(kinds) == 1 else kinds[0] | kinds[1]


def make_application(order: ServeOrder, batcher: Batcher, meter: Meter) -> FastAPI:
    """The application.

    Args:
        order: the models and the limits.
        batcher: what answers.
        meter: counts.

    Returns:
        The application, without its guard.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        batcher.end()

    app = FastAPI(
        title="Bakeoff",
        version=bakeoff.__version__,
        summary="Answers of trained models.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    _add_page(app)
    _add_states(app, order, batcher, meter)
    _add_predict(app, order, batcher)
    if order.needs_token:
        _tell_token(app)
    return app


def _add_page(app: FastAPI) -> None:
    for path, (name, kind) in PARTS.items():

        def part(name: str = name, kind: str = kind) -> FileResponse:
            return FileResponse(PAGE / name, media_type=kind)

        app.add_api_route(path, part, include_in_schema=False, methods=["GET"], response_class=FileResponse, name=name)


def _add_states(app: FastAPI, order: ServeOrder, batcher: Batcher, meter: Meter) -> None:
    @app.get("/health", responses=ALWAYS)
    def health() -> State:
        """Whether the server lives."""
        status = "failed" if batcher.failure is not None else "ok" if batcher.is_ready else "loading"
        return State(status=status, version=bakeoff.__version__)

    @app.get("/ready", responses={**ALWAYS, 503: {"model": State, "description": "not yet, or no more"}})
    def ready(response: Response) -> State:
        """Whether it can answer."""
        found = health()
        response.status_code = 200 if found.status == "ok" else 503
        return found

    @app.get("/models", responses=GUARDED)
    def models() -> list[Described]:
        """The models that can be asked, the default first."""
        return [describe(served) for served in order.models]

    @app.get("/metrics", responses=GUARDED_TEXT, response_class=PlainTextResponse)
    def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(meter.text(), media_type=CONTENT_TYPE)


def describe(served: Served) -> Described:
    """A model, for those who may ask it.

    Args:
        served: the model.

    Returns:
        Its description.
    """
    return Described(
        name=served.name,
        kind=served.task.kind,
        pairs=served.pairs,
        labels=served.decision.labels,
        thresholds=scaled_thresholds(served.decision) if served.task.kind == "multilabel" else [],
        form=served.form,
        trial=served.trial,
    )


def _add_predict(app: FastAPI, order: ServeOrder, batcher: Batcher) -> None:
    places = {served.name: place for place, served in enumerate(order.models)}

    async def predict(request: Any) -> Answers:
        """Answer texts."""
        place = places[request.model]
        rows = getattr(request, "pairs", None)
        texts = Texts(request.texts) if rows is None else Texts([row[0] for row in rows], [row[1] for row in rows])
        if not batcher.is_ready:
            raise HTTPException(503, "the models are not loaded", {"Retry-After": AGAIN_SECONDS})
        try:
            said = await batcher.ask(place, texts)
        except Overloaded as error:
            raise HTTPException(503, "more waits than can be answered in time", {"Retry-After": AGAIN_SECONDS}) from error
        except BakeoffError as error:
            raise HTTPException(422, error.what) from error
        return _answers(order.models[place], said, request.scores)

    predict.__annotations__["request"] = make_request(order)
    app.post("/predict", responses={**GUARDED, 422: REFUSALS[422], 503: REFUSALS[503]})(predict)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Any, error: RequestValidationError) -> JSONResponse:
        """In words, and without what was sent."""
        told = "; ".join(
            f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {fault['msg']}" for fault in error.errors()[:FAULTS]
        )
        return JSONResponse({"detail": told}, 422)


def _answers(served: Served, said: Said, scores: bool) -> Answers:
    names = served.decision.labels if said.answers is None else ["answer"]
    rounded = said.scores.round(DIGITS).tolist()
    found = []
    for place, row in enumerate(rounded):
        labels = [names[label] for label in said.labels[place]] if said.answers is None else []
        answer = None if said.answers is None else said.answers[place]
        found.append(Answer(labels=labels, scores=dict(zip(names, row, strict=True)) if scores else {}, answer=answer))
    return Answers(model=served.name, predictions=found)


def _tell_token(app: FastAPI) -> None:
    """Say in the schema which paths need the token."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path in ("/predict", "/models", "/metrics"):
            for operation in schema["paths"][path].values():
                operation["security"] = [{"token": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
