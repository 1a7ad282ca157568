"""YAML that the core types of 1.2 read back as what was written."""

from __future__ import annotations

from typing import Any

import yaml

from bakeoff.study.reading import LINE_BREAK, core_value


def as_yaml(body: dict[str, Any]) -> str:
    """Write plain values as YAML.

    Args:
        body: dictionaries, lists and scalars.

    Returns:
        YAML text, keys in their order.
    """
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes YAML that the core types of 1.2 read back: quotes every text that they would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(core_value(text), str) else "'"
    if LINE_BREAK.search(text):  # what YAML 1.1 takes for line breaks survives in double quotes alone
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
