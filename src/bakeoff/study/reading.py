"""YAML with the core types of version 1.2, read safely into a tree that knows its lines.

`1e-4` is a number; `no`, `on`, `12:30:00` and `2024-01-01` are texts; keys are always texts. Duplicate keys are faults.
Anchors, aliases and the merge key `<<` work, but what they expand to is bounded, as are the file's size and depth, so that
no file can exhaust memory or stack.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from bakeoff.errors import Fault, StudyError
from bakeoff.study.tree import Node, Scalar

MAX_BYTES = 131_072
MAX_DEPTH = 24
MAX_NODES = 20_000
MAX_DIGITS = 100

NULL = re.compile(r"~|null|Null|NULL|")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]+")
OCTAL = re.compile(r"0o[0-7]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
NOT_A_NUMBER = re.compile(r"\.(nan|NaN|NAN)")
CORE_TAG = "tag:yaml.org,2002:"
# beyond what YAML forbids: lone surrogates (no file could hold them) and NUL, which escapes can bring in
FORBIDDEN_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def core_value(text: str) -> Scalar:
    """The value of a plain scalar by the core schema of YAML 1.2.

    Args:
        text: the scalar as written, without quotes.

    Returns:
        Null, a boolean, a number, or the text itself. A whole number of more than 100 digits stays a text.
    """
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text) or FALSE.fullmatch(text):
        return text[0] in "tT"
    if len(text) <= MAX_DIGITS:
        for pattern, base in ((INTEGER, 10), (OCTAL, 8), (HEXADECIMAL, 16)):
            if pattern.fullmatch(text):
                return int(text if base == 10 else text[2:], base)
        if FLOAT.fullmatch(text):
            return float(text)
    if INFINITE.fullmatch(text):
        return float("-inf") if text.startswith("-") else float("inf")
    return float("nan") if NOT_A_NUMBER.fullmatch(text) else text


class _Stop(Exception):
    """A fault after which nothing more can be read."""

    def __init__(self, line: int, key: str, problem: str, allowed: str = "") -> None:
        super().__init__(problem)
        self.parts = (line, key, problem, allowed)


class _Composer:
    """Turns the events of one document into a tree."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.loader: Any = yaml.SafeLoader(text)
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        self.count = 0

    def document(self, key: str) -> Node:
        self.loader.get_event()
        if self.loader.check_event(StreamEndEvent):
            return Node(None, self.file, 1, key, 1, 1)
        self.loader.get_event()
        node = self.node(key, 0, 0)
        while not self.loader.check_event(DocumentEndEvent):
            self.loader.get_event()
        self.loader.get_event()
        if not self.loader.check_event(StreamEndEvent):
            line = self.loader.get_event().start_mark.line + 1
            raise _Stop(line, "", "a second document begins here", "one document a file: remove the line `---`")
        return node

    def node(self, key: str, depth: int, key_line: int) -> Node:
        event = self.loader.get_event()
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            return self.alias(event, line, key)
        before = self.count
        self.grow(1, line, key)
        if depth > MAX_DEPTH:
            raise _Stop(line, key, "nested too deeply", f"at most {MAX_DEPTH} levels")
        if event.anchor:
            self.anchors[event.anchor] = None
        if isinstance(event, ScalarEvent):
            node = Node(self.scalar(event, line, key), self.file, line, key, key_line or line, text=event.value)
        else:
            self.check_tag(event, line, key)
            inside = self.mapping(key, depth) if isinstance(event, MappingStartEvent) else self.sequence(key, depth)
            node = Node(inside, self.file, line, key, key_line or line)
        node = replace(node, end_line=max(line, self.loader.line + 1))
        if event.anchor:
            self.anchors[event.anchor] = (node, self.count - before)
        return node

    def grow(self, nodes: int, line: int, key: str) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise _Stop(line, key, "the file grows too large here", f"at most {MAX_NODES} values, aliases expanded")

    def alias(self, event: AliasEvent, line: int, key: str) -> Node:
        if event.anchor not in self.anchors:
            raise _Stop(line, key, f"the alias *{event.anchor} has no anchor before it", "an anchor &name further up")
        anchored = self.anchors[event.anchor]
        if anchored is None:
            raise _Stop(line, key, f"the alias *{event.anchor} contains itself")
        self.grow(anchored[1], line, key)
        return anchored[0]

    def scalar(self, event: ScalarEvent, line: int, key: str) -> Scalar:
        if FORBIDDEN_IN_TEXT.search(event.value):
            raise _Stop(line, key, "the text has a character that no file can hold", "text without NUL and lone surrogates")
        tag = event.tag
        if tag is None:
            return core_value(event.value) if event.style is None else event.value
        if tag in ("!", CORE_TAG + "str"):
            return event.value
        value = core_value(event.value)
        types = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
        wanted = types.get(tag.removeprefix(CORE_TAG))
        if wanted is None or not isinstance(value, wanted):  # type: ignore[arg-type]
            raise _Stop(line, key, f"the tag {tag} cannot stand here", "plain YAML without tags")
        return value

    def check_tag(self, event: Any, line: int, key: str) -> None:
        fitting = CORE_TAG + ("map" if isinstance(event, MappingStartEvent) else "seq")
        if event.tag not in (None, "!", fitting):
            raise _Stop(line, key, f"the tag {event.tag} cannot stand here", "plain YAML without tags")

    def sequence(self, key: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while not self.loader.check_event(SequenceEndEvent):
            items.append(self.node(f"{key}[{len(items)}]", depth + 1, 0))
        self.loader.get_event()
        return items

    def mapping(self, key: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        lines: dict[str, int] = {}
        while not self.loader.check_event(MappingEndEvent):
            event = self.loader.get_event()
            line = event.start_mark.line + 1
            if not isinstance(event, ScalarEvent):
                raise _Stop(line, key, "a list, a mapping or an alias stands as a key", "a name as key")
            name = event.value
            path = f"{key}.{name}" if key else name
            node = self.node(path, depth + 1, line)
            if name == "<<" and event.style is None:
                merged += self.merged(node, line, path)
            elif not name or FORBIDDEN_IN_TEXT.search(name):
                self.fault(line, path, "the key is empty or has a character that no file can hold", "a name as key")
            elif name in entries:
                self.fault(line, path, f"the key stands twice; the first is on line {lines[name]}", "each key once")
            else:
                entries[name], lines[name] = node, line
        self.loader.get_event()
        for source in merged:
            for name, node in source.entries.items():
                entries.setdefault(name, node)
        return entries

    def merged(self, node: Node, line: int, path: str) -> list[Node]:
        sources = node.items if node.items else [node]
        if all(source.is_mapping for source in sources):
            return sources
        self.fault(line, path, "the merge key << takes a mapping or a list of mappings", "<<: *anchor")
        return []

    def fault(self, line: int, key: str, problem: str, allowed: str = "") -> None:
        self.faults.append(Fault(self.file, line, key, "", problem, allowed))


def _compose(text: str, file: str, key: str) -> tuple[Node, list[Fault]]:
    forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if forbidden:
        line = len(LINE_BREAK.findall(text[: forbidden.start()])) + 1
        raise _Stop(line, key, f"the character U+{ord(forbidden.group()):04X} cannot stand in YAML", "printable text")
    composer = _Composer(text, file)
    try:
        node = composer.document(key)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = (
            "tabs cannot indent YAML" if "'\\t'" in str(error.problem) else f"not valid YAML: {error.problem or error.context}"
        )
        allowed = "spaces for indentation" if "tabs" in problem else ""
        raise _Stop(mark.line + 1 if mark else 0, key, problem, allowed) from error
    except (ValueError, OverflowError) as error:  # the YAML library lets those of chr() and int() through
        raise _Stop(composer.loader.line + 1, key, f"not valid YAML: {error}") from error
    finally:
        composer.loader.dispose()
    return node, composer.faults


def read_text(text: str, file: str, key: str = "") -> tuple[Node, list[Fault]]:
    """Read one YAML document.

    Args:
        text: the document.
        file: what faults name as the file.
        key: dotted path of the value, where the document is but a part of a study.

    Returns:
        The tree and the faults that did not keep it from being read (duplicate keys).

    Raises:
        StudyError: if it cannot be read at all.
    """
    try:
        return _compose(text, file, key)
    except _Stop as stop:
        line, place, problem, allowed = stop.parts
        raise StudyError([Fault(file, line, place, "", problem, allowed)], file) from stop


def read_file(path: Path) -> tuple[Node, list[Fault]]:
    """Read a study file.

    Args:
        path: the file: UTF-8, at most 128 KiB.

    Returns:
        The tree, whose root is a mapping, and the faults that did not keep it from being read.

    Raises:
        StudyError: if the file is missing or cannot be read at all.
    """
    file = str(path)

    def stop(problem: str, allowed: str = "", line: int = 0) -> StudyError:
        return StudyError([Fault(file, line, "", "", problem, allowed)], file)

    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise stop(f"the file cannot be read: {getattr(error, 'strerror', None) or error}", "a study file") from error
    if len(data) > MAX_BYTES:
        raise stop("the file is too large for a study", f"at most {MAX_BYTES} bytes")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise stop("the file is UTF-16", "text in UTF-8", 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise stop("the file is not UTF-8 text", "text in UTF-8", data.count(b"\n", 0, error.start) + 1) from error
    root, faults = read_text(text, file)
    if root.is_mapping:
        return root, faults
    problem = "the file is empty" if root.value is None else "a study is a mapping of keys to values"
    raise StudyError([*faults, Fault(file, root.line, "", "", problem, "at least the keys tasks and recipes")], file)
