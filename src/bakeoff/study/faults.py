"""Collects faults, and turns what pydantic says about a tree into faults with places and in our words."""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bakeoff.catalog.registry import nearest
from bakeoff.errors import Fault, StudyError
from bakeoff.study.quantities import Says
from bakeoff.study.tree import Node

Model = TypeVar("Model", bound=BaseModel)
Loc = Sequence[str | int]
WORDS: dict[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
COLLECTIONS: dict[Any, str] = {dict: "a mapping", list: "a list", tuple: "a list"}
BOUNDS = (
    (annotated_types.Ge, "ge", "at least"),
    (annotated_types.Gt, "gt", "more than"),
    (annotated_types.Le, "le", "at most"),
    (annotated_types.Lt, "lt", "less than"),
    (annotated_types.MinLen, "min_length", "with a length of at least"),
    (annotated_types.MaxLen, "max_length", "with a length of at most"),
)


class Faults:
    """All faults of a study, each once."""

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    @property
    def sorted(self) -> list[Fault]:
        """The faults in the order of the file; those of the command line last."""
        return sorted(self._found, key=lambda fault: (fault.file.startswith("--"), fault.line))

    def add(
        self, node: Node, problem: str, allowed: str = "", suggestion: str = "", *, missing: str = "", key: bool = False
    ) -> None:
        """Record a fault at a node.

        Args:
            node: what it is about.
            problem: what is wrong.
            allowed: what would be right.
            suggestion: the nearest known spelling.
            missing: name of a key that the node lacks; the fault is about that key.
            key: whether the key is at fault, not its value.
        """
        path = ".".join(part for part in (node.key, missing) if part)
        whole = key or node.is_mapping or isinstance(node.value, list)
        line = (node.key_line or node.line) if whole else node.line
        shown = "" if missing or (key and whole and node.entries) else node.shown
        self._found[Fault(node.file, line, path, shown, problem, allowed, suggestion)] = None

    def add_name(self, node: Node, kind: str, known: Sequence[str]) -> None:
        """Record that a scalar names nothing known.

        Args:
            node: the scalar.
            kind: what it should name, such as `loss`.
            known: the known names.
        """
        allowed = ", ".join(known) if known else f"there is no {kind} yet"
        word = "kind of task" if kind == "task" else kind
        self.add(node, f"no {word} has this name", allowed, nearest(str(node.value), list(known)))

    def extend(self, faults: list[Fault]) -> None:
        """Record faults that were found elsewhere.

        Args:
            faults: the faults.
        """
        self._found |= dict.fromkeys(faults)

    def raise_any(self, path: Path) -> None:
        """Raise all faults at once, if there are any.

        Args:
            path: the study file.

        Raises:
            StudyError: with every fault.
        """
        if self._found:
            raise StudyError(self.sorted, str(path))


def _bounds(metadata: Sequence[Any]) -> str:
    parts = []
    # inside a union, constraints are still wrapped in the field that gave them
    flat = [inner for item in metadata for inner in (item.metadata if isinstance(item, FieldInfo) else [item])]
    for item in flat:
        for kind, attribute, words in BOUNDS:
            if isinstance(item, kind):
                parts.append(f"{words} {getattr(item, attribute)}")
    return ", " + " and ".join(parts) if parts else ""


def describe(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """What a type allows, in words.

    Args:
        annotation: a type.
        metadata: its constraints.

    Returns:
        Such as `a whole number, at least 1, or auto`.
    """
    for item in metadata:
        if isinstance(item, Says):
            return item.text
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *more = get_args(annotation)
        return describe(base, [*more, *metadata])
    if origin in (Union, types.UnionType):
        return ", or ".join(describe(member) for member in get_args(annotation)) + _bounds(metadata)
    if origin is Literal:
        return ", ".join(str(value) for value in get_args(annotation))
    base = origin or annotation
    if isinstance(base, type) and issubclass(base, BaseModel):
        return "a mapping with the keys " + ", ".join(base.model_fields)
    return WORDS.get(base, COLLECTIONS.get(base, "another value")) + _bounds(metadata)


def _alternatives(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [leaf for member in get_args(annotation) for leaf in _alternatives(member)]
    return [annotation]


def _below(annotation: Any, part: str | int) -> tuple[Any, Sequence[Any]] | None:
    for base in _alternatives(annotation):
        if isinstance(base, type) and issubclass(base, BaseModel) and part in base.model_fields:
            field: FieldInfo = base.model_fields[str(part)]
            return field.annotation, field.metadata
        if get_origin(base) in (dict, list) and get_args(base):
            return get_args(base)[-1], ()
    return None


def _keys(annotation: Any) -> list[str]:
    for base in _alternatives(annotation):
        if isinstance(base, type) and issubclass(base, BaseModel):
            return list(base.model_fields)
    return []


def _locate(node: Node, model: type[BaseModel], loc: Loc) -> tuple[Node, Loc, Any, Sequence[Any]]:
    """The deepest node on the way, what of the way is left, and the type that belongs at the node."""
    annotation: Any = model
    metadata: Sequence[Any] = ()
    for index, part in enumerate(loc):
        if isinstance(part, int) and part < len(node.items):
            below = node.items[part]
        elif isinstance(part, str) and part in node.entries:
            below = node.entries[part]
        else:
            return node, loc[index:], annotation, metadata
        known = _below(annotation, part)
        if known is None and index < len(loc) - 1:
            return node, loc[index:], annotation, metadata
        # the last step into an unknown key keeps the type of the mapping that holds it
        annotation, metadata = known or (annotation, metadata)
        node = below
    return node, (), annotation, metadata


def _problem(kind: str, node: Node, message: str) -> str:
    found = "null" if node.value is None else COLLECTIONS.get(type(node.value), WORDS.get(type(node.value), ""))
    if isinstance(node.value, bool):
        found = "a truth value"
    if kind.endswith("_type") or kind in ("int_from_float", "int_parsing", "float_parsing"):
        return f"wrong type: {found} cannot stand here"
    if kind in ("literal_error", "enum"):
        return "no such choice"
    if kind.startswith(("greater_than", "less_than")) or kind == "finite_number":
        return "out of range"
    if kind in ("string_pattern_mismatch", "string_too_long"):
        return "not a usable name"
    if kind in ("too_short", "too_long", "string_too_short"):
        return "too short" if kind.endswith("short") else "too long"
    return message[:1].lower() + message[1:]


def _report(faults: Faults, root: Node, model: type[BaseModel], error: Any, extra: Sequence[str]) -> None:
    loc: Loc = error["loc"]
    kind = error["type"]
    context = error.get("ctx", {})
    bad_key = bool(loc) and loc[-1] == "[key]"
    node, left, annotation, metadata = _locate(root, model, loc[:-1] if bad_key else loc)
    if kind == "missing":
        faults.add(node, "this key is missing", describe(*(_below(annotation, left[0]) or (annotation,))), missing=str(left[0]))
    elif kind == "extra_forbidden":
        known = [*extra, *_keys(annotation)]
        faults.add(node, "unknown key", ", ".join(known) or "no keys at all", nearest(str(loc[-1]), known), key=True)
    elif bad_key:
        faults.add(node, "not a usable name", describe(str, [Says(_name_words(model, loc))]), key=True)
    else:
        allowed = context.get("allowed") or describe(annotation, metadata)
        choices = [str(value) for base in _alternatives(annotation) if get_origin(base) is Literal for value in get_args(base)]
        suggestion = context.get("suggestion") or (nearest(node.value, choices) if isinstance(node.value, str) else "")
        faults.add(node, _problem(kind, node, error["msg"]), allowed, suggestion)


def _name_words(model: type[BaseModel], loc: Loc) -> str:
    annotation: Any = model
    for part in loc[:-2]:
        annotation = (_below(annotation, part) or (annotation,))[0]
    mappings = [base for base in _alternatives(annotation) if get_origin(base) is dict]
    return describe(get_args(mappings[0])[0]) if mappings else "a name"


def validate(model: type[Model], node: Node, faults: Faults, extra: Sequence[str] = ()) -> Model | None:
    """Check a tree against a strict model.

    Args:
        model: the model.
        node: the tree.
        faults: where faults are recorded, one for each place.
        extra: keys beside the model's that may stand there (they are named in messages only).

    Returns:
        The validated model, or None if there were faults.
    """
    try:
        # strict JSON mode takes lists where the model has tuples or enums, as a file must
        return model.model_validate_json(json.dumps(node.plain()))
    except ValidationError as error:
        seen: set[int] = set()
        for item in error.errors(include_url=False, include_input=False):
            place = id(_locate(node, model, [part for part in item["loc"] if part != "[key]"])[0])
            # a union reports one error for each member: one fault is enough
            if place in seen and item["type"] not in ("missing", "extra_forbidden"):
                continue
            seen.add(place)
            _report(faults, node, model, item, extra)
        return None
