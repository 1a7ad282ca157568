"""Help comes without what is heavy, every command shows an example, and `python -m bakeoff` is the same program."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

HEAVY = {
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "matplotlib",
    "pyarrow",
    "huggingface_hub",
    "accelerate",
    "numpy",
    "rich",
}
VERBS = [
    *[(verb,) for verb in ("check", "run", "status", "report", "plan", "fetch", "runs", "logs", "losses", "schema")],
    *[
        (verb,)
        for verb in (
            "shard",
            "merge",
            "retry",
            "cancel",
            "clean",
            "data",
            "model",
            "init",
            "explain",
            "verdict",
            "compare",
            "predict",
            "export",
            "drift",
            "adapters",
            "bench",
            "serve",
        )
    ],
    *[("data", verb) for verb in ("import", "fetch", "list", "verify", "show")],
    *[("model", verb) for verb in ("fetch", "list", "verify", "show")],
]
LIST_MODULES = """
import sys
sys.argv = ["bakeoff", *sys.argv[1:]]
from bakeoff.cli.main import main
try:
    main()
finally:
    print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--version",), ("data", "list", "--help")])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-c", LIST_MODULES, *words], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) & HEAVY == set()
    assert "typer" in done.stderr


def test_listing_and_planning_import_no_torch(tmp_path: Path) -> None:
    for words in (("plan", "demo"), ("data", "list"), ("model", "list"), ("runs",)):
        done = subprocess.run(
            [sys.executable, "-c", LIST_MODULES, *words], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        assert set(done.stderr.split()) & {"torch", "transformers", "accelerate", "sklearn", "matplotlib"} == set()


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_command_shows_an_example(call: Call, words: tuple[str, ...]) -> None:
    said = call(*words, "--help")
    assert said.code == 0
    assert re.search(rf"Examples?:\n +bakeoff {' '.join(words)}", said.out)


def test_every_command_is_in_the_list_above(call: Call) -> None:
    listed = re.findall(r"^  (\w+)  ", call("--help").out.partition("Commands:")[2], re.M)
    assert sorted(listed) == sorted({words[0] for words in VERBS})


def test_the_module_is_the_command(hostile_path: Path) -> None:
    (hostile_path / "random.py").write_text("raise SystemExit('the file of the user was imported')")
    command = [sys.executable, "-P", "-m", "bakeoff", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=hostile_path)
    assert re.fullmatch(r"bakeoff \S+\n", done.stdout)


def test_an_unknown_command_is_a_usage_error(call: Call) -> None:
    said = call("nonsense")
    assert said.code == 2
    assert "nonsense" in said.err
