"""Remedies are followed to the letter: commands are run, variables unset by a shell, lines of the study written anew."""

from __future__ import annotations

import dataclasses
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broken_setups import BROKEN, COMMIT
from preflight_setups import Setup

from bakeoff.catalog import registry
from bakeoff.cli.main import main
from bakeoff.data.importing import fetch_dataset
from bakeoff.data.store import find_dataset
from bakeoff.preflight.findings import Finding
from bakeoff.records.paths import Home
from fake_hub import FakeHub, forget_the_user

ROWS = 30


@dataclasses.dataclass
class Place:
    """Where a remedy is followed.

    Attributes:
        setup: the broken set-up.
        whole: the model as it was before it was broken.
        raw: a folder with the raw files of GoEmotions, as its owner would have it.
        bakeoff: runs a command, which must succeed.
    """

    setup: Setup
    whole: Path
    raw: Path
    bakeoff: Callable[[list[str]], None]


def parquet(split: str) -> bytes:
    """Rows as GoEmotions' owner publishes them."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [(f"{split} {number}", [number % 28], f"{split}{number}") for number in range(ROWS)]
    texts, labels, ids = zip(*rows, strict=True)
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts), "labels": list(labels), "id": list(ids)}), sink)
    return sink.getvalue()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with GoEmotions in small."""
    forget_the_user(tmp_path, monkeypatch)
    fake = FakeHub()
    card = registry.dataset("goemotions")
    assert card.hub is not None
    fake.add(
        "dataset", card.hub.repository, {path: parquet(split) for split, path in card.hub.files.items()}, card.hub.revision
    )
    small = dataclasses.replace(card, expected=dict.fromkeys(card.hub.files, ROWS))
    monkeypatch.setitem(registry.cards("dataset"), "goemotions", small)
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    yield fake
    fake.close()


@pytest.fixture
def place(setup: Setup, hub: FakeHub, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    hub.add("model", "acme/encoder", files, COMMIT)
    elsewhere = Home(tmp_path / "elsewhere")
    fetch_dataset(elsewhere, "goemotions")
    published = registry.dataset("goemotions").hub
    assert published is not None
    raw = elsewhere.datasets / ".raw" / "goemotions" / published.revision

    def bakeoff(words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, words

    return Place(setup, tiny_model, raw, bakeoff)


def command_of(remedy: str) -> str:
    """The command that a remedy begins with, or has in brackets."""
    found = re.search(r"bakeoff (?:'[^']*'|[^,)])*?(?= downloads|, |\)|$)", remedy)
    assert found, remedy
    return found.group(0)


def run_command(place: Place, finding: Finding) -> None:
    words = [str(place.raw) if word == "FOLDER" else word for word in shlex.split(command_of(finding.remedy))]
    place.bakeoff(words)


def import_folder(place: Place, finding: Finding) -> None:
    assert "bakeoff data import goemotions FOLDER" in finding.remedy
    place.bakeoff(["bakeoff", "data", "import", "goemotions", str(place.raw)])


def set_value(place: Place, finding: Finding) -> None:
    values = re.findall(r"--set ('[^']*'|\S+)", finding.remedy)
    assert values, finding.remedy
    place.setup.overrides += tuple(shlex.split(value)[0] for value in values)


def another_disk(place: Place, finding: Finding) -> None:
    assert "name another disk with --run-dir" in finding.remedy
    place.setup.run_dir = place.setup.folder / "on another disk"
    set_value(place, finding)


def another_run_folder(place: Place, finding: Finding) -> None:
    assert "name another one with --run-dir" in finding.remedy
    place.setup.run_dir = place.setup.folder / "another"


def another_home(place: Place, finding: Finding) -> None:
    assert "set BAKEOFF_HOME to a folder on another disk" in finding.remedy
    place.setup.home = Home(place.setup.folder / "home on another disk")


def type_it(place: Place, finding: Finding) -> None:
    """Let a shell with these variables do what the remedy says."""
    before = dict(place.setup.machine.environment)
    script = f"{finding.remedy}\nexec /usr/bin/env -0"
    done = subprocess.run(["/bin/sh", "-c", script], env=before, capture_output=True, text=True, check=True)
    after = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    shell = {"PWD", "OLDPWD", "_", "SHLVL"}
    environment = {name: value for name, value in after.items() if name not in shell}
    assert environment != before
    place.setup.machine = dataclasses.replace(place.setup.machine, environment=environment)


def write_the_line(place: Place, finding: Finding) -> None:
    """Write what the remedy says into the line that it names."""
    found = re.search(r"study\.yaml:(\d+), write ([^,]+)", finding.remedy)
    assert found, finding.remedy
    lines = place.setup.text.splitlines()
    number = int(found.group(1)) - 1
    key_or_value = re.split(r"[.: ]", finding.where)[-1]
    wrong = finding.found if finding.found in lines[number] else key_or_value
    assert wrong in lines[number], (wrong, lines[number])
    lines[number] = lines[number].replace(wrong, found.group(2).strip(), 1)
    place.setup.text = "\n".join(lines)


def whole_folder(place: Place, finding: Finding) -> None:
    """Name, fetch or export a whole model: the study's folder then holds it."""
    assert re.search("whole model|fetch or export|tokenizer that the model was trained with|save the tokenizer", finding.remedy)
    shutil.rmtree(place.setup.model)
    shutil.copytree(place.whole, place.setup.model)


def another_model(place: Place, finding: Finding) -> None:
    assert re.search("choose (another|an encoder)", finding.remedy)
    place.setup.overrides += (f"defaults.model={place.whole}",)


def another_gpu(place: Place, finding: Finding) -> None:
    assert "CUDA_VISIBLE_DEVICES" in finding.remedy
    free = dataclasses.replace(place.setup.machine.gpus.found[0], index=1, users=())
    place.setup.machine = dataclasses.replace(
        place.setup.machine, gpus=dataclasses.replace(place.setup.machine.gpus, found=(free,))
    )


FOLLOWED: dict[str, Callable[[Place, Finding], None]] = {
    "missing weights": whole_folder,
    "cut safetensors": whole_folder,
    "missing configuration": whole_folder,
    "missing tokenizer": whole_folder,
    "torn tokenizer": whole_folder,
    "torn tokenizer settings": whole_folder,
    "nonsense in the configuration": whole_folder,
    "wrong tokenizer": whole_folder,
    "torn SentencePiece": whole_folder,
    "weights of another shape": whole_folder,
    "a pooler missing": set_value,
    "unknown architecture": another_model,
    "encoder and decoder": another_model,
    "model not fetched": run_command,
    "dataset not here": run_command,
    "a byte flipped": import_folder,
    "fewer rows than published": run_command,
    "another label set": run_command,
    "no test split": run_command,
    "a leaked test file": run_command,
    "no disk for the run": another_disk,
    "no disk for the home": another_home,
    "a read-only run folder": another_run_folder,
    "a file for a folder": another_run_folder,
    "little memory": set_value,
    "context too long": set_value,
    "most texts cut": set_value,
    "two devices on one GPU": set_value,
    "a GPU asked for": set_value,
    "a GPU in use": another_gpu,
    "fp16 on a DeBERTa": write_the_line,
    "one seed only": set_value,
    "obsolete NCCL names": type_it,
    "obsolete cache": type_it,
    "TF32 forced": type_it,
    "threads pinned": type_it,
    "offline, data missing": type_it,
    "an unknown key": write_the_line,
}
OF_THE_MACHINE = {
    "missing SentencePiece": "pip install sentencepiece",
    "a torch without CUDA": "pip install --force-reinstall torch",
    "an old driver": "install a newer driver",
    "silent GPUs": "pip install nvidia-ml-py",
    "an old package": "pip install 'transformers>=5.4'",
    "a clock never set": "timedatectl set-ntp true",
}
"""Remedies that change the machine itself, by what they begin with: no test may follow them."""
ROUNDS = 8
"""A value for each recipe, or a half at a time."""


def test_each_remedy_is_followed_or_changes_the_machine() -> None:
    assert {*FOLLOWED, *OF_THE_MACHINE} == set(BROKEN)
    assert not {*FOLLOWED} & {*OF_THE_MACHINE}


@pytest.mark.parametrize("name", OF_THE_MACHINE)
def test_what_changes_the_machine_is_said_as_a_command(name: str, setup: Setup) -> None:
    spoil, _, check, words, _ = BROKEN[name]
    spoil(setup)
    assert setup.find(check, words).remedy.startswith(OF_THE_MACHINE[name])


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_remedy_that_is_followed_mends_it(name: str, place: Place) -> None:
    spoil, _, check, words, _ = BROKEN[name]
    place.setup.look()
    spoil(place.setup)

    def found() -> list[Finding]:
        return [finding for one, finding in place.setup.look().findings if one.name == check and words in finding.what]

    assert found(), "nothing is broken, so nothing can be mended"
    for _ in range(ROUNDS):
        left = found()
        if not left:
            break
        FOLLOWED[name](place, left[0])
    assert found() == []


def test_a_byte_flipped_in_what_was_made_of_own_data_is_mended_at_once(place: Place) -> None:
    path = place.setup.folder / "mine.csv"
    path.write_text("text,label\n" + "".join(f"row {n} of mine,{'ab'[n % 2]}\n" for n in range(80)), encoding="utf8")
    place.setup.change("demo: {dataset: demo,", "mine: {file: mine.csv, kind: single-label, metric: accuracy,")
    place.setup.change("{bce: {loss: bce}, focal: {loss: focal}", "{ce: {loss: cross-entropy}")
    place.setup.change("baseline: bce", "baseline: ce")
    assert place.setup.look().ready
    stored = find_dataset(place.setup.home, "mine").folder / "train.texts.utf8"
    stored.write_bytes(bytes([stored.read_bytes()[0] ^ 1]) + stored.read_bytes()[1:])
    # the file is at hand, so it is read again without a word
    assert place.setup.look().ready
