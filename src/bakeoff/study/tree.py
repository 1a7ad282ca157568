"""The study file as a tree of values that know where they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

SET_FILE = "--set"
SHOWN_CHARACTERS = 60

Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class Node:
    """A value of the study file and its place.

    Nodes are never changed: overlays make new ones and share what stays the same.

    Attributes:
        value: a scalar, a dictionary of nodes, or a list of nodes.
        file: the file, or `--set`.
        line: line of the value from 1, or 0 where there is none.
        key: dotted path of the key as it was written, such as `profiles.quick.seeds[1]`.
        key_line: line of the key; equal to `line` where there is no key.
        end_line: last line of the value.
        text: a scalar as it was written.
    """

    value: Scalar | dict[str, Node] | list[Node]
    file: str
    line: int = 0
    key: str = ""
    key_line: int = 0
    end_line: int = 0
    text: str = ""

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a mapping; none if it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; none if it is no list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.value, dict)

    @property
    def shown(self) -> str:
        """The value as a fault shows it: a scalar's text, at most 60 characters of it, or the kind of collection."""
        if isinstance(self.value, dict):
            return "a mapping" if self.value else "an empty mapping"
        if isinstance(self.value, list):
            return "a list" if self.value else "an empty list"
        text = self.text if self.text else ("null" if self.value is None else repr(self.value))
        text = "".join(
            character if character.isprintable() else repr(character)[1:-1] for character in text[: SHOWN_CHARACTERS + 1]
        )
        return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"

    def at(self, *path: str) -> Node | None:
        """The node below by keys.

        Args:
            *path: keys from here downwards.

        Returns:
            The node, or None where the path leads nowhere.
        """
        node: Node | None = self
        for part in path:
            node = node.entries.get(part) if node else None
        return node

    def plain(self) -> Any:
        """The value without places.

        Returns:
            Dictionaries, lists and scalars.
        """
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def holding(self, value: dict[str, Node]) -> Node:
        """The same place with other entries.

        Args:
            value: the entries.

        Returns:
            A new mapping.
        """
        return replace(self, value=value, text="")

    def with_entry(self, key: str, node: Node) -> Node:
        """The same mapping with one entry set.

        Args:
            key: the entry's key.
            node: its value.

        Returns:
            A new mapping.
        """
        return self.holding({**self.entries, key: node})

    def without(self, key: str) -> Node:
        """The same mapping without one entry.

        Args:
            key: the entry's key.

        Returns:
            A new mapping.
        """
        return self.holding({name: node for name, node in self.entries.items() if name != key})

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Every node of the tree with the dotted path at which it stands now.

        Args:
            path: the path of this node.

        Yields:
            Path and node, parents first.
        """
        yield path, self
        for key, node in self.entries.items():
            yield from node.walk(f"{path}.{key}" if path else key)
        for index, node in enumerate(self.items):
            yield from node.walk(f"{path}[{index}]")


def names_in(node: Node | None) -> list[str]:
    """The keys of a mapping that may be missing.

    Args:
        node: the mapping.

    Returns:
        Its keys.
    """
    return list(node.entries) if node else []
