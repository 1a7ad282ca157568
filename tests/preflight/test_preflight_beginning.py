"""From a user's file or a dataset's name to a study that passes every check, and the study in plain words."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from preflight_setups import Setup

from bakeoff import api
from bakeoff.catalog import registry
from bakeoff.data.dataset import write_dataset
from bakeoff.data.rows import Import
from bakeoff.errors import BakeoffError, RunError
from bakeoff.preflight.explaining import explain, parts
from bakeoff.study.loading import load_study
from questions import rows_of


@pytest.fixture
def reviews(setup: Setup) -> Path:
    """A file as a user would have one."""
    path = setup.folder / "my reviews, 2026.csv"
    with path.open("w", newline="", encoding="utf8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["review", "sentiment"])
        for number in range(120):
            good = number % 2 == 0
            writer.writerow(
                [f"The meal number {number} was {'lovely' if good else 'awful, really'}", "good" if good else "bad"]
            )
    return path


@pytest.mark.parametrize("question", ["needed", "methods", "rates"])
def test_a_users_file_becomes_a_study_that_is_ready(question: str, setup: Setup, reviews: Path) -> None:
    target = setup.folder / "begun.yaml"
    made = api.begin(str(reviews), "./model", question, target)
    assert (made.kind, made.labels, made.rows) == ("single-label", 2, 96)
    readiness = api.check(target)
    assert readiness.ready, [finding.what for _, finding in readiness.findings]
    for profile in (None, "quick"):
        assert api.plan(target, profile).plan.trials
    study = load_study(target)
    assert (len(study.seeds), study.claims != []) == (5, True)
    (own,) = study.tasks["my-reviews-2026"].files.values()
    assert Path(own.file) == reviews


def test_columns_that_are_named_stand_in_the_study(setup: Setup, reviews: Path) -> None:
    content = reviews.read_text(encoding="utf8").replace("review,sentiment", "what they said,how: it was")
    reviews.write_text(content, encoding="utf8")
    target = setup.folder / "begun.yaml"
    api.begin(str(reviews), "./model", "needed", target, "what they said", ["how: it was"])
    (own,) = load_study(target).tasks["my-reviews-2026"].files.values()
    columns = own.columns
    assert columns is not None
    assert (columns.text, columns.labels) == ("what they said", "how: it was")
    assert api.check(target).ready


@pytest.mark.parametrize("question", ["needed", "losses", "methods-losses", "rates"])
def test_a_dataset_becomes_a_study_that_is_ready(question: str, setup: Setup) -> None:
    target = setup.folder / "begun.yaml"
    made = api.begin("demo", "./model", question, target)
    assert made.max_length <= 64
    assert api.check(target).ready


@pytest.mark.parametrize("question", ["needed", "rates"])
def test_questions_on_contexts_become_a_study_that_is_ready(question: str, setup: Setup) -> None:
    rows = {
        split: [row._replace(text=f"{row.text} In {split}?") for row in rows_of(split, 24)]
        for split in ("train", "validation", "test")
    }
    write_dataset(setup.home, Import("squad_v2", tuple(registry.dataset("squad_v2").labels), rows))
    target = setup.folder / "begun.yaml"
    api.begin("squad_v2", "./model", question, target)
    assert "lexical" in load_study(target).recipes
    readiness = api.check(target, overrides=("tasks.squad-v2.max_length=24", "tasks.squad-v2.stride=8"))
    assert readiness.ready, [finding.what for _, finding in readiness.findings]
    # contexts are read window by window: however long they are, nothing of them is cut
    assert not [check for check, _ in readiness.findings if check.name == "text-lengths"]


def test_a_question_that_does_not_suit_the_data_is_refused(setup: Setup, reviews: Path) -> None:
    with pytest.raises(RunError, match="one loss for single-label"):
        api.begin(str(reviews), "./model", "losses", setup.folder / "begun.yaml")
    with pytest.raises(RunError, match="no question is called 'why'"):
        api.begin("demo", "./model", "why", setup.folder / "begun.yaml")
    assert not (setup.folder / "begun.yaml").exists()


def test_the_command_asks_nothing_where_nobody_can_answer(setup: Setup, reviews: Path) -> None:
    bakeoff = [sys.executable, "-m", "bakeoff"]
    done = subprocess.run(
        [*bakeoff, "init"], capture_output=True, text=True, check=False, cwd=setup.folder, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, "no data are named" in done.stderr) == (2, True)
    words = ["init", reviews.name, "--model", "./model"]
    done = subprocess.run(
        [*bakeoff, *words], capture_output=True, text=True, check=False, cwd=setup.folder, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert "wrote study.yaml: 96 training examples, 2 labels, single-label" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("next: bakeoff explain study.yaml")
    again = subprocess.run(
        [*bakeoff, *words], capture_output=True, text=True, check=False, cwd=setup.folder, stdin=subprocess.DEVNULL
    )
    assert (again.returncode, "stands there already" in again.stderr) == (2, True)
    told = subprocess.run(
        [*bakeoff, "explain", "study.yaml", "--json"], capture_output=True, text=True, check=True, cwd=setup.folder
    )
    assert json.loads(told.stdout)["reference"] == "tfidf"


def at_a_terminal(command: list[str], answers: str, folder: Path) -> tuple[int, str]:
    """What a command says to somebody who types, and its status."""
    ours, its = os.openpty()
    os.write(ours, answers.encode())
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, cwd=folder) as process:
        os.close(its)
        said = b""
        try:
            while part := os.read(ours, 4096):
                said += part
        except OSError:  # what Linux says when the other side has ended
            pass
        os.close(ours)
    return process.returncode, said.decode()


def test_at_a_terminal_what_makes_no_sense_is_explained_and_asked_again(setup: Setup, reviews: Path) -> None:
    answers = f"nothing.csv\n{reviews.name}\nbert-of-my-dreams\n./model\nwhy\nrates\n"
    code, said = at_a_terminal([sys.executable, "-m", "bakeoff", "init"], answers, setup.folder)
    assert code == 0, said
    for words in (
        "there is no file nothing.csv, and no dataset of that name",
        "no model has this name",
        "is a pretrained model needed, or do word counts do?",
        "no question is called 'why'",
        "next: bakeoff explain study.yaml",
    ):
        assert words in said
    assert list(load_study(setup.folder / "study.yaml").recipes) == ["slow", "usual", "fast", "tfidf"]


@pytest.mark.parametrize(
    ("data", "model", "words"),
    [
        ("demos", "./model", "did you mean 'demo'"),
        ("demo", "minilm-l7", "did you mean 'minilm-l6'"),
        ("demo", "./no such folder", "looked for at"),
        ("demo", "acme/encoder", "COMMIT with the 40 digits"),
    ],
)
def test_a_name_that_means_nothing_is_refused_before_anything_is_written(
    data: str, model: str, words: str, setup: Setup
) -> None:
    with pytest.raises(BakeoffError) as caught:
        api.begin(data, model, "needed", setup.folder / "begun.yaml")
    assert words in caught.value.remedy
    assert not (setup.folder / "begun.yaml").exists()


def test_a_model_is_named_from_here_wherever_the_study_is_written(setup: Setup) -> None:
    (setup.folder / "studies").mkdir()
    target = setup.folder / "studies" / "begun.yaml"
    api.begin("demo", "./model", "needed", target)
    assert api.check(target).ready


def test_a_model_that_is_not_fetched_yet_is_said_with_what_to_do_next(setup: Setup) -> None:
    words = ["init", "demo", "--model", f"acme/encoder@{'0123456789' * 4}"]
    done = subprocess.run(
        [sys.executable, "-m", "bakeoff", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=setup.folder,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert "bakeoff model fetch acme/encoder" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: mend that, then bakeoff check study.yaml"


STUDY = """
tasks: {demo: {dataset: demo, train_limit: 64}}
recipes:
  bce: {loss: bce}
  focal: {loss: {name: focal, gamma: 3}}
  both: {loss: focal, training: {learning_rate: 5e-5}}
  tfidf: {method: tfidf}
baseline: bce
seeds: [1, 2]
"""


def test_differences_and_what_they_can_show_are_told(setup: Setup) -> None:
    path = setup.folder / "told.yaml"
    path.write_text(STUDY, encoding="utf8")
    told = explain(load_study(path), {"demo": 297})
    assert told.compares[0] == "told compares 4 recipes on 1 task, each with 2 seeds: 8 trials."
    assert ("loss", "focal", "bce") in told.recipes["focal"]
    assert parts(told.recipes["focal"]) == ["loss"]
    assert parts(told.recipes["both"]) == ["loss", "training.learning_rate"]
    assert told.recipes["tfidf"] == [("method", "tfidf", "full with minilm-l6 and the loss bce")]
    assert [line for line in told.shows if "focal and bce are alike in all else" in line]
    assert not [line for line in told.shows if "both and bce" in line]
    unclear = " ".join(told.does_not_show)
    for words in (
        "Which of loss, training.learning_rate makes both better or worse than bce",
        "2 seeds a recipe",
        "297 examples",
        "only some are drawn",
        "makes no claim",
        "there is one task",
    ):
        assert words in unclear
    # rates differ, so it cannot be said that all losses share one
    assert "share one" not in unclear


def test_a_study_with_faults_is_not_explained(setup: Setup) -> None:
    path = setup.folder / "told.yaml"
    path.write_text("tasks: {}", encoding="utf8")
    done = subprocess.run([sys.executable, "-m", "bakeoff", "explain", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
