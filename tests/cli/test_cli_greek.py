"""A journey in Greek, with a tiny model of many scripts: every row, every token and every label is there in the end."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from bakeoff.analysis.folder import read_plans
from bakeoff.data.dataset import open_dataset
from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.testing.models import make_tiny_model

Call = Callable[..., Any]

PLEASED = (
    "Το φαγητό ήταν εξαιρετικό και η εξυπηρέτηση γρήγορη.",
    "Μας άρεσε πολύ, θα ξαναπάμε σύντομα!",
    "Ζεστή ατμόσφαιρα, ευγενικοί άνθρωποι, τίμιες τιμές.",
    "Το ψάρι φρεσκότατο· το κρασί υπέροχο.",
    "Πρώτη φορά τρώω τόσο νόστιμη μουσακά στην Αθήνα.",
    "Ωραία θέα, καλή μουσική και γλυκά στο τέλος.",
    "Η κυρία Ελένη μαγειρεύει σαν τη γιαγιά μου.",
    "Άψογοι σε όλα, μπράβο σας 👏🏽",
)
CROSS = (
    "Το φαγητό ήρθε κρύο και άνοστο.",
    "Περιμέναμε μία ώρα για έναν καφέ, απαράδεκτο!",
    "Ακριβό και μέτριο· δεν το συνιστώ σε κανέναν.",
    "Ο σερβιτόρος ήταν αγενής από την αρχή ως το τέλος.",
    "Βρόμικα τραπέζια, δυνατός θόρυβος, κακή οργάνωση.",
    "Το κοτόπουλο ήταν ωμό, το είπαμε και γέλασαν.",
    "Ποτέ ξανά. Χάσαμε το βράδυ μας.",
    "Μας χρέωσαν πιάτα που δεν παραγγείλαμε 😡",
)
PLACES = ("Στην Πλάκα", "Στο λιμάνι του Πειραιά", "Στα Χανιά", "Στη Θεσσαλονίκη", "Στο Ναύπλιο")
STUDY = """
name: reviews
tasks: {reviews: {file: κριτικές.csv, kind: single-label, metric: accuracy, max_length: 64}}
defaults: {model: ./model, training: {threads: 1, precision: fp32, epochs: 1, batch_size: 16, learning_rate: 1.0e-3}}
recipes: {full: {}, tfidf: {method: tfidf}, majority: {method: majority}}
baseline: majority
seeds: [1, 2]
limits: {disk_reserve: 1MB}
"""


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Eighty reviews; those of one place are written with marks of their own, as some keyboards do."""
    monkeypatch.chdir(tmp_path)
    made = [
        (f"{place}: {said}", label)
        for place in PLACES
        for said, label in [*((s, "καλή") for s in PLEASED), *((s, "κακή") for s in CROSS)]
    ]
    made = [(unicodedata.normalize("NFD", text) if text.startswith("Στα Χανιά") else text, label) for text, label in made]
    with Path("κριτικές.csv").open("w", encoding="utf8", newline="") as file:
        csv.writer(file).writerows([("κείμενο", "γνώμη"), *made])
    letters = "".join(sorted({letter for text, _ in made for letter in text if not letter.isspace()}))
    make_tiny_model(tmp_path / "model", "xlm-roberta", letters=letters)
    Path("μελέτη.yaml").write_text(STUDY, encoding="utf8")
    return made


def test_from_a_file_to_a_report(call: Call, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    checked = call("check", "μελέτη.yaml", "--json")
    assert checked.code == 0, checked.out + checked.err
    assert "does not know" not in checked.out  # the tokenizer has every letter
    run = call("run", "μελέτη.yaml", "--run-dir", "run")
    assert run.code == 0, run.err
    (plan,) = read_plans(RunFolder(Path("run"))).values()
    task = plan.trials[0].task
    dataset = open_dataset(Home.default().datasets / task.dataset / task.fingerprint)
    assert set(dataset.labels) == {"καλή", "κακή"}
    stored = [
        (text, dataset.labels[int(target.argmax())])
        for split in dataset.splits
        for text, target in zip(dataset.texts(split), dataset.targets(split), strict=True)
    ]
    assert sorted(stored) == sorted(rows)
    assert sum(dataset.size(split) for split in dataset.splits) == len(rows) == 80

    tokenizer = Tokenizer.from_file(str(tmp_path / "model" / "tokenizer.json"))
    unknown = tokenizer.token_to_id("<unk>")
    encoded = [tokenizer.encode(text).ids for text in dataset.texts("train")]
    assert not any(unknown in row for row in encoded)
    for folder in sorted(Path("run/trials").glob("reviews-full-*")):
        facts = Result.read(folder / "result.json").training
        assert facts["examples"] == len(encoded)
        assert facts["tokens"] == sum(min(len(row), 64) for row in encoded)
        assert set(facts["labels"]) == {"καλή", "κακή"}
        assert Outputs.read(folder / "test.npz").ids == dataset.ids("test")

    report = json.loads(call("report", "run", "--json").out)
    (task,) = report["tasks"]
    assert set(task["data"]["labels"]) == {"καλή", "κακή"}
    page = Path("run/report.html").read_text(encoding="utf8")
    assert "καλή" in page
    assert "κακή" in page
    # of your own texts nothing is shown unless you ask; asked, they stand there letter for letter
    assert "Πλάκα" not in page
    assert call("report", "run", "--texts", "all").code == 0
    shown = Path("run/report.html").read_text(encoding="utf8")
    assert any(text in shown for text in dataset.texts("test"))
