"""The lowest versions that `pyproject.toml` allows are those that `make test-lowest` tries."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf8"))["project"]


def plain(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def short(version: str) -> str:
    """A version without the zeros that say nothing: 2.13.0 is 2.13."""
    return re.sub(r"(\.0)+$", "", version)


def bounds() -> dict[str, str]:
    """Lower bound by package, for all that running and testing need."""
    extras = PYPROJECT["optional-dependencies"]
    lines = [
        *PYPROJECT["dependencies"],
        *extras["data"],
        *extras["export"],
        *extras["serve"],
        *extras["sweep"],
        *extras["test"],
    ]
    named = [line for line in lines if not line.startswith("bakeoff[")]
    matches = [re.fullmatch(r"([\w.-]+)>=([\d.]+)", line) for line in named]
    assert all(matches), f"a lower bound and nothing else: {named}"
    return {plain(match[1]): short(match[2]) for match in matches if match}


def pins(name: str) -> dict[str, str]:
    """Version by package in a file of constraints."""
    lines = (PROJECT / name).read_text(encoding="utf8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    found = dict(line.split("==") for line in wanted)
    assert len(found) == len(wanted)
    return {plain(package): short(version) for package, version in found.items()}


def test_bounds_are_the_lowest_versions_tested() -> None:
    lowest = pins("constraints-lowest.txt")
    assert {package: lowest.get(package) for package in bounds()} == bounds()


def test_the_versions_of_ci_name_every_package_that_has_a_bound() -> None:
    assert set(bounds()) <= set(pins("constraints.txt"))


def test_the_target_installs_what_the_file_pins() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf8")
    recipe = re.search(r"^test-lowest:\n((?:\t.*\n)+)", makefile, re.M)
    assert recipe
    assert "pip install -e '.[test,demo]' -c constraints-lowest.txt" in recipe[1]
