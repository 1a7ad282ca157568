"""One warm parent, with the real thing behind it: every kind of job, what each leaves, and what a fork may not do."""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.data.dataset import Dataset
from bakeoff.records.files import read_lines, sha256_file
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, Outputs, Result, State, verify_manifest
from bakeoff.records.specs import Component, JobSpec
from bakeoff.tasks.tokens import TokenStore
from bakeoff.testing.models import FAMILIES, make_tiny_model
from tiny import full_trial, make_dataset, tfidf_trial
from waiting import lives, until

COMMAND = (sys.executable, "-P", "-m", "bakeoff.worker")
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
PATIENCE = 120.0
"""Seconds without an answer after which something hangs."""


class Conversation:
    """The runner's side of the protocol, as plain as it can be."""

    def __init__(self, families: tuple[str, ...], **environment: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "warm", *families],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT, **environment},
        )
        self.rest = b""
        self.ready = self.hear()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        while b"\n" not in self.rest:
            readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            assert readable, "no answer"
            block = os.read(self.process.stdout.fileno(), 65536)
            assert block, "the parent has ended"
            self.rest += block
        line, self.rest = self.rest.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def fork(self, folder: AttemptFolder, **environment: str) -> int:
        request = {
            "id": folder.root.name,
            "folder": str(folder.root),
            "console": str(folder.console),
            "environment": environment,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"fork": request}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.hear()["forked"]
        assert answer["id"] == folder.root.name
        return int(answer["pid"])

    def end_of(self, folder: AttemptFolder, pid: int) -> int:
        answer = self.hear()["ended"]
        assert (answer["id"], answer["pid"]) == (folder.root.name, pid)
        return int(answer["exit"])

    def close(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return status


@contextmanager
def conversation(families: tuple[str, ...], **environment: str) -> Iterator[Conversation]:
    talk = Conversation(families, **environment)
    try:
        yield talk
    finally:
        if talk.process.poll() is None:
            talk.process.kill()
        talk.close()


@pytest.fixture(scope="module")
def parent() -> Iterator[Conversation]:
    with conversation(FAMILIES) as talk:
        yield talk


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("a 'home' $(x)"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('jobs; "and" more')


@pytest.fixture(scope="module")
def models(root: Path) -> dict[str, Path]:
    return {family: make_tiny_model(root / f"model {family}", family, dropout=0.1) for family in FAMILIES}


NewFolder = Callable[[], AttemptFolder]


@pytest.fixture
def new_folder(root: Path, request: pytest.FixtureRequest) -> NewFolder:
    made = []

    def make() -> AttemptFolder:
        folder = AttemptFolder(root / f"{request.node.name} {len(made)}")
        folder.root.mkdir()
        made.append(folder)
        return folder

    return make


def do(parent: Conversation, folder: AttemptFolder, job: JobSpec) -> tuple[int, Outcome | None]:
    """Run a job to its end: exit status and outcome."""
    job.write(folder.job)
    status = parent.end_of(folder, parent.fork(folder))
    return status, Outcome.read(folder.outcome) if folder.outcome.exists() else None


def done(parent: Conversation, folder: AttemptFolder, job: JobSpec) -> Outcome:
    """Run a job that must complete, and must import nothing."""
    status, outcome = do(parent, folder, job)
    assert status == 0, folder.console.read_text()
    assert outcome is not None
    assert outcome.state is State.COMPLETE, outcome
    assert outcome.imported == []
    assert outcome.seconds > 0
    assert outcome.peak_bytes > 1e6
    assert outcome.machine["device"] == "cpu"
    assert outcome.machine["packages"]["torch"] == torch.__version__
    assert read_lines(folder.log)[-1]["event"] == "end"
    assert folder.console.exists()
    return outcome


def prepare_job(dataset: Dataset, model: Path, tokens: Path) -> JobSpec:
    return JobSpec(kind="prepare", id="p", dataset=str(dataset.folder), model=str(model), tokens=str(tokens), max_length=32)


def train_job(dataset: Dataset, family: str, models: dict[str, Path], root: Path, **changes: Any) -> JobSpec:
    trial = full_trial(dataset, family, **changes)
    tokens = root / f"tokens {family}"
    return JobSpec(
        kind="train",
        id=trial.id,
        families=[family],
        trial=trial,
        dataset=str(dataset.folder),
        model=str(models[family]),
        tokens=str(tokens),
    )


def product_of(folder: AttemptFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.product.iterdir()}


def test_it_says_when_it_is_ready(parent: Conversation) -> None:
    assert parent.ready["ready"] is True
    assert parent.ready["pid"] == parent.process.pid
    assert parent.ready["modules"] > 1000
    assert psutil.Process(parent.process.pid).num_threads() == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trial_after_the_fork_imports_nothing_and_gives_the_same_bytes(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset, models: dict[str, Path], root: Path, family: str
) -> None:
    prepared = done(parent, new_folder(), prepare_job(dataset, models[family], root / f"tokens {family}"))
    store = TokenStore.open(root / f"tokens {family}", dataset.fingerprint)
    assert prepared.facts["rows"] == 46 == sum(store.sizes.values())
    first, second = new_folder(), new_folder()
    outcome = done(parent, first, train_job(dataset, family, models, root))
    assert outcome.deviations == []
    result = Result.read(first.product / "result.json")
    assert verify_manifest(first.product, result.manifest) == []
    assert result.training["health"]["skipped_steps"] == 0
    assert len(Outputs.read(first.product / "test.npz").ids) == 10
    assert {record["event"] for record in read_lines(first.log)} >= {"begin", "step", "validation", "end"}
    done(parent, second, train_job(dataset, family, models, root))
    assert product_of(first) == product_of(second)
    other = new_folder()
    done(parent, other, train_job(dataset, family, models, root, seed=2))
    assert product_of(first) != product_of(other)


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"gradient_checkpointing": True, "early_stopping": 1, "epochs": 3}])
def test_neither_does_one_with_other_arithmetic(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset, models: dict[str, Path], root: Path, changes: dict[str, Any]
) -> None:
    if not (root / "tokens bert").exists():
        done(parent, new_folder(), prepare_job(dataset, models["bert"], root / "tokens bert"))
    done(parent, new_folder(), train_job(dataset, "bert", models, root, **changes))  # asserts that nothing was imported


def test_a_process_of_its_own_gives_the_same_bytes_as_a_fork(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset, models: dict[str, Path], root: Path
) -> None:
    if not (root / "tokens bert").exists():
        done(parent, new_folder(), prepare_job(dataset, models["bert"], root / "tokens bert"))
    forked, alone = new_folder(), new_folder()
    done(parent, forked, train_job(dataset, "bert", models, root))
    train_job(dataset, "bert", models, root).write(alone.job)
    # another seed of Python's hashes: no number may hang on the order of a set
    ran = subprocess.run(
        [*COMMAND, "job", str(alone.root)],
        env={**os.environ, **ENVIRONMENT, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert Outcome.read(alone.outcome).state is State.COMPLETE
    assert product_of(forked) == product_of(alone)


def test_tfidf_imports_nothing_and_gives_the_same_bytes(parent: Conversation, new_folder: NewFolder, dataset: Dataset) -> None:
    job = JobSpec(kind="train", id="t", trial=tfidf_trial(dataset), dataset=str(dataset.folder))
    folders = [new_folder(), new_folder()]
    for folder in folders:
        done(parent, folder, job)
    assert product_of(folders[0]) == product_of(folders[1])


def test_inspecting_losses_imports_nothing(parent: Conversation, new_folder: NewFolder) -> None:
    job = JobSpec(kind="losses", id="l", losses=[Component(name="bce", version=1)])
    assert len(done(parent, new_folder(), job).facts["losses"]) == 1


@pytest.mark.parametrize(
    ("how", "status", "state"),
    [
        ({"do": "ok"}, 0, State.COMPLETE),
        ({"do": "ok", "result": False}, 0, State.COMPLETE),
        ({"do": "fail"}, 0, State.FAILED),
        ({"do": "exit"}, 0, None),
        ({"do": "segfault"}, -signal.SIGSEGV, None),
        ({"do": "noise", "lines": 3}, 0, State.COMPLETE),
    ],
)
def test_each_stub_leaves_what_it_should(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset, how: dict[str, Any], status: int, state: State | None
) -> None:
    folder = new_folder()
    job = JobSpec(kind="stub", id="s", trial=tfidf_trial(dataset), stub=how)
    found, outcome = do(parent, folder, job)
    assert found == status
    assert (outcome and outcome.state) == state
    assert folder.product.exists() == (how["do"] in ("ok", "noise") and how.get("result", True))
    if folder.product.exists():
        result = Result.read(folder.product / "result.json")
        assert verify_manifest(folder.product, result.manifest) == []
        assert result.definition == tfidf_trial(dataset).definition_hash
    if how["do"] == "fail" and outcome:
        assert outcome.reason == "RuntimeError: the stub was told to fail"
        assert "run_stub" in outcome.traceback
        assert outcome.traceback in folder.console.read_text()
    assert folder.console.read_text().count("\n") >= how.get("lines", 0)
    assert ("noise" in folder.console.read_text()) == (how["do"] == "noise")


def test_a_torn_job_is_a_failure_not_a_crash(parent: Conversation, new_folder: NewFolder) -> None:
    folder = new_folder()
    folder.job.write_text("{")
    status = parent.end_of(folder, parent.fork(folder))
    assert status == 0
    assert Outcome.read(folder.outcome).state is State.FAILED


def test_a_job_without_folder_leaves_no_outcome_and_says_so(parent: Conversation, root: Path) -> None:
    folder = AttemptFolder(root / "not there")
    log = root / "console of nothing"
    request = {"id": "n", "folder": str(folder.root), "console": str(log), "environment": {}}
    assert parent.process.stdin is not None
    parent.process.stdin.write(json.dumps({"fork": request}).encode() + b"\n")
    parent.process.stdin.flush()
    assert parent.hear()["forked"]["id"] == "n"
    assert parent.hear()["ended"]["exit"] == 1
    assert "FileNotFoundError" in log.read_text()


def test_a_child_has_its_environment_session_and_no_input(parent: Conversation, new_folder: NewFolder) -> None:
    folder = new_folder()
    JobSpec(kind="stub", id="s", stub={"seconds": 600}).write(folder.job)
    pid = parent.fork(folder, BAKEOFF_WORD="a 'b' c")
    until(lambda: folder.log.exists() and folder.log.read_bytes())
    child = psutil.Process(pid)
    try:
        assert os.getpgid(pid) == os.getsid(pid) == pid
        streams = [Path(f"/proc/{pid}/fd/{number}").readlink() for number in (0, 1, 2)]
        assert streams == [Path(os.devnull), folder.console, folder.console]
        assert child.ppid() == parent.process.pid
    finally:
        os.kill(pid, signal.SIGTERM)
    assert parent.end_of(folder, pid) == 0
    assert Outcome.read(folder.outcome).state is State.PREEMPTED


def test_a_training_that_is_asked_stops_soon(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset, models: dict[str, Path], root: Path
) -> None:
    if not (root / "tokens bert").exists():
        done(parent, new_folder(), prepare_job(dataset, models["bert"], root / "tokens bert"))
    folder = new_folder()
    train_job(dataset, "bert", models, root, epochs=1_000_000).write(folder.job)
    pid = parent.fork(folder)
    until(lambda: folder.log.exists() and b'"step"' in folder.log.read_bytes())
    os.kill(pid, signal.SIGTERM)
    assert parent.end_of(folder, pid) == 0
    outcome = Outcome.read(folder.outcome)
    assert outcome.state is State.PREEMPTED
    assert outcome.reason == "it was asked to stop"
    assert not folder.product.exists()


def test_several_children_run_beside_each_other(parent: Conversation, new_folder: NewFolder) -> None:
    folders = [new_folder() for _ in range(3)]
    pids = {}
    for folder in folders:
        JobSpec(kind="stub", id="s", stub={"seconds": 600}).write(folder.job)
        pids[folder.root.name] = parent.fork(folder)
    for folder in folders:
        until(lambda log=folder.log: log.exists() and log.read_bytes())
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    ended = [parent.hear()["ended"] for _ in folders]
    assert {message["id"]: message["pid"] for message in ended} == pids
    assert {message["exit"] for message in ended} == {-signal.SIGKILL}


def convert(parent: Conversation, folder: AttemptFolder, source: Path) -> Outcome:
    status, outcome = do(parent, folder, JobSpec(kind="convert", id="c", source=str(source)))
    assert status == 0
    assert outcome is not None
    return outcome


def test_tensors_are_converted_and_hashed(parent: Conversation, new_folder: NewFolder, tmp_path: Path) -> None:
    shared = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    tensors = {"a": shared, "tied": shared, "view": shared[1:], "turned": shared.T, "half": torch.ones(2, dtype=torch.bfloat16)}
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    folder = new_folder()
    outcome = convert(parent, folder, tmp_path / "pytorch_model.bin")
    assert outcome.state is State.COMPLETE, outcome
    assert outcome.imported == []
    target = folder.product / "model.safetensors"
    found = load_file(target)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
    assert outcome.facts == {
        "source_sha256": sha256_file(tmp_path / "pytorch_model.bin"),
        "result_sha256": sha256_file(target),
        "tensors": 5,
    }


class Malicious:
    """An object whose unpickling makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"open({str(self.path)!r}, 'w').write('ran')",))


@pytest.mark.parametrize("plain", [False, True])
def test_code_in_a_pickle_is_refused_and_does_not_run(
    parent: Conversation, new_folder: NewFolder, tmp_path: Path, plain: bool
) -> None:
    content = {"weight": torch.ones(2), "evil": Malicious(tmp_path / "ran")}
    if plain:
        (tmp_path / "m.bin").write_bytes(pickle.dumps({"evil": Malicious(tmp_path / "ran")}))
    else:
        torch.save(content, tmp_path / "m.bin")
    folder = new_folder()
    outcome = convert(parent, folder, tmp_path / "m.bin")
    assert outcome.state is State.FAILED
    assert outcome.reason.startswith("the weights are not plain tensors")
    assert outcome.where == str(tmp_path / "m.bin")
    assert outcome.traceback == ""
    assert not (tmp_path / "ran").exists()
    assert not folder.product.exists()


@pytest.mark.parametrize(
    "content", [{"epoch": 3, "weight": torch.ones(2)}, [torch.ones(2)], {"state": {"weight": torch.ones(2)}}]
)
def test_anything_but_tensors_by_name_is_refused(
    parent: Conversation, new_folder: NewFolder, tmp_path: Path, content: object
) -> None:
    torch.save(content, tmp_path / "m.bin")
    outcome = convert(parent, new_folder(), tmp_path / "m.bin")
    assert (outcome.state, outcome.reason) == (State.FAILED, "the file holds something other than tensors by name")


def test_no_file_and_a_torn_file_are_told_apart(parent: Conversation, new_folder: NewFolder, tmp_path: Path) -> None:
    assert convert(parent, new_folder(), tmp_path / "no.bin").reason == "the file is missing"
    torch.save({"weight": torch.ones(2)}, tmp_path / "m.bin")
    (tmp_path / "m.bin").write_bytes((tmp_path / "m.bin").read_bytes()[:-40])
    assert convert(parent, new_folder(), tmp_path / "m.bin").reason.startswith("the weights are not plain tensors")


def test_a_divergence_is_told_with_step_rows_and_norms(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset, models: dict[str, Path], root: Path
) -> None:
    if not (root / "tokens bert").exists():
        done(parent, new_folder(), prepare_job(dataset, models["bert"], root / "tokens bert"))
    folder = new_folder()
    _, outcome = do(
        parent, folder, train_job(dataset, "bert", models, root, learning_rate=1e30, head_learning_rate=1e30, epochs=4)
    )
    assert outcome is not None
    assert outcome.state is State.DIVERGED
    assert outcome.where.startswith("step 2; rows ")
    assert "last finite gradient norms: " in outcome.where
    assert outcome.remedy
    assert outcome.traceback == ""


def test_closed_input_ends_the_parent_and_kills_its_children(tmp_path: Path) -> None:
    """A preload of no family; the children ignore SIGTERM."""
    with conversation(()) as talk:
        folders = [AttemptFolder(tmp_path / f"job {number}") for number in range(2)]
        pids = []
        for folder in folders:
            folder.root.mkdir()
            JobSpec(kind="stub", id="s", stub={"do": "hang"}).write(folder.job)
            pids.append(talk.fork(folder))
        children = [psutil.Process(pid) for pid in pids]
        for folder in folders:
            until(lambda log=folder.log: log.exists() and log.read_bytes())
        os.kill(talk.process.pid, signal.SIGINT)  # a Ctrl-C at the terminal is not for the parent
        assert all(child.is_running() for child in children)
        assert talk.close() == 0
        until(lambda: not any(lives(child.pid) for child in children))


def test_a_child_that_was_forked_ahead_and_killed_is_replaced(tmp_path: Path) -> None:
    with conversation(()) as talk:
        parent = psutil.Process(talk.process.pid)
        until(lambda: len(parent.children()) == 1)
        (spare,) = parent.children()
        spare.kill()
        until(lambda: not lives(spare.pid))
        folder = AttemptFolder(tmp_path / "job")
        folder.root.mkdir()
        JobSpec(kind="stub", id="s").write(folder.job)
        pid = talk.fork(folder)
        assert pid != spare.pid
        assert talk.end_of(folder, pid) == 0
        assert Outcome.read(folder.outcome).state is State.COMPLETE
        until(lambda: len(parent.children()) == 1)
        (spare,) = parent.children()
        assert talk.close() == 0
        until(lambda: not lives(spare.pid))


def test_a_preload_that_fails_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('this torch is broken')\n")
    with conversation((), PYTHONPATH=str(broken)) as talk:
        assert talk.ready["ready"] is False
        assert "this torch is broken" in talk.ready["error"]
        assert talk.process.wait(PATIENCE) == 1


def test_a_preload_that_starts_a_thread_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "threads"
    folder.mkdir()
    start = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    (folder / "sitecustomize.py").write_text(start)
    with conversation((), PYTHONPATH=str(folder)) as talk:
        assert talk.ready["ready"] is False
        assert "importing started 1 thread" in talk.ready["error"]
        assert "OPENBLAS_NUM_THREADS" in talk.ready["error"]


def test_the_command_says_how_it_is_used() -> None:
    ran = subprocess.run([*COMMAND, "nothing"], capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: python -m bakeoff.worker")


def test_arrays_of_stub_products_depend_on_the_trial_alone(
    parent: Conversation, new_folder: NewFolder, dataset: Dataset
) -> None:
    folders = []
    for seed in (1, 1, 2):
        folders.append(new_folder())
        done(parent, folders[-1], JobSpec(kind="stub", id="s", trial=tfidf_trial(dataset, seed)))
    found = [Outputs.read(folder.product / "test.npz").outputs for folder in folders]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_a_killed_parent_takes_its_children_along(new_folder: NewFolder) -> None:
    folder = new_folder()
    JobSpec(kind="stub", id="h", stub={"do": "hang"}).write(folder.job)
    with conversation(()) as talk:
        assert talk.ready["ready"]
        child = psutil.Process(talk.fork(folder))
        talk.process.kill()
        talk.process.wait(PATIENCE)
        # the child has no parent that would reap it: it is gone, or waits for init as a zombie
        gone, alive = psutil.wait_procs([child], timeout=PATIENCE)
        assert gone or alive[0].status() == psutil.STATUS_ZOMBIE
