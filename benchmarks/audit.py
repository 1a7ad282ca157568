"""What an audit of GoEmotions takes, and what it finds of 200 planted near duplicates, leaks and flipped labels each.

python benchmarks/audit.py NAME…: datasets that are stored; the figures are kept in results/audit.json.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bakeoff.data.audit.auditing import audit_dataset
from bakeoff.data.audit.corpus import Corpus
from bakeoff.data.audit.doubts import find_doubts
from bakeoff.data.audit.likeness import find_likeness, near_groups
from bakeoff.data.audit.options import AuditOptions, nobody
from bakeoff.data.audit.shingles import bare, plain
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.data.store import find_dataset
from bakeoff.records.paths import Home
from measuring import keep

PLANTED = 200
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST = 40
"""Signs of a bare text that is edited: of a shorter one, a word is a large part."""


def edited(text: str, generator: np.random.Generator) -> str:
    """A text with one word dropped, doubled or misspelt, or with other case and punctuation."""
    words = text.split()
    place = int(generator.integers(len(words)))
    how = int(generator.integers(4))
    if how == 0:
        del words[place]
    elif how == 1:
        words.insert(place, words[int(generator.integers(len(words)))])
    elif how == 2:
        at = int(generator.integers(len(words[place])))
        words[place] = words[place][:at] + LETTERS[int(generator.integers(26))] + words[place][at + 1 :]
    else:
        return text.upper().rstrip(".!?") + "!!"
    return " ".join(words)


def rows_of(dataset: Dataset) -> dict[str, list[Row]]:
    """All rows by split."""
    return {
        split: [Row(*fields) for fields in zip(dataset.ids(split), dataset.texts(split), dataset.positions(split), strict=True)]
        for split in dataset.splits
    }


def planted(dataset: Dataset, home: Home, seed: int) -> tuple[Dataset, dict[str, list[Any]]]:
    """The dataset with near duplicates in train, texts of train in test, and labels flipped in train."""
    generator = np.random.default_rng(seed)
    rows = rows_of(dataset)
    train = rows["train"]
    long = [number for number, row in enumerate(train) if len(bare(plain(row.text))) >= LEAST]
    chosen = generator.choice(long, 3 * PLANTED, replace=False).tolist()
    near, leaked, flipped = chosen[:PLANTED], chosen[PLANTED : 2 * PLANTED], chosen[2 * PLANTED :]
    added = [train[number]._replace(id=f"near-{number}", text=edited(train[number].text, generator)) for number in near]
    for place, number in enumerate(leaked):
        text = train[number].text if place % 2 else edited(train[number].text, generator)
        rows["test"].append(train[number]._replace(id=f"leak-{number}", text=text))
    alone = all(len(row.labels) == 1 for row in train)
    for number in flipped:
        others = [label for label in range(len(dataset.labels)) if label not in train[number].labels]
        wrong = int(generator.choice(others))
        train[number] = train[number]._replace(labels=(wrong,))
    assert alone or len(dataset.labels) > 2
    train.extend(added)
    made = write_dataset(home, Import(dataset.name, dataset.labels, rows))
    return made, {"near": near, "leaked": leaked, "flipped": flipped}


def found_of(made: Dataset, where: dict[str, list[Any]], originals: int) -> dict[str, float]:
    """What is found of all that was planted."""
    corpus = Corpus(made)
    likeness = find_likeness(corpus.texts)
    groups = likeness.groups()
    near = [groups[number] == groups[originals + place] for place, number in enumerate(where["near"])]
    audit = audit_dataset(made, AuditOptions(noise=False, examples=10**9))
    cases = [case for finding in audit.findings if finding.kind in ("leak", "near-leak") for case in finding.examples]
    leaked = {row.id for case in cases for row in case.rows if row.split == "test"}
    plains = [plain(text) for text in corpus.texts]
    doubts = find_doubts(corpus, plains, groups, nobody)
    ranked = list(dict.fromkeys(doubts.rows.tolist()))
    flipped = set(where["flipped"])
    top = ranked[:PLANTED]
    return {
        "near_recall": float(np.mean(near)),
        "leak_recall": float(np.mean([f"leak-{number}" in leaked for number in where["leaked"]])),
        "flipped_recall": len(flipped & set(ranked)) / PLANTED,
        "flipped_precision": len(flipped & set(ranked)) / max(1, len(ranked)),
        "flipped_doubted_rows": len(ranked),
        "flipped_precision_of_strongest_200": len(flipped & set(top)) / PLANTED,
    }


def main(names: list[str]) -> None:
    """Measure, plant, find, keep."""
    home, kept = Home.default(), {}
    for name in names:
        dataset = find_dataset(home, name)
        began, cpu = time.perf_counter(), time.process_time()
        audit = audit_dataset(dataset)
        took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        findings = [
            {"kind": one.kind, "severity": one.severity, "found": one.found, "of": one.of, "what": one.what}
            for one in audit.findings
        ]
        with TemporaryDirectory() as folder:
            made, where = planted(dataset, Home(Path(folder)), seed=1)
            found = found_of(made, where, dataset.size("train"))
        began = time.perf_counter()
        near_groups(dataset.texts("test"))
        took["clusters_of_test_seconds"] = time.perf_counter() - began
        rows = sum(dataset.size(split) for split in dataset.splits)
        kept[name] = {"rows": rows, **took, "peak_bytes": peak, "planted": found, "findings": findings}
        print(name, took, f"{peak / 1e6:.0f} MB", found, flush=True)
    keep("audit", " ".join(["python benchmarks/audit.py", *names]), {"planted_each": PLANTED, "datasets": kept})


if __name__ == "__main__":
    main(sys.argv[1:] or ["goemotions"])
