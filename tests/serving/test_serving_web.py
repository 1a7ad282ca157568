"""The server on a real socket: what is bad gets 4xx, what is too much 503, and the good traffic lives."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from asking import Client, every_kind, running, wait_for
from bakeoff.analysis.scoring import PER_LABEL
from bakeoff.api.served import Choice, find_served
from bakeoff.errors import ModelError, RunError
from bakeoff.records.serving import ServeOrder
from bakeoff.serving.deciding import Said
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import SPLIT, Texts
from bakeoff.serving.web.guards import POLICY
from bakeoff.serving.web.server import listen
from kept import Kept
from payloads import PAYLOADS
from questions import CONTEXTS

TOKEN = "0123456789abcdef-token"
BODY = {"texts": ["what a happy day"]}


@pytest.fixture(scope="module")
def order(kept: Kept) -> ServeOrder:
    return every_kind(kept)


@pytest.fixture(scope="module")
def client(order: ServeOrder) -> Iterator[Client]:
    with running(order) as made:
        yield made


def test_answers_are_those_of_the_predictor(client: Client, order: ServeOrder) -> None:
    status, found = client.predict({"texts": ["what a happy day", "a quiet night"], "model": "tiny-lora"})
    assert status == 200
    said = Predictor.load(order.models[1]).predict(Texts(["what a happy day", "a quiet night"]))
    names = order.models[1].decision.labels
    assert [row["labels"] for row in found["predictions"]] == [[names[place] for place in places] for places in said.labels]
    np.testing.assert_allclose([list(row["scores"].values()) for row in found["predictions"]], said.scores, atol=1e-5)
    assert client.predict(BODY)[1]["model"] == "tiny-full"
    assert client.predict({**BODY, "scores": False})[1]["predictions"][0]["scores"] == {}


def test_pairs_and_questions(client: Client) -> None:
    status, found = client.predict({"pairs": [["a", "c"], ["b", "d"]], "model": "pairs-lora"})
    assert (status, [len(row["labels"]) for row in found["predictions"]]) == (200, [1, 1])
    status, found = client.predict({"pairs": [["who?", "the happy day"]], "model": "questions-full"})
    assert status == 200
    assert found["predictions"][0]["answer"] is not None
    for wrong in ({"texts": ["a"], "model": "pairs-lora"}, {"pairs": [["a"]], "model": "pairs-lora"}, {"pairs": [["a", "b"]]}):
        assert client.predict(wrong)[0] == 422
    assert client.predict({**BODY, "pairs": [["a", "b"]]})[0] == 422


def test_a_context_of_several_windows(client: Client, order: ServeOrder) -> None:
    questions = [("where is it?", context) for context in CONTEXTS]
    status, found = client.predict({"pairs": [list(pair) for pair in questions], "model": "questions-full"})
    assert status == 200
    predictor = Predictor.load(order.models[3])
    texts = Texts([question for question, _ in questions], [context for _, context in questions])
    assert predictor.encoder.encode(texts).store.sizes[SPLIT] > len(CONTEXTS)
    assert [row["answer"] for row in found["predictions"]] == predictor.predict(texts).answers


def test_adapters_on_one_base_answer_as_each_alone(client: Client, order: ServeOrder) -> None:
    assert order.models[1].base == order.models[2].base != ""
    alone = [Predictor.load(order.models[place]) for place in (1, 2)]
    expected = [alone[0].predict(Texts(["a sad night"])).scores, alone[1].predict(Texts(["a sad night"], ["day"])).scores]
    bodies = ({"texts": ["a sad night"], "model": "tiny-lora"}, {"pairs": [["a sad night", "day"]], "model": "pairs-lora"})
    for _ in range(3):
        for body, scores in zip(bodies, expected, strict=True):
            status, found = client.predict(body)
            assert status == 200
            np.testing.assert_allclose(list(found["predictions"][0]["scores"].values()), scores[0], atol=1e-5)


def test_each_label_has_its_own_threshold(kept: Kept, order: ServeOrder) -> None:
    served = find_served(kept.run.root, Choice("full", "tiny", 1, PER_LABEL)).model_copy(update={"name": "own"})
    texts = kept.datasets["tiny"].texts("validation")[:40]
    with running(order.model_copy(update={"models": [served]})) as client:
        (model,) = json.loads(client.ask("GET", "/models")[2])
        status, found = client.predict({"texts": texts})
    assert status == 200
    thresholds = dict(zip(model["labels"], model["thresholds"], strict=True))
    assert len(set(thresholds.values())) > 1
    for row in found["predictions"]:
        near = {label for label, score in row["scores"].items() if abs(score - thresholds[label]) < 1e-5}
        above = {label for label, score in row["scores"].items() if score >= thresholds[label]}
        assert set(row["labels"]) - near == above - near


def test_states_and_models(client: Client) -> None:
    assert json.loads(client.ask("GET", "/health")[2])["status"] == "ok"
    assert client.ask("GET", "/ready")[0] == 200
    models = json.loads(client.ask("GET", "/models")[2])
    assert [model["name"] for model in models] == ["tiny-full", "tiny-lora", "pairs-lora", "questions-full"]
    assert len(models[0]["thresholds"]) == 3
    schema = json.loads(client.ask("GET", "/openapi.json")[2])
    assert {"/predict", "/models", "/health", "/ready", "/metrics"} == set(schema["paths"])
    kinds = {status: list(one["content"]) for status, one in schema["paths"]["/metrics"]["get"]["responses"].items()}
    assert kinds == {"200": ["text/plain"], **{status: ["application/json"] for status in ("400", "401", "408", "413", "415")}}


def test_metrics_are_prometheus_text(client: Client) -> None:
    client.predict(BODY)
    status, headers, content = client.ask("GET", "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = content.decode().splitlines()
    sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.e]+|# TYPE [a-z_]+ (counter|gauge|histogram)')
    assert [line for line in lines if not sample.fullmatch(line)] == []
    assert any(line.startswith('bakeoff_requests_total{path="/predict",status="200"}') for line in lines)
    assert "bakeoff_ready 1" in lines


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 50_000, 400),
        (b"\xff", 400),
        ({"texts": "one"}, 422),
        ({"texts": []}, 422),
        ({"texts": [1]}, 422),
        ({"texts": ["a"] * 51}, 422),
        ({"texts": ["a"], "model": "nothing"}, 422),
        ({"texts": ["a"], "more": 1}, 422),
        ({"texts": ["a" * 100_001]}, 413),
        ([], 422),
        (b"", 422),
    ],
)
def test_what_is_malformed_is_refused_with_its_reason(client: Client, body: Any, status: int) -> None:
    found, told = client.predict(body)
    assert found == status
    assert told["detail"]
    assert client.predict(BODY)[0] == 200


def test_other_kinds_hosts_and_methods_are_refused(client: Client) -> None:
    assert client.predict(json.dumps(BODY).encode(), content_type="text/plain")[0] == 415
    assert client.ask("POST", "/predict", BODY, host="evil.example")[0] == 400
    assert client.ask("POST", "/predict", BODY, host="localhost:1")[0] == 200
    assert client.ask("GET", "/predict")[0] == 405
    assert client.ask("GET", "/../../etc/passwd")[0] == 404
    assert client.ask("GET", "/page.js/../../server.py")[0] == 404
    assert client.raw(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert client.raw(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_large_body_is_refused_before_it_is_read(client: Client) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    assert client.raw(head + b"content-length: 10000000\r\n\r\n").startswith(b"HTTP/1.1 413")
    # one byte too many, and none behind it: what a server leaves unread would reset the connection
    chunk = b"%x\r\n" % 100_001 + b"x" * 100_001
    assert client.raw(head + b"transfer-encoding: chunked\r\n\r\n" + chunk).startswith(b"HTTP/1.1 413")


def test_a_slow_client_is_left(order: ServeOrder) -> None:
    with running(order.model_copy(update={"body_seconds": 0.3})) as client:
        slow = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
        assert client.raw(slow).startswith(b"HTTP/1.1 408")
        assert client.raw(b"POST /predict HTTP/1.1\r\nhos").startswith(b"HTTP/1.1 408")
        assert client.predict(BODY)[0] == 200


def test_a_token(order: ServeOrder) -> None:
    with running(order.model_copy(update={"needs_token": True}), token=TOKEN) as client:
        assert client.predict(BODY)[0] == 401
        assert client.predict(BODY, authorization=f"Bearer {TOKEN}x")[0] == 401
        assert client.predict(BODY, authorization=f"Basic {TOKEN}")[0] == 401
        assert client.predict(BODY, authorization=f"Bearer {TOKEN}")[0] == 200
        assert [client.ask("GET", path)[0] for path in ("/metrics", "/models", "/health", "/")] == [401, 401, 200, 200]
        schema = json.loads(client.ask("GET", "/openapi.json")[2])
        assert schema["paths"]["/predict"]["post"]["security"] == [{"token": []}]
        assert TOKEN not in json.dumps(schema)


def test_the_page_runs_only_what_is_its_own(client: Client) -> None:
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        status, headers, content = client.ask("GET", path)
        assert status == 200
        assert headers["content-type"].startswith(kind)
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert b"innerHTML" not in content
        assert b"style=" not in content
        assert not re.search(rb"<script(?! src=\"page\.js\")|\son\w+=|https?://", content)
    assert "unsafe" not in POLICY


def test_hostile_texts_come_back_as_json_alone(client: Client) -> None:
    status, headers, content = client.ask("POST", "/predict", {"texts": list(PAYLOADS)})
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert len(json.loads(content)["predictions"]) == len(PAYLOADS)
    status, headers, content = client.ask("POST", "/predict", {"texts": ["x"], "model": PAYLOADS[0]})
    assert (status, headers["content-type"]) == (422, "application/json")


def test_nothing_of_what_is_sent_reaches_a_log_or_a_label(
    client: Client, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither texts, which may be private, nor signs that a terminal or a reader of logs would obey."""
    word = "canary-5d1f"
    for payload in (*PAYLOADS[:3], "\x1b[2J\x1b]0;title\x07", "\u2028\r\nERROR: all is lost"):
        text = f"{word} {payload}"
        assert client.predict({"texts": [text]})[0] == 200
        assert client.predict({"texts": [text], "model": text})[0] == 422
        assert client.predict(text.encode())[0] == 400
    assert client.ask("GET", f"/{word}/%1b%5b2J/..%2f..%2fetc%2fpasswd")[0] == 404
    assert client.ask("GET", "/models", host=f"{word}.example")[0] == 400
    assert client.ask("GET", "/models", authorization=f"Bearer {word}", x_other=word)[0] == 200
    assert client.raw(f"{word} \x1b[2J HTTP/9.9\r\n\r\n".encode()).startswith(b"HTTP/1.1 400")
    counted = client.ask("GET", "/metrics")[2].decode()
    told = capfd.readouterr()
    assert word not in counted + told.out + told.err + caplog.text
    assert "\x1b" not in told.err


class Slow:
    """Answers when it is told to; what it was asked is noted."""

    def __init__(self, order: ServeOrder) -> None:
        self.served, self.go, self.asked = order.models[0], threading.Event(), []

    def predict(self, texts: Texts) -> Said:
        self.asked.append(list(texts.first))
        self.go.wait()
        if "bad" in texts.first:
            raise ModelError("an output of the model is not a finite number", "slow", "another")
        if "bug" in texts.first:
            raise ZeroDivisionError
        return Said(np.zeros((len(texts.first), 3)), [[] for _ in texts.first])


def ask_many(client: Client, bodies: list[Any]) -> tuple[list[threading.Thread], list[Any]]:
    found: list[Any] = [None] * len(bodies)

    def one(place: int) -> None:
        found[place] = client.predict(bodies[place])

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(bodies))]
    for thread in threads:
        thread.start()
    return threads, found


def waiting(client: Client) -> int:
    content = client.ask("GET", "/metrics")[2].decode()
    return int(float(re.findall(r"^bakeoff_waiting_rows (\S+)$", content, re.M)[0]))


def test_what_gathers_is_answered_together_and_what_is_too_much_is_refused_at_once(order: ServeOrder) -> None:
    slow = Slow(order)
    with running(order, lambda: [slow]) as client:  # type: ignore[list-item]
        wait_for(lambda: client.ask("GET", "/ready")[0] == 200)
        first, answered = ask_many(client, [BODY])
        wait_for(lambda: len(slow.asked) == 1)
        rest, found = ask_many(client, [{"texts": [f"{n}"]} for n in range(20)])
        wait_for(lambda: waiting(client) == 21)
        # 200 rows a second are guessed and 0.8 s allowed: more than 160 rows are too many
        more, crowd = ask_many(client, [{"texts": ["x"] * 50} for _ in range(6)])
        wait_for(lambda: sum(one is not None for one in crowd) >= 3)
        refused = [one for one in crowd if one is not None]
        assert {status for status, _ in refused} == {503}
        slow.go.set()
        for thread in (*first, *rest, *more):
            thread.join()
        assert {status for status, _ in (*answered, *found)} == {200}
        assert len(slow.asked[1]) >= 20  # all that had gathered, and not one after another
        assert client.predict(BODY)[0] == 200


def test_one_bad_text_takes_no_other_with_it(order: ServeOrder) -> None:
    slow = Slow(order)
    with running(order, lambda: [slow]) as client:  # type: ignore[list-item]
        wait_for(lambda: client.ask("GET", "/ready")[0] == 200)
        first, _ = ask_many(client, [BODY])
        wait_for(lambda: len(slow.asked) == 1)
        rest, found = ask_many(client, [{"texts": ["good"]}, {"texts": ["bad"]}, {"texts": ["good"]}])
        wait_for(lambda: waiting(client) == 4)
        slow.go.set()
        for thread in (*first, *rest):
            thread.join()
        assert [status for status, _ in found] == [200, 422, 200]


def test_before_the_models_are_loaded_and_after_they_failed(order: ServeOrder) -> None:
    go = threading.Event()

    def load() -> list[Predictor]:
        go.wait()
        raise ModelError("torn", "here", "again")

    with running(order, load) as client:
        assert json.loads(client.ask("GET", "/health")[2])["status"] == "loading"
        assert client.ask("GET", "/ready")[0] == 503
        assert client.predict(BODY)[0] == 503
        go.set()
        wait_for(lambda: json.loads(client.ask("GET", "/health")[2])["status"] == "failed")
        assert client.predict(BODY)[0] == 503


def test_an_address_that_is_taken_is_named(order: ServeOrder) -> None:
    with listen(order.model_copy(update={"port": 0})) as taken, pytest.raises(RunError, match="cannot listen on 127"):
        listen(order.model_copy(update={"port": taken.getsockname()[1]}))
