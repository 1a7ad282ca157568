"""A set-up that is ready: without network or torch; other packages' checks; the command and `run` say the same."""

# ruff: noqa: N802, N815 - the names are those of NVIDIA's library
from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from preflight_setups import Setup

from bakeoff.errors import CatalogError
from bakeoff.preflight import readiness
from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.gpus import ask, visible
from bakeoff.testing.checks import check_check

PROGRAM = """
import sys
def refuse(event, details):
    # the interpreter says so of each socket that is made, whoever makes it
    if event.startswith("socket."): raise AssertionError(f"a socket: {event} {details}")
sys.addaudithook(refuse)
from bakeoff.cli.main import main
sys.argv = ["bakeoff", "check", sys.argv[1], "--json"]
try: main()
except SystemExit as end: code = end.code or 0
heavy = sorted({"torch", "transformers", "accelerate", "peft"} & set(sys.modules))
sys.exit(f"imported {heavy}" if heavy else code)
"""


@pytest.mark.parametrize("argument", ["study.yaml", "demo"])
def test_it_opens_no_socket_and_imports_no_torch(argument: str, setup: Setup) -> None:
    (setup.folder / "study.yaml").write_text(setup.text, encoding="utf8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, argument], capture_output=True, text=True, check=False, cwd=setup.folder
    )
    body = json.loads(done.stdout)
    errors = {finding["check"] for finding in body["findings"] if finding["severity"] == "error"}
    # the packaged model may not be installed where the tests run
    assert errors <= ({"models"} if argument == "demo" else set())
    assert done.returncode == (3 if errors else 0), done.stderr
    assert {check["name"] for check in body["checks"]} == {check.name for check in readiness.BUILT_IN}


def test_every_built_in_check_keeps_the_contract_on_a_good_set_up(setup: Setup) -> None:
    subject = setup.subject()
    for check in readiness.BUILT_IN:
        assert [finding for finding in check_check(check, subject) if finding.severity is Severity.ERROR] == []
    names = [check.name for check in readiness.BUILT_IN]
    assert len(set(names)) == len(names)


def test_checks_that_need_a_plan_say_that_they_could_not_look(setup: Setup) -> None:
    (setup.model / "config.json").unlink()
    passed_over = {one.check.name: one.passed_over for one in setup.look().checked if one.passed_over}
    assert passed_over == {"memory": "data, models or the study stand against a plan"}
    setup.text = "tasks: {}"
    assert "datasets" in {one.check.name for one in setup.look().checked if one.passed_over}


BROKEN_CONTRACT = {
    "name": (Check("Bad Name", "sees", "nothing", lambda subject: []), "lower-case"),
    "empty remedy": (
        Check("lazy", "sees", "nothing", lambda subject: [Finding(Severity.NOTE, "a", "b", "c", " ")]),
        "remedy is empty",
    ),
    "several lines": (
        Check("wordy", "sees", "nothing", lambda subject: [Finding(Severity.NOTE, "a\nb", "b", "c", "d")]),
        "several lines",
    ),
    "fickle": (
        Check("fickle", "sees", "nothing", lambda subject: [Finding(Severity.NOTE, str(time.monotonic_ns()), "b", "c", "d")]),
        "something else",
    ),
}


@pytest.mark.parametrize("name", BROKEN_CONTRACT)
def test_the_contract_sees_each_way_to_break_it(name: str, setup: Setup) -> None:
    check, words = BROKEN_CONTRACT[name]
    with pytest.raises(AssertionError, match=words):
        check_check(check, setup.subject())


def nobody_is_here(subject: object) -> list[Finding]:
    return [Finding(Severity.ERROR, "nobody is here", "nobody", "somebody", "call somebody")]


PLUG_IN = Check("somebody", "somebody is here", "nothing", nobody_is_here)


def test_other_packages_add_checks(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("somebody", f"{__name__}:PLUG_IN", readiness.ENTRY_POINT_GROUP)
    monkeypatch.setattr(readiness, "entry_points", lambda group: [point] if group == readiness.ENTRY_POINT_GROUP else [])
    readiness.all_checks.cache_clear()
    try:
        found = setup.look()
        assert [finding.what for finding in found.of(Severity.ERROR)] == ["nobody is here"]
        assert found.exit_code == 3
        no_check = EntryPoint("nonsense", "json:dumps", readiness.ENTRY_POINT_GROUP)
        monkeypatch.setattr(readiness, "entry_points", lambda group: [no_check])
        readiness.all_checks.cache_clear()
        with pytest.raises(CatalogError, match="nonsense is no check"):
            setup.look()
    finally:
        monkeypatch.undo()
        readiness.all_checks.cache_clear()


@pytest.mark.parametrize(
    ("variable", "seen"),
    [(None, [0, 1, 2]), ("", []), ("2,0", [2, 0]), ("1,-1,0", [1]), ("GPU-b", [1]), ("7", [])],
)
def test_visible_gpus_are_those_that_cuda_shows(variable: str | None, seen: list[int]) -> None:
    assert visible(["GPU-a1", "GPU-b2", "GPU-c3"], variable) == seen


class Nvml:
    """NVIDIA's management library of a machine with one GPU, as its documentation describes its answers."""

    class NVMLError(Exception):
        pass

    class Memory:
        total, free = 16 * 10**9, 12 * 10**9

    class Process:
        pid, usedGpuMemory = 1, None

    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...
    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return 12040

    def nvmlSystemGetDriverVersion(self) -> str:
        return "550.54"

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return "GPU-a1"

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "Tesla T4"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> type[Nvml.Memory]:
        return Nvml.Memory

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[type[Nvml.Process]]:
        return [Nvml.Process]


def test_what_the_driver_says_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = ask(Nvml())
    assert (gpus.driver, gpus.driver_cuda) == ("550.54", (12, 4))
    assert [(gpu.name, gpu.free, len(gpu.users), gpu.users[0].bytes) for gpu in gpus.found] == [("Tesla T4", 12 * 10**9, 1, 0)]


def test_a_driver_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Nvml) -> int:
        raise Nvml.NVMLError("driver not loaded")

    monkeypatch.setattr(Nvml, "nvmlSystemGetCudaDriverVersion_v2", fail)
    assert "driver not loaded" in ask(Nvml()).problem


def test_the_command_prints_each_finding_and_ends_with_its_status(setup: Setup) -> None:
    (setup.folder / "study.yaml").write_text(setup.text.replace("[1, 2, 3, 4, 5]", "[1]"), encoding="utf8")
    command = [sys.executable, "-m", "bakeoff", "check", "study.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=setup.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "warning: one seed shows nothing of chance" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ready: ")
    shutdown = setup.model / "model.safetensors"
    shutdown.unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=setup.folder)
    assert done.returncode == 3
    assert "remedy: name the folder of a whole model" in done.stdout
    assert "not looked at before that is mended: memory" in done.stdout
    assert not Path(setup.folder / "runs").exists()


def test_a_method_without_its_package_is_named(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.change("focal: {loss: focal}", "adapter: {method: lora}")
    assert setup.look().ready
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "peft" else find(name))
    assert setup.find("method-packages", "the method lora needs the package peft").remedy == "pip install peft"


def test_trials_side_by_side_share_the_memory(setup: Setup) -> None:
    peak = setup.subject().forecast.peak_bytes
    setup.machine = dataclasses.replace(setup.machine, memory_free=round(1.5 * peak.expected))
    assert setup.look().ready
    setup.workers = 4
    assert setup.find("memory", "needs about").remedy.startswith("end other programs, or --workers 1")


def test_nothing_is_advised_against_a_lack_of_memory_that_would_not_help(setup: Setup) -> None:
    setup.machine = dataclasses.replace(setup.machine, memory_free=10**6)
    remedy = setup.find("memory", "needs about").remedy
    assert "micro_batch_size" not in remedy
    assert "a smaller model" in remedy
    setup.change("bce: {loss: bce}, focal: {loss: focal}", "bce: {method: majority}")
    assert setup.find("memory", "needs about").remedy == "end other programs"
