"""A JSON schema of the study file, from the models and the catalog, so that editors complete names and mark slips.

The schema knows less than the program: references between parts, and limits that depend on other keys, are checked by
`bakeoff check` alone. In one thing it is narrower: a folder with a model is to be written with its dot, `./model`.
"""

from __future__ import annotations

import copy
import inspect
import re
from typing import Any, Literal, get_args

from pydantic import BaseModel

from bakeoff.catalog.cards import Kind
from bakeoff.catalog.registry import cards
from bakeoff.study import rounds, shape
from bakeoff.study.shape import StudyFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HUB_OR_FOLDER = "^(\\.|/|[A-Za-z0-9][A-Za-z0-9_.-]*/)"
Schema = dict[str, Any]


def attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """What a class's docstring says of its attributes.

    Args:
        model: the class.

    Returns:
        Text by attribute, from the section `Attributes:` of the class and of those that it extends.
    """
    docs: dict[str, str] = {}
    for base in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        _, found, section = (inspect.cleandoc(base.__doc__ or "")).partition("Attributes:\n")
        if found:
            for name, text in re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE):
                docs[name] = re.sub(r"\s+", " ", text)
    return docs


def _document(schema: Schema, model: type[BaseModel]) -> Schema:
    """Put the docstrings of attributes where editors look for them, in place of the class's own."""
    docs = attribute_docs(model)
    schema["description"] = (inspect.getdoc(model) or "").partition("\n")[0]
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in docs:
            field["description"] = docs[name]
    schema.pop("title", None)
    return schema


def _component(kind: Kind) -> Schema:
    """A component: its name, or its name with settings that its card knows."""
    variants: list[Schema] = []
    for card in cards(kind).values():
        settings = copy.deepcopy(_document(card.settings.model_json_schema(), card.settings))
        # without a name the settings are laid over those of the layer below, so nothing is required here
        properties = {"name": {"const": card.name}, **settings.get("properties", {})}
        variant = {**settings, "type": "object", "description": card.summary, "properties": properties}
        variant.pop("required", None)
        variants.append(variant)
    return {"anyOf": [{"enum": list(cards(kind))}, *variants]}


def _model() -> Schema:
    name: Schema = {"anyOf": [{"enum": list(cards("model"))}, {"type": "string", "pattern": HUB_OR_FOLDER}]}
    properties = {"name": name, "revision": {"type": "string", "pattern": "^[0-9a-f]{40}$"}}
    return {"anyOf": [*name["anyOf"], {"type": "object", "properties": properties, "additionalProperties": False}]}


def _named(kind: Literal["dataset", "task", "metric"]) -> Schema:
    return {"enum": list(cards(kind))}


def _set(schema: Schema, owner: str, name: str, value: Schema) -> None:
    """Replace the type of a key and keep its description."""
    field = schema["$defs"][owner]["properties"][name]
    schema["$defs"][owner]["properties"][name] = {key: field[key] for key in ("description", "default") if key in field} | value


def _with_catalog(schema: Schema) -> None:
    kinds: tuple[Kind, ...] = ("method", "loss", "sampling", "augmentation")
    schema["$defs"] |= {"model": _model(), **{kind: _component(kind) for kind in kinds}}
    for kind in ("model", "method", "loss"):
        reference = {"$ref": f"#/$defs/{kind}"}
        for owner in ("RecipeSettings", "RecipeEntry"):
            _set(schema, owner, kind, reference)
            schema["$defs"][owner]["properties"][kind].pop("default", None)
        _set(schema, "MatrixEntry", kind, {"type": "array", "minItems": 1, "items": reference})
    nullable = {"type": "null"}
    label_map = {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/LabelMapEntry"}, nullable]}
    for owner in ("SourceEntry", "TaskEntry"):
        _set(schema, owner, "map", label_map)
    for kind in ("sampling", "augmentation"):
        _set(schema, "Treatment", kind, {"anyOf": [{"$ref": f"#/$defs/{kind}"}, nullable]})
    _set(schema, "TaskEntry", "dataset", _named("dataset"))
    _set(schema, "TaskEntry", "kind", {"anyOf": [_named("task"), nullable]})
    _set(schema, "TaskEntry", "metric", {"anyOf": [_named("metric"), nullable]})
    for name, choices in (("sampler", rounds.SamplerName), ("pruning", rounds.PruningName)):
        entry = {"$ref": f"#/$defs/{name.capitalize()}"}
        _set(schema, "Sweep", name, {"anyOf": [{"enum": list(get_args(choices))}, entry]})
    for unused in ("ModelEntry", "ComponentEntry"):
        schema["$defs"].pop(unused, None)


def _overlay(schema: Schema) -> Schema:
    """The study's schema for a profile: the same keys, none of them required."""
    overlay = {key: copy.deepcopy(schema[key]) for key in ("type", "properties", "additionalProperties")}
    del overlay["properties"]["profiles"]
    # what a profile adds to a task or a phase that is there already need not be whole
    task = copy.deepcopy(schema["$defs"]["TaskEntry"])
    task.pop("required", None)
    overlay["properties"]["tasks"] = {"type": "object", "additionalProperties": task}
    # and so with a sweep
    sweep = copy.deepcopy(schema["$defs"]["Sweep"])
    sweep.pop("required", None)
    overlay["properties"]["sweep"] = sweep
    return overlay | {"description": "An overlay on the whole file: mappings merge, lists replace."}


def _check_names(field: Schema) -> None:
    """A key that is no usable name is marked; pydantic's schema lets such keys hold anything."""
    for pattern, value in field.pop("patternProperties", {}).items():
        field["additionalProperties"] = value
        field["propertyNames"] = {**field.get("propertyNames", {}), "pattern": pattern}


def json_schema() -> Schema:
    """The schema of a study file.

    Returns:
        A JSON schema (draft 2020-12) with the catalog's names as choices and a description of each key.
    """
    schema = StudyFile.model_json_schema()
    _document(schema, StudyFile)
    for name, definition in schema["$defs"].items():
        _document(definition, getattr(shape, name, None) or getattr(rounds, name))
    for name, default in shape.Limits().model_dump(mode="json").items():
        schema["$defs"]["Limits"]["properties"][name]["default"] = default
    schema["properties"]["limits"]["default"] = shape.Limits().model_dump(mode="json")
    schema["properties"]["seeds"]["uniqueItems"] = True
    _with_catalog(schema)
    for field in schema["properties"].values():
        _check_names(field)
    schema["properties"]["profiles"]["additionalProperties"] = {"$ref": "#/$defs/overlay"}
    schema["$defs"]["overlay"] = _overlay(schema)
    return {"$schema": DIALECT, "title": "Bakeoff study", **schema}
