"""What an exception means for a trial, and what a job in this process leaves."""

from __future__ import annotations

import errno
import importlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bakeoff.errors import ModelError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import JobSpec
from bakeoff.training.health import Diverged
from bakeoff.training.memory import LackOfMemory
from bakeoff.training.progress import Preempted
from bakeoff.worker.families import exists, modules_of
from bakeoff.worker.jobs import JOBS
from bakeoff.worker.judging import TRACEBACK_LINES, judge
from bakeoff.worker.run import peak_bytes, run_job


def cpu_allocation_error() -> RuntimeError:
    """The very error of torch's CPU allocator."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    return caught.value


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Preempted(), State.PREEMPTED, "it was asked to stop"),
        (MemoryError("no room"), State.OOM, "out of memory: no room"),
        (torch.OutOfMemoryError("CUDA out of memory"), State.OOM, "out of memory: CUDA out of memory"),
        (Diverged(4, [7, 9], [0.5, 1234.5678]), State.DIVERGED, "loss or gradient not finite from step 5 on"),
        (LackOfMemory("no room", {"phase": "evaluation"}), State.OOM, "out of memory: no room"),
        (RuntimeError("std::bad_alloc"), State.OOM, "out of memory: std::bad_alloc"),
        (OSError(errno.ENOMEM, "no room"), State.OOM, f"out of memory: [Errno {errno.ENOMEM}] no room"),
        (ModelError("too short", "m", "lengthen it"), State.FAILED, "too short"),
        (ZeroDivisionError("by zero"), State.FAILED, "ZeroDivisionError: by zero"),
    ],
)
def test_what_an_error_means(error: BaseException, state: State, reason: str) -> None:
    outcome = judge(error)
    assert (outcome.state, outcome.reason) == (state, reason)
    assert bool(outcome.traceback) == isinstance(error, ZeroDivisionError)


def test_the_cpu_allocators_error_is_a_lack_of_memory() -> None:
    outcome = judge(cpu_allocation_error())
    assert outcome.state is State.OOM
    assert "micro_batch_size" in outcome.remedy


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/file"), "ENOSPC"),
        (OSError(errno.EIO, "Input/output error"), "EIO"),
        (OSError("4096 requested and 512 written"), "ENOSPC"),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), "ENOSPC"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/a/file"), ""),
    ],
)
def test_an_error_of_the_disk_is_named(error: BaseException, name: str) -> None:
    outcome = judge(error)
    assert (outcome.state, outcome.facts.get("errno", "")) == (State.FAILED, name)
    assert bool(outcome.traceback) != bool(name)
    assert (outcome.where == "/a/file") == (getattr(error, "filename", None) == "/a/file" and bool(name))


def test_what_did_not_fit_is_told_to_the_runner() -> None:
    facts = {"phase": "training", "micro_batch_size": 4}
    assert judge(LackOfMemory("no room", facts)).facts == facts


def test_another_runtime_error_is_not() -> None:
    assert judge(RuntimeError("expected a tensor")).state is State.FAILED


def test_a_divergence_names_its_place() -> None:
    assert judge(Diverged(4, [7, 9], [0.5, 1234.5678])).where == "step 5; rows 7, 9; last finite gradient norms: 0.5, 1.23e+03"
    assert judge(Diverged(2, [], [], "nothing finite")).where == "step 3"
    assert judge(Diverged(0, list(range(100)), [])).where.count(",") == 31


def test_an_error_of_ours_keeps_where_and_remedy() -> None:
    outcome = judge(ModelError("too short", "m", "lengthen it"))
    assert (outcome.where, outcome.remedy) == ("m", "lengthen it")


def test_a_class_of_that_name_elsewhere_is_not_ours() -> None:
    class OutOfMemoryError(Exception):
        pass

    assert judge(OutOfMemoryError()).state is State.FAILED


def test_a_traceback_is_cut_at_its_beginning() -> None:
    def even(level: int) -> None:
        if level == 0:
            raise KeyError("the bottom")
        odd(level - 1)

    def odd(level: int) -> None:
        even(level - 1)

    with pytest.raises(KeyError) as caught:
        even(60)
    lines = judge(caught.value).traceback.splitlines()
    assert len(lines) == TRACEBACK_LINES
    assert lines[-1] == "KeyError: 'the bottom'"


@pytest.fixture
def folder(hostile_path: Path) -> Iterator[AttemptFolder]:
    """A job's folder; a job listens to signals, which the test process must not go on doing."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield AttemptFolder(hostile_path)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_job_in_this_process_leaves_its_outcome(folder: AttemptFolder) -> None:
    JobSpec(kind="stub", id="s").write(folder.job)
    assert run_job(folder.root) == 0
    outcome = Outcome.read(folder.outcome)
    assert outcome.state is State.COMPLETE
    assert 0 <= outcome.seconds < 60
    assert 1e6 < outcome.peak_bytes <= peak_bytes()
    assert outcome.facts == {}


def test_deviations_are_not_facts(folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOBS, "stub", lambda *_: {"deviations": ["smaller parts"], "rows": 3})
    JobSpec(kind="stub", id="s").write(folder.job)
    run_job(folder.root)
    outcome = Outcome.read(folder.outcome)
    assert outcome.deviations == ["smaller parts"]
    assert outcome.facts == {"rows": 3}


def test_what_a_job_imports_is_told(folder: AttemptFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_late.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(JOBS, "stub", lambda *_: {"name": importlib.import_module("imported_late").__name__})
    JobSpec(kind="stub", id="s").write(folder.job)
    run_job(folder.root)
    del sys.modules["imported_late"]
    assert Outcome.read(folder.outcome).imported == ["imported_late"]


def test_an_error_is_told_in_the_outcome_and_on_the_console(folder: AttemptFolder, capsys: pytest.CaptureFixture[str]) -> None:
    JobSpec(kind="stub", id="s", stub={"do": "fail"}).write(folder.job)
    assert run_job(folder.root) == 0
    outcome = Outcome.read(folder.outcome)
    assert outcome.state is State.FAILED
    assert outcome.traceback
    assert outcome.traceback in capsys.readouterr().err


def test_modules_of_a_family() -> None:
    assert modules_of("xlm-roberta") == [
        f"transformers.models.xlm_roberta.{part}_xlm_roberta" for part in ("configuration", "modeling", "tokenization")
    ]
    assert modules_of("no-such-family") == []
    assert not exists("no_such_package.part")


def test_the_package_itself_imports_nothing_heavy() -> None:
    program = "import sys, bakeoff.worker, bakeoff.worker.__main__; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
