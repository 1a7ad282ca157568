"""The JSON schema for editors, judged by a small validator of the keywords that it uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeoff.catalog.registry import cards
from bakeoff.study.loading import find_study
from bakeoff.study.reading import read_file, read_text
from bakeoff.study.schema import attribute_docs, json_schema
from bakeoff.study.shape import StudyFile, Training

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
KNOWN = {"$ref", "$defs", "$schema", "title", "description", "default", "type", "enum", "const", "anyOf", "pattern"}
KNOWN |= {"properties", "required", "items", "additionalProperties", "patternProperties", "propertyNames", "uniqueItems"}
KNOWN |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"}
KNOWN |= {"minLength", "maxLength", "minProperties", "maxProperties"}


def problems(schema: Any, value: Any, root: dict[str, Any], place: str = "") -> Iterator[str]:
    if isinstance(schema, bool):
        if not schema:
            yield f"{place}: not allowed"
        return
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        yield from problems(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root, place)
    if "anyOf" in schema and all(list(problems(option, value, root, place)) for option in schema["anyOf"]):
        yield f"{place}: fits no option"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: not in {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{place}: not {schema['const']}"
    kind = TYPES.get(schema.get("type", ""))
    if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        yield f"{place}: not {schema['type']}"
        return
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{place}: not of the pattern"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{place}: out of range"
        if value <= schema.get("exclusiveMinimum", value - 1) or value >= schema.get("exclusiveMaximum", value + 1):
            yield f"{place}: out of range"
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{place}: too short"
        for index, item in enumerate(value):
            yield from problems(schema.get("items", True), item, root, f"{place}[{index}]")
    if isinstance(value, dict):
        yield from (f"{place}: no {key}" for key in schema.get("required", []) if key not in value)
        for key, item in value.items():
            yield from problems(schema.get("propertyNames", True), key, root, f"{place}.{key}")
            matching = [below for pattern, below in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
            yield from (text for below in matching for text in problems(below, item, root, f"{place}.{key}"))
            beyond = True if matching else schema.get("additionalProperties", True)
            below = schema.get("properties", {}).get(key, beyond)
            yield from problems(below, item, root, f"{place}.{key}")


def check(text: str) -> list[str]:
    schema = json_schema()
    return list(problems(schema, read_text(text, "f")[0].plain(), schema))


@pytest.mark.parametrize(
    "path", [find_study("demo"), *sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_shipped_studies_fit_the_schema(path: Path) -> None:
    schema = json_schema()
    value = read_file(path)[0].plain()
    assert list(problems(schema, value, schema)) == []
    try:
        import jsonschema
    except ModuleNotFoundError:
        return
    jsonschema.validate(value, schema)


GOOD = "tasks: {t: {dataset: demo}}\nrecipes: {a: {loss: bce}}\n"
FITTING = [
    "matrix: {loss: [bce, {name: bce}], method: [tfidf, {name: tfidf, ngrams: 1}]}",
    "profiles: {p: {tasks: {t: {train_limit: 5}}, seeds: [1]}}",
    "defaults: {loss: {name: bce}, model: ./folder, training: {early_stopping: null, threads: auto, micro_batch_size: 4}}",
    "limits: {trial: null, stall: 10m, disk_reserve: 5GB}",
    "profiles: {p: {tasks: {t: {train_limit: 12.5%, test_limit: 100%}}}}",
    "expect: {a: {f1_macro@0.2: [0.1, 0.2]}}",
    "phases: [{name: one, choose: {top: 2}, seeds: 2}, {name: s, sweep: true, gate: green}, {name: two, seeds: [1]}]",
    "sweep: {recipes: [a], space: {training.learning_rate: {log_uniform: [1e-5, 1e-3]}}, proposals: 3}",
    "sweep: {recipes: [a], sampler: qmc, pruning: {name: median}, time: 1h, seeds: [1], spaces: [{space: {loss: null}}]}",
]
WRONG = {
    "unknown key": "baselin: a",
    "wrong type": "data_seed: x",
    "range": "data_seed: -1",
    "unknown loss": "defaults: {loss: bcee}",
    "unknown setting": "defaults: {method: {name: tfidf, ngram: 1}}",
    "setting out of range": "defaults: {method: {name: tfidf, ngrams: 9}}",
    "unknown model": "defaults: {model: minilm-l7}",
    "choice": "defaults: {training: {schedule: cosin}}",
    "duration": "limits: {trial: 2x}",
    "size": "limits: {disk_reserve: 5gb}",
    "share": "profiles: {p: {tasks: {t: {train_limit: ten%}}}}",
    "profile": "profiles: {p: {defaults: {training: {epoch: 1}}}}",
    "empty axis": "matrix: {loss: []}",
    "keep": "keep: bets",
    "name of a profile": "profiles: {'a b': {}}",
}


@pytest.mark.parametrize("more", FITTING)
def test_what_is_right_fits(more: str) -> None:
    assert check(GOOD + more) == []


@pytest.mark.parametrize("more", WRONG.values(), ids=list(WRONG))
def test_slips_are_marked(more: str) -> None:
    assert len(check(GOOD + more)) >= 1


def test_a_study_without_tasks_is_marked() -> None:
    assert check("recipes: {a: {}}") == [": no tasks"]


def test_the_schema_is_strict_json_and_every_reference_leads_somewhere() -> None:
    schema = json_schema()
    text = json.dumps(schema, allow_nan=False)
    used = set(re.findall(r'"#/\$defs/(\w+)"', text))
    assert used <= set(schema["$defs"])
    assert set(schema["$defs"]) <= used | {"RecipeSettings"}


def test_every_key_is_documented() -> None:
    schema = json_schema()
    owners = [schema, *(definition for name, definition in schema["$defs"].items() if name not in ("overlay",))]
    for owner in owners:
        for key, field in owner.get("properties", {}).items():
            assert field.get("description"), key
    assert schema["$defs"]["Training"]["properties"]["warmup"]["description"] == attribute_docs(Training)["warmup"]
    assert set(attribute_docs(StudyFile)) == set(StudyFile.model_fields)


def test_the_catalogs_names_are_choices(more_cards: None) -> None:
    schema = json_schema()
    assert schema["$defs"]["loss"]["anyOf"][0]["enum"] == list(cards("loss"))
    pair = next(
        option
        for option in schema["$defs"]["loss"]["anyOf"]
        if option.get("properties", {}).get("name") == {"const": "pairloss"}
    )
    assert pair["properties"]["gamma"]["minimum"] == 0
    assert pair["properties"]["gamma"]["description"] == "one."
    assert schema["$defs"]["TaskEntry"]["properties"]["dataset"]["enum"] == list(cards("dataset"))
