"""Rows 19 to 22: files that nobody should write, texts that everybody does, labels that cannot be learned, sizes."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from bakeoff.data.audit.auditing import audit_dataset
from bakeoff.data.audit.options import AuditOptions
from bakeoff.data.own import import_own, read_own
from bakeoff.errors import BakeoffError
from bakeoff.records.paths import Home
from bakeoff.study.loading import load_study
from soak.context import Context, RowResult
from soak.malformed import CSV, JSONL, PIECES, STUDY, TSV, malformed

MOST_SECONDS = 2.0
IMPORT = r"""
import re, sys
from pathlib import Path
from bakeoff.data.own import import_own
from bakeoff.errors import BakeoffError
from bakeoff.records.paths import Home
said = "idle"
try:
    if len(sys.argv) > 2:
        dataset, _ = import_own(Home(Path(sys.argv[1])), "own", Path(sys.argv[2]))
        said = str({split: (dataset.size(split), dataset.card["splits"][split]["dropped"]) for split in dataset.splits})
except BakeoffError as error:
    said = f"refused: {error.what}; {error.remedy}"
print(said)
# not getrusage: what that tells begins with the peak of the process that started this one
print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024)
"""


def read_study(path: Path) -> None:
    """Read a study file."""
    load_study(path)


def read_file(path: Path) -> None:
    """Read a user's own file."""
    read_own(path, "own")


KINDS: dict[str, tuple[bytes, Callable[[Path], None]]] = {
    "yaml": (STUDY, read_study),
    "csv": (CSV, read_file),
    "tsv": (TSV, read_file),
    "jsonl": (JSONL, read_file),
}


def mutated(content: bytes, draws: random.Random) -> bytes:
    """Content with one to four pieces put in, taken out, doubled or changed."""
    for _ in range(draws.randrange(1, 5)):
        first = draws.randrange(len(content) + 1)
        last = min(len(content), first + draws.choice((0, 0, 1, 1, 2, 9, 80)))
        piece = draws.choice((*PIECES, content[first:last] * 2, bytes([draws.randrange(256)])))
        content = content[:first] + piece + content[last:]
    return content


def malformed_files(context: Context) -> RowResult:
    """Read malformed files and mutations of good ones; some of them by the command itself.

    Args:
        context: what the row is given.

    Returns:
        What came of it.
    """
    result, draws = RowResult(), context.draws()
    cases = list(malformed())
    result.expect(len(cases) >= 100, f"only {len(cases)} malformed files")
    for number, (suffix, content) in enumerate(cases):
        path = context.folder / f"case {number}.{suffix}"
        path.write_bytes(content)
        _try(result, path, read_study if suffix == "yaml" else read_file, f"malformed {suffix} {number}")
        if number % context.pick(40, 12) == 0:
            _by_command(result, path)
    for number in range(context.pick(200, 10_000)):
        suffix = list(KINDS)[number % len(KINDS)]
        good, read = KINDS[suffix]
        path = context.folder / f"mutation.{suffix}"
        content = mutated(good, draws)
        path.write_bytes(content)
        if _try(result, path, read, f"mutation {number} of {suffix}"):
            path.rename(context.folder / f"mutation {number}.{suffix}")
    result.notes.append("files are read in this process, as the commands read them; every twelfth malformed one by the command")
    return result


def _try(result: RowResult, path: Path, read: Callable[[Path], None], case: str) -> bool:
    """Whether reading a file ends otherwise than well or with an error that says where and what to do."""
    result.tried += 1
    before, began = len(result.faults), time.process_time()
    try:
        read(path)
    except BakeoffError as error:
        place = f"{error.what} {error.where} {error.remedy}"
        result.expect(bool(error.what) and (bool(error.where) or "line" in place), f"{case}: no place: {error.what}", path)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        result.faults.append(f"{case}: {type(error).__name__}: {error} at {last.filename}:{last.lineno} ({path})")
    took = time.process_time() - began
    result.expect(took < MOST_SECONDS, f"{case}: took {took:.1f} s", path)
    return len(result.faults) > before


def _by_command(result: RowResult, path: Path) -> None:
    words = ["plan", str(path)] if path.suffix == ".yaml" else ["data", "import", "own", str(path)]
    said = subprocess.run([sys.executable, "-m", "bakeoff", *words], capture_output=True, text=True, check=False)
    result.tried += 1
    result.expect(said.returncode in (0, 2), f"`bakeoff {words[0]}` ended with {said.returncode}", path)
    result.expect("Traceback" not in said.stderr, "a traceback", path)
    result.expect(said.returncode == 0 or len(said.stderr.strip().splitlines()) >= 2, "no error of several lines", path)


STRANGE = (
    "\ufeffbegins with a mark",
    "cafe\u0301 in parts",
    "caf\u00e9 as one",
    "שלום עולם",
    "مرحبا \u202eback",
    "👩\u200d👩\u200d👧 family",
    "👩👩👧 family",
    "nul \x00 inside",
    "line\u2028separator",
    "para\u2029graph",
    "next\u0085line",
    "tab\tinside",
    'quo"te',
    "two\r\nlines",
    "e\u0301",
    "é",
    "\u200b",
    "ﬁ ligature",
    "𝕊𝕡𝕖𝕔𝕚𝕒𝕝",
    "zero\u200dwidth",
    "I",
    "ı",
    "ß",
    "SS",
    "🏳️\u200d🌈",
    "🏳️",
    "NaN",
    "null",
    "1",
    "01",
    "1.0",
    "true",
    "-",
    "=1+1",
    "../x",
    "%s",
    "{0}",
    "$(id)",
)
SURROGATES = ("lone \ud800 here", "lone \udfff here", "\ud83d without its half")


def strange_texts(context: Context) -> RowResult:
    """Import texts and ids of every kind from CSV, JSON lines and Parquet: none is lost, merged or changed.

    Args:
        context: what the row is given.

    Returns:
        What came of it.
    """
    result, home = RowResult(), Home(context.folder / "home")
    texts = [*STRANGE, *(f"{text} {text}" for text in STRANGE if text.strip())]
    for form in ("csv", "jsonl", "parquet"):
        rows = texts if form != "jsonl" else [*texts, *SURROGATES]
        # a CSV has no NUL, and what has neither a letter nor a sign is no text
        kept = [text for text in rows if text.strip() and not (form == "csv" and "\x00" in text)]
        path = context.folder / f"strange.{form}"
        _write(path, form, kept)
        dataset, _ = import_own(home, f"strange-{form}", path)
        found = {
            id_: text for split in dataset.splits for id_, text in zip(dataset.ids(split), dataset.texts(split), strict=True)
        }
        result.tried += len(kept)
        result.expect(len(found) == len(kept), f"{form}: {len(kept)} rows became {len(found)}", path)
        for number, text in enumerate(kept):
            result.expect(
                found.get(_id(number, text)) == text, f"{form}: row {number} ({text!r}) is {found.get(_id(number, text))!r}"
            )
        audit_dataset(dataset, AuditOptions(noise=False))
    return result


def _id(number: int, text: str) -> str:
    return f"{number} {text}"


def _write(path: Path, form: str, texts: list[str]) -> None:
    rows = [{"id": _id(n, text), "text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)]
    if form == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text", "label"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)


def strange_labels(context: Context) -> RowResult:
    """Import labels that cannot be learned, audit them, and run the baselines on some of them.

    Args:
        context: what the row is given.

    Returns:
        What came of it: a defined result, or an error that says what to write.
    """
    result, home = RowResult(), Home(context.folder / "home")
    many = context.pick(300, 10_000)
    cases: dict[str, list[tuple[str, object]]] = {
        "one class": [("train", "a")] * 40 + [("validation", "a")] * 9 + [("test", "a")] * 9,
        "no positives": [("train", [])] * 40 + [("validation", ["a"])] * 9 + [("test", ["a", "b"])] * 9,
        "missing in test": [("train", "ab"[n % 2]) for n in range(40)] + [("validation", "a")] * 9 + [("test", "a")] * 9,
        "nan as label": [("train", ("nan", "NaN", "null")[n % 3]) for n in range(40)]
        + [("validation", "nan"), ("test", "null")] * 9,
        "text and number": [("train", ("1", 1)[n % 2]) for n in range(40)],
        "many labels": [("train", [f"label {n}", f"label {(n * 7) % many}"]) for n in range(many)]
        + [(split, [f"label {n}"]) for n in range(60) for split in ("validation", "test")],
    }
    for name, rows in cases.items():
        path = context.folder / f"{name.replace(' ', '-')}.jsonl"
        lines = [
            json.dumps({"id": f"{n}", "text": f"some words of number {n * 7919 % 10007}", "labels": label, "split": split})
            for n, (split, label) in enumerate(rows)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result.tried += 1
        try:
            dataset, understood = import_own(home, path.stem, path)
        except BakeoffError as error:
            result.expect(bool(error.remedy), f"{name}: no remedy: {error.what}", path)
            result.notes.append(f"{name}: refused: {error.what}")
            continue
        sizes = sum(dataset.size(split) for split in dataset.splits)
        dropped = sum(sum(body["dropped"].values()) for body in dataset.card["splits"].values())
        result.expect(sizes + dropped == len(rows), f"{name}: {len(rows)} rows became {sizes}, {dropped} dropped", path)
        audit_dataset(dataset, AuditOptions(noise=name != "many labels"))
        if context.full:
            _run_baselines(result, home, context.folder, path.stem, understood.kind)
    return result


def _run_baselines(result: RowResult, home: Home, folder: Path, name: str, kind: str) -> None:
    study = folder / f"{name}.yaml"
    study.write_text(
        f"tasks: {{own: {{dataset: {name}, kind: {kind}}}}}\n"
        "recipes: {majority: {method: majority}, random: {method: random}}\n"
        "seeds: [1, 2]\nlimits: {disk_reserve: 1MB}\n"
    )
    words = [sys.executable, "-m", "bakeoff", "run", str(study), "--no-check"]
    said = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "BAKEOFF_HOME": str(home.root)}
    )
    result.tried += 1
    result.expect(said.returncode in (0, 2), f"{name}: `bakeoff run` ended with {said.returncode}", study)
    result.expect("Traceback" not in said.stderr, f"{name}: a traceback", study)
    if said.returncode == 0:
        result.expect(any((folder / "runs").glob(f"{name}*/report.html")), f"{name}: no report", study)
    else:
        result.notes.append(f"{name}: {said.stderr.strip().splitlines()[0]}")


def sizes(context: Context) -> RowResult:
    """Import a huge row, empty texts, very many rows, and one row; each in a process of its own, whose memory is measured.

    Args:
        context: what the row is given.

    Returns:
        What came of it.
    """
    result = RowResult()
    huge, many = context.pick(1, 100) * 1_000_000, context.pick(20_000, 5_000_000)
    files: dict[str, Iterable[str]] = {
        "huge": [f"{n},some words of number {n},{'ab'[n % 2]}" for n in range(30)] + [f"x,{'word ' * (huge // 5)},a"],
        "empty": [f"{n},{'' if n % 3 else f'some words {n}'},{'ab'[n % 2]}" for n in range(90)],
        "one": ["1,just this one,a"],
        "many": (f"{n},some few words of number {n * 7919},{'ab'[n % 2]}" for n in range(many)),
    }
    base = _peak(context.folder, None)[0]
    for name, lines in files.items():
        path = context.folder / f"{name}.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write("id,text,label\n")
            for line in (
                lines if lines is not None else (f"{n},some few words of number {n * 7919},{'ab'[n % 2]}" for n in range(many))
            ):
                file.write(line + "\n")
        result.tried += 1
        peak, said = _peak(context.folder, path)
        size = path.stat().st_size
        result.notes.append(
            f"{name}: a file of {size / 1e6:,.1f} MB took {(peak - base) / 1e6:,.0f} MB beyond an idle process: {said}"
        )
        result.expect("Traceback" not in said, f"{name}: a traceback", path)
        if size > 10_000_000:
            result.expect(peak - base <= 2 * size, f"{name}: {(peak - base) / size:.1f} times the file's size", path)
        path.unlink()
    return result


def _peak(folder: Path, path: Path | None) -> tuple[int, str]:
    """Peak memory of a process that imports a file, and the last line that it said."""
    words = [sys.executable, "-c", IMPORT, str(folder / "home"), *([str(path)] if path else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return (int(lines[-1]), lines[-2]) if len(lines) > 1 else (0, f"Traceback {done.stderr[-300:]}")
