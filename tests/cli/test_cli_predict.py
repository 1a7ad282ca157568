"""`bakeoff predict`: texts, files and standard input; once with a real process."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bakeoff import api
from bakeoff.records.paths import Home
from cli.conftest import Call
from faking import LABELS, Fake
from kept import make_run


def test_a_real_process_answers(tmp_path: Path, hostile_path: Path) -> None:
    kept = make_run(tmp_path, tasks=("tiny",), recipes=("full",))
    before = list(Home.default().jobs.glob("predict-*"))
    with api.Predictor(kept.run.root, recipe="full", threads=1) as predictor:
        found = predictor.predict(["what a happy day", "a quiet night"])
        assert set(found[0].scores) == {"joy", "anger", "calm"}
        assert list(predictor.stream(["a quiet night"])) == found[1:]
        (hostile_path / "rows.csv").write_text("id,text\n7,what a happy day\n8,a quiet night\n")
        assert api.predict_path(predictor, hostile_path / "rows.csv", hostile_path / "out.jsonl") == 2
        rows = [json.loads(line) for line in (hostile_path / "out.jsonl").read_text().splitlines()]
        assert [(row["id"], row["scores"]) for row in rows] == [("7", found[0].scores), ("8", found[1].scores)]
    assert list(Home.default().jobs.glob("predict-*")) == before  # what went well leaves nothing behind


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The command's predictor is a fake one; what it was asked for is noted."""
    noted: dict[str, Any] = {}

    def make(target: str, **options: Any) -> Fake:
        noted.update(options, target=target)
        return Fake()

    monkeypatch.setattr(api, "Predictor", make)
    return noted


def test_texts_are_shown_with_their_labels(asked: dict[str, Any], call: Call) -> None:
    said = call("predict", "some:run", "four", "three", "--rule", "per-label", "--seed", "4", "--threads", "2")
    assert said.code == 0, said.err
    assert asked == {"target": "some:run", "task": "", "seed": 4, "rule": "per-label", "threads": 2, "precision": None}
    assert "short" in said.out
    assert "long" in said.out
    said = call("predict", "some:run", "four", "--json")
    assert json.loads(said.out)[0]["labels"] == ["short"]


def test_rows_of_a_file_and_of_standard_input(
    asked: dict[str, Any], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("id,text\n7,four\n8,three\n")
    said = call("predict", "run", "--file", "rows.csv", "--no-scores")
    assert said.out.splitlines() == ["id,text,prediction", "7,four,short", "8,three,long"]
    assert "2 rows" in said.err
    said = call("predict", "run", "-f", "rows.csv", "-o", "out.jsonl")
    assert (said.code, said.out) == (0, "")
    assert [json.loads(line)["prediction"] for line in Path("out.jsonl").read_text().splitlines()] == [["short"], ["long"]]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b'{"text": "four"}\n'))))  # type: ignore[arg-type]
    said = call("predict", "run")
    assert json.loads(said.out)["prediction"] == ["short"]
    assert set(json.loads(said.out)["scores"]) == set(LABELS)


def test_what_cannot_be_answered_is_said(asked: dict[str, Any], call: Call) -> None:
    said = call("predict", "run", "x", "--file", "y.csv")
    assert (said.code, "texts and a file" in said.err) == (2, True)
    said = call("predict", "run", "--file", "gone.csv")
    assert (said.code, "cannot be read" in said.err) == (2, True)


def test_a_run_that_is_not_there(call: Call) -> None:
    said = call("predict", "nowhere:at-all", "x")
    assert (said.code, "no run folder" in said.err) == (2, True)
