"""The three lines that hold: no torch above `tasks`, nobody imports `worker`, no circles; and the table that says the rest."""

from __future__ import annotations

import configparser
import graphlib
import json
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import bakeoff

PROJECT = Path(__file__).parents[2]
PACKAGE = Path(bakeoff.__file__).parent
BELOW = {"tasks", "losses", "training", "representations", "serving", "worker", "testing"}
"""Rooms that may reach torch; every other one is above `tasks`."""
HEAVY = ("torch", "transformers", "accelerate", "peft")
NOT_ROOMS = {"__init__", "__main__", "__pycache__"}


def rooms_on_disk() -> set[str]:
    """Every folder and module directly under the package."""
    entries = {entry.stem for entry in PACKAGE.iterdir() if entry.suffix == ".py" or any(entry.glob("*.py"))}
    return entries - NOT_ROOMS


def contracts() -> dict[str, set[str]]:
    """What each room may import by `.importlinter`, `errors` left out."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read(PROJECT / ".importlinter", encoding="utf8")
    found = {}
    for name, section in parser.items():
        if section.get("forbidden_modules") != "bakeoff.*":
            continue
        room = name.removeprefix("importlinter:contract:")
        assert section["source_modules"] == f"bakeoff.{room}"
        exceptions = re.findall(r"(\S+) -> (\S+)", section.get("ignore_imports", ""))
        assert all(importer.removesuffix(".**") == f"bakeoff.{room}" for importer, _ in exceptions), name
        found[room] = {imported.split(".")[1] for _, imported in exceptions} - {"errors"}
    return found


def documented_table() -> dict[str, set[str]]:
    """The same by the table of `docs/architecture.md`."""
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)?` \|[^|]*\| ([^|]*) \|$", text, re.M)
    return {room: set(re.findall(r"\w+", allowed)) for room, allowed in rows}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("bakeoff", cache_dir=None)


def test_every_room_has_a_contract() -> None:
    assert rooms_on_disk() == set(contracts())


def test_contracts_are_the_documented_table() -> None:
    assert contracts() == documented_table()


def test_the_contracts_against_torch_name_every_room_above_tasks() -> None:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read(PROJECT / ".importlinter", encoding="utf8")
    section = parser["importlinter:contract:no-torch"]
    named = {module.removeprefix("bakeoff.") for module in section["source_modules"].split()}
    assert named == rooms_on_disk() - BELOW
    assert set(HEAVY) <= set(section["forbidden_modules"].split())


def test_rooms_above_tasks_import_without_torch(graph: grimp.ImportGraph) -> None:
    # grimp reads the source, so modules that import nothing and are imported by none are walked too
    above = sorted(module for module in graph.modules if module.split(".")[1:2] != [] and module.split(".")[1] not in BELOW)
    above = [module for module in above if module.rsplit(".", 1)[-1] != "__main__"]
    assert "bakeoff.records.specs" in above
    program = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, json.dumps(above)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout))
    assert set(above) <= imported
    assert not {name for name in imported if name.split(".")[0] in HEAVY}


def test_help_imports_no_torch() -> None:
    program = (
        "import runpy, sys\n"
        "sys.argv = ['bakeoff', '--help']\n"
        "try: runpy.run_module('bakeoff', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported {heavy}, exit {code}' if heavy or code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_nobody_imports_the_worker(graph: grimp.ImportGraph) -> None:
    worker = {module for module in graph.modules if module.split(".")[1:2] == ["worker"]}
    assert worker
    importers = {(importer, module) for module in worker for importer in graph.find_modules_that_directly_import(module)}
    assert {(importer, module) for importer, module in importers if importer not in worker} == set()


def test_no_import_circles(graph: grimp.ImportGraph) -> None:
    needs = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(needs).prepare()  # raises CycleError, which names the circle


def test_the_circle_check_sees_a_circle() -> None:
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
