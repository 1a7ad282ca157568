"""`docs/formats.md` and the code say the same: every key of every model, every version, every path."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

import bakeoff
from bakeoff.records import paths

SOURCE = Path(bakeoff.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf8")
ROOMS = ("bakeoff.records", "bakeoff.running", "bakeoff.analysis", "bakeoff.preflight")
"""The rooms whose pydantic models are what is on disk."""
MODULES = tuple(f"bakeoff.training.{name}" for name in ("best", "checkpoints", "course", "health"))
"""And single modules, which hold what is in a checkpoint."""


def modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        yield importlib.import_module(found.name)


def models() -> dict[str, type[BaseModel]]:
    """Every pydantic model with fields that one of the rooms defines, by dotted path."""
    return {
        f"{module.__name__}.{name}": found
        for module in (*chain.from_iterable(map(modules, ROOMS)), *map(importlib.import_module, MODULES))
        for name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, BaseModel) and found.__module__ == module.__name__ and found.model_fields
    }


def documented() -> dict[str, set[str]]:
    """Keys of the first table after each line ``Model: `dotted.path` ``; dotted keys count for their first part."""
    tables = {}
    for part in re.split(r"^Model: ", PAGE, flags=re.M)[1:]:
        name, rest = part.split("\n", 1)
        table = re.search(r"(?:^\|.*\n)+", rest, re.M)
        assert table, f"no table after {name}"
        cells = (re.findall(r"`([^`]+)`", row.split("|")[1]) for row in table.group().splitlines()[2:])
        tables[name.strip("` .")] = {key.split(".")[0] for row in cells for key in row}
    return tables


def versions() -> dict[str, int]:
    """Format versions by kind, as the source hands them to `write_document`."""
    texts = [source.read_text(encoding="utf8") for source in SOURCE.rglob("*.py")]
    pairs = {pair for text in texts for pair in re.findall(r"^(\w+_VERSION) = (\d+)$", text, re.M)}
    numbers = {name: int(value) for name, value in pairs}
    assert len(numbers) == len(pairs), "one constant has two values"
    calls = {call for text in texts for call in re.findall(r'\bwrite_document\([^"]*?"([\w-]+)", (\w+),', text)}
    return {kind: numbers[name] for kind, name in calls}


def path_names() -> dict[str, str]:
    """What each path property's docstring calls the file, by property."""
    owners = (paths.Home, paths.RunFolder, paths.TrialFolder, paths.AttemptFolder)
    found = {}
    for owner in owners:
        for name, member in vars(owner).items():
            text = inspect.getdoc(member) or ""
            quoted = re.search(r"`([^`$]+)`", text)
            if isinstance(member, property) and quoted:
                found[f"{owner.__name__}.{name}"] = quoted.group(1)
    return found


@pytest.mark.parametrize("name", sorted(models()))
def test_every_key_of_a_model_is_documented_and_no_other(name: str) -> None:
    assert name in documented(), f"docs/formats.md has no line 'Model: `{name}`'"
    assert documented()[name] == set(models()[name].model_fields)


def test_every_documented_model_exists() -> None:
    assert set(documented()) <= set(models())


@pytest.mark.parametrize(("kind", "version"), sorted(versions().items()))
def test_every_version_is_documented(kind: str, version: int) -> None:
    assert f"`bakeoff/{kind}@{version}`" in PAGE


@pytest.mark.parametrize(("owner", "name"), sorted(path_names().items()))
def test_every_path_is_documented(owner: str, name: str) -> None:
    leaf = name.rstrip("/").split("/")[-1] if "<" not in name else name.split("/", maxsplit=1)[0]
    assert re.search(rf"[`/]{re.escape(leaf)}[`/]", PAGE), f"{owner}: {name} is not in docs/formats.md"
