"""`python -m soak.sharing`: a study on three machines joined, and two more seeds, each held against what one run makes.

    python -m soak.sharing                 `studies/lora-vs-full.yaml` with few rows and MiniLM: about ten minutes of one core
    python -m soak.sharing --place FOLDER  where the runs stand

`bakeoff shard --of 3` deals the study out; its commands are carried out as they are printed, one after another in place of on
three machines, `bakeoff merge` joins their folders, and every result is compared byte for byte with that of one run of all. A
run with other data is refused. Then the one run gets two more seeds by `--set seeds=…`: nothing that stands is begun again, and
the verdict counts the look. `results/sharing.json` keeps what was found; the exit status is 0 if all holds, and 2 if a command
did not end well. The tests do the same with a tiny model (`tests/soak/test_soak_sharing.py`).
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.records.paths import Home, RunFolder
from soak.judging import result_hashes
from soak.printing import keep_finding
from soak.processes import ROOT, Ended
from soak.reference import Study

STUDY, PROFILE = ROOT / "studies" / "lora-vs-full.yaml", "cpu"
PAIRS = {"train_limit": 64, "validation_limit": 32, "test_limit": 32}
ROWS = {
    "mrpc": PAIRS,
    "rte": PAIRS,
    "sst2": PAIRS,
    "squad": {"train_limit": 24, "validation_limit": 12, "test_limit": 12},
}
"""So few that a trial takes seconds: what is tried is that nothing changes, not what is learned."""
MACHINES, EVEN = 3, 0.15
FEW, MORE = (42, 1337), (42, 1337, 2024, 7)
VERDICTS = (0, 10, 20)


class Unsaid(Exception):
    """A command did not end as it must."""


def said(study: Study, *words: str, exits: Sequence[int] = (0,)) -> Ended:
    """What a command of the study says.

    Args:
        study: in whose environment it runs.
        *words: its arguments.
        exits: the exit statuses that are well.

    Returns:
        How it ended.

    Raises:
        Unsaid: if it ended otherwise.
    """
    ended = study.command(*words).wait(3600)
    if ended.exit not in exits or ended.traceback:
        raise Unsaid(f"`bakeoff {shlex.join(words)[:300]}` ended with {ended.exit}: {ended.err[-2000:]}")
    return ended


def deal_out(study: Study, options: Sequence[str]) -> dict[str, Any]:
    """Deal the study out, carry out what each machine gets, and join the runs.

    Args:
        study: the study.
        options: of the study for `bakeoff shard`.

    Returns:
        What `bakeoff shard --json` says, with the seconds that each shard took, and what `bakeoff merge --json` says of the run
        that stands beside the study's own now, as `merged`.

    Raises:
        Unsaid: if a command did not end well.
    """
    words = ("shard", str(study.file), *options, "--of", str(MACHINES), "--by", "cost", "--json")
    dealt: dict[str, Any] = json.loads(said(study, *words).out)
    for one in dealt["shards"]:
        one["took"] = round(said(study, *shlex.split(one["command"])[1:], *study.options[len(options) :]).seconds, 1)
    merging = (*shlex.split(dealt["merge"])[1:], "--into", str(merged_run(study).root), "--json")
    return {**dealt, "merged": json.loads(said(study, *merging).out)}


def merged_run(study: Study) -> RunFolder:
    """Where the joined run stands.

    Args:
        study: the study.

    Returns:
        A folder beside the study's own run.
    """
    return RunFolder(study.run.with_name("merged"))


def faults_of_sharing(study: Study, dealt: dict[str, Any]) -> list[str]:
    """What is wrong with the joined run, held against one run of all.

    Args:
        study: the study, which has run on one machine as well.
        dealt: of `deal_out`.

    Returns:
        A line a fault.
    """
    whole, merged = result_hashes(study.folder), result_hashes(merged_run(study))
    faults = [] if dealt["imbalance"] <= EVEN else [f"the dearest shard lies {100 * dealt['imbalance']:.1f} % above its share"]
    ids = [one for shard in dealt["shards"] for one in shard["trials"]]
    if sorted(ids) != sorted(whole):
        faults.append(f"{len(ids)} trials are dealt out in place of {len(whole)}")
    faults += [f"the merge lacks {one}" for one in dealt["merged"]["missing"]]
    return faults + [f"the result of {one} differs" for one in sorted({*whole, *merged}) if whole.get(one) != merged.get(one)]


def faults_of_refusal(study: Study, run: str, options: Sequence[str]) -> list[str]:
    """What is wrong with how a run that does not belong is refused.

    Args:
        study: the study.
        run: a run of it.
        options: of the study, for `bakeoff run`; the other run has them, too, and other subsamples.

    Returns:
        A line a fault.
    """
    target = study.run.with_name("refused")
    said(study, "run", str(study.file), *options, "--set", "data_seed=7", "--trials", "1", "--run-dir", "other", exits=(0, 4))
    ended = said(study, "merge", run, "other", "--into", str(target), exits=(2,))
    faults = [] if "its plan is not that of" in ended.err else [f"other data is refused with: {ended.err[-500:]}"]
    return faults + ([f"{target} stands all the same"] if target.exists() else [])


def add_seeds(study: Study, seeds: Sequence[int]) -> tuple[dict[str, Any], list[str]]:
    """Carry a finished study out with more seeds.

    Args:
        study: the study, which has run.
        seeds: those that it has now.

    Returns:
        What was found, and a line for whatever is wrong with it.

    Raises:
        Unsaid: if a command did not end well.
    """
    before, attempts = result_hashes(study.folder), attempts_of(study.folder)
    looks = len(looks_of(study.folder))
    ended = said(study, "run", str(study.file), *study.options, "--set", f"seeds={json.dumps(list(seeds))}", *run_dir(study))
    after, paragraph = result_hashes(study.folder), verdict_of(study)
    begun_again = [one for one, count in attempts.items() if attempts_of(study.folder)[one] != count]
    found = {
        "trials_before": len(before),
        "trials_after": len(after),
        "seconds": round(ended.seconds, 1),
        "looks": [looks, len(looks_of(study.folder))],
        "verdict": paragraph,
    }
    faults = [f"{one} was begun again" for one in begun_again]
    faults += [f"the result of {one} has changed" for one in before if after.get(one) != before[one]]
    if found["looks"] != [1, 2]:
        faults.append(f"{found['looks']} looks in place of 1 and 2")
    if "Test was opened for 2 different sets of trials" not in paragraph:
        faults.append(f"the verdict does not count the look: {paragraph}")
    return found, faults


def run_dir(study: Study) -> tuple[str, str]:
    """The option that names the run folder.

    Args:
        study: the study.

    Returns:
        Two words.
    """
    return ("--run-dir", str(study.run))


def attempts_of(run: RunFolder) -> dict[str, int]:
    """How often each trial was begun.

    Args:
        run: the run folder.

    Returns:
        Attempts by trial.
    """
    return {path.name: len(run.trial(path.name).attempt_numbers()) for path in run.trials.iterdir()}


def looks_of(run: RunFolder) -> list[str]:
    """The records of openings of test scores.

    Args:
        run: the run folder.

    Returns:
        A line each.
    """
    return run.looks.read_text(encoding="utf-8").splitlines() if run.looks.exists() else []


def verdict_of(study: Study) -> str:
    """What the verdict says.

    Args:
        study: the study.

    Returns:
        Its paragraph.
    """
    body = json.loads(said(study, "verdict", str(study.run), "--json", exits=VERDICTS).out)
    return str(body["verdict"]["paragraph"])


def try_all(study: Study, options: Sequence[str], seeds: Sequence[int]) -> tuple[dict[str, Any], list[str]]:
    """Share a study, join it, and give it more seeds.

    Args:
        study: the study, which has not run; it ends with the options of `bakeoff run` alone.
        options: those of its options that `bakeoff shard` has as well.
        seeds: those that it gets.

    Returns:
        What was found, and a line for whatever does not hold.

    Raises:
        Unsaid: if a command did not end well.
    """
    dealt = deal_out(study, options)
    whole = said(study, "run", str(study.file), *study.options, *run_dir(study))
    faults = faults_of_sharing(study, dealt)
    first = shlex.split(dealt["merge"])[2]
    faults += faults_of_refusal(study, first, study.options)
    verdict_of(study)
    seeded, more = add_seeds(study, seeds)
    shards = [{"trials": len(one["trials"]), "foreseen": one["seconds"], "took": one["took"]} for one in dealt["shards"]]
    found = {
        "imbalance": dealt["imbalance"],
        "shards": shards,
        "whole_seconds": round(whole.seconds, 1),
        "results_compared": seeded["trials_before"],
        "more_seeds": seeded,
    }
    return found, faults + more


def options_of() -> list[str]:
    """The options of the study with few rows.

    Returns:
        Words, for `bakeoff shard` and `bakeoff run`.
    """
    sets = [f"tasks.{task}.{key}={value}" for task, rows in ROWS.items() for key, value in rows.items()]
    sets += [f"seeds={json.dumps(list(FEW))}", "defaults.training.threads=1", "defaults.training.precision=fp32"]
    return ["--profile", PROFILE, *(word for one in sets for word in ("--set", one))]


def main(words: Sequence[str]) -> int:
    """Carry out what is asked for.

    Args:
        words: the command line.

    Returns:
        0 if all holds.
    """
    parser = argparse.ArgumentParser(prog="python -m soak.sharing", description="A study on three machines; more seeds.")
    parser.add_argument("--place", type=Path, help="holds the runs; a new folder for temporary files without it")
    asked = parser.parse_args(list(words))
    place = (asked.place or Path(tempfile.mkdtemp(prefix="sharing-"))).resolve()
    place.mkdir(parents=True, exist_ok=True)
    print(f"in {place}", flush=True)
    file, options, began = place / STUDY.name, options_of(), time.monotonic()
    shutil.copyfile(STUDY, file)
    study = Study(file, place / "whole", Home.default().root, (), (*options, "--no-check"), reported=True)
    try:
        found, faults = try_all(study, options, MORE)
    except Unsaid as error:
        print(error)
        return 2
    return keep({"seconds": round(time.monotonic() - began, 1), **found}, faults)


def keep(found: dict[str, Any], faults: list[str]) -> int:
    """Keep and print what was found.

    Args:
        found: what each part came to.
        faults: a line for whatever does not hold.

    Returns:
        0 if all holds.
    """
    study = f"{STUDY.relative_to(ROOT)} --profile {PROFILE}"
    return keep_finding("sharing", "python -m soak.sharing", {"study": study, "rows": ROWS, **found}, faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
