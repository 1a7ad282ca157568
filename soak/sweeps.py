"""`python -m soak.sweeps`: a sweep killed at random times and continued by the same command, held against an undisturbed one.

    python -m soak.sweeps                                     both runs one after another, then the comparison
    python -m soak.sweeps --place FOLDER --part undisturbed   one of the two runs; the parts may run side by side,
    python -m soak.sweeps --place FOLDER --part killed        on cores of their own
    python -m soak.sweeps --place FOLDER --part compare       what stands there, compared
    python -m soak.sweeps --model tiny                        with a tiny random model and shared imports: minutes for both

It carries out `studies/lora-pipeline.yaml` with few rows: 15 proposals for each of two methods on MRPC and RTE, the best
again with fresh seeds, and the final phase with what `best.yaml` holds. Each run is the command line's own, with one worker.
Kills are SIGKILL of the runner, at trials drawn at random over the run and at a random moment within them.
`results/sweep-MODEL.json` keeps what was found; the exit status is 0 if all holds, and 2 if a run did not come to its end: then
nothing is kept, and its own words say why. It needs MRPC, RTE, MiniLM and Optuna: `bakeoff fetch studies/lora-pipeline.yaml`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.analysis.folder import read_plans
from bakeoff.records.decisions import Proposal
from bakeoff.records.paths import Home, RunFolder
from bakeoff.steering.history import History
from soak.imports import Imports, client_of
from soak.judging import complete_attempts, result_hashes
from soak.printing import keep_finding
from soak.processes import ROOT, Command, children_of, wait_until
from soak.reference import DROPOUT, Study, materials

STUDY, PROFILE, PHASE = ROOT / "studies" / "lora-pipeline.yaml", "cpu", "sweep"
MINILM, TINY = "minilm-l6", "tiny"
ROWS = {
    MINILM: {"train_limit": 64, "validation_limit": 48, "test_limit": 16},
    TINY: {"train_limit": 256, "validation_limit": 128, "test_limit": 64, "max_length": 64},
}
"""So few that a trial takes seconds: what is tried is that nothing changes, not what is learned."""
KILLS, TRIALS, TRIAL_SECONDS = 20, 80, 6.0
UNDISTURBED, KILLED, COMPARE = "undisturbed", "killed", "compare"
KILLS_FILE = "kills.json"
PATIENCE_SECONDS = 7200.0
SAID = 2000
"""Of what a run said that did not end well, so many characters from the end are kept."""


@dataclass(frozen=True)
class Kills:
    """When a run is killed.

    Attributes:
        count: how often.
        trials: how many trials of the run the kills are spread over.
        seconds: how long after the trial before a kill comes at most.
        seed: governs the draws.
    """

    count: int = KILLS
    trials: int = TRIALS
    seconds: float = TRIAL_SECONDS
    seed: int = 0

    def draw(self) -> list[tuple[int, float]]:
        """Draw the kills.

        Returns:
            For each, how many trials are complete before it, and how many seconds pass then; in order.
        """
        draws = random.Random(self.seed)
        after = sorted(draws.sample(range(self.trials), self.count))
        return [(trials, draws.uniform(0.0, self.seconds)) for trials in after]


def completed(run: RunFolder) -> int:
    """How many trials of a run have a result.

    Args:
        run: the run folder.

    Returns:
        Their number, over all phases.
    """
    return len(list(run.trials.glob("*/result.json")))


def kill(study: Study, kills: Kills, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Start a study again and again, and kill it each time, as drawn.

    Args:
        study: the study; it is given the same command every time.
        kills: when.
        say: told of each kill.

    Returns:
        How the run stood at each kill; fewer than asked for if it came to its end.
    """
    found: list[dict[str, Any]] = []
    for after, seconds in kills.draw():
        runner = study.start()
        _wait_for(study, runner, after)
        if _ends_within(runner, seconds):
            say(f"it came to its end: {runner.wait().err[-500:]}")
            break
        runner.kill()
        runner.wait()
        wait_until(lambda: not children_of(study.run))  # they notice, and end by themselves
        found.append({"complete": completed(study.folder), "proposals": len(proposals_of(study.folder)), "seconds": seconds})
        say(f"kill {len(found)}: {found[-1]}")
    return found


def _wait_for(study: Study, runner: Command, trials: int) -> None:
    wait_until(lambda: completed(study.folder) >= trials or not runner.running, PATIENCE_SECONDS)


def _ends_within(runner: Command, seconds: float) -> bool:
    return wait_until(lambda: not runner.running, seconds)


def proposals_of(run: RunFolder) -> list[Proposal]:
    """The proposals of a run.

    Args:
        run: the run folder.

    Returns:
        In order.
    """
    return History.read(run.proposals(PHASE)).proposals


def describe(run: RunFolder) -> dict[str, Any]:
    """What a sweep that is over came to.

    Args:
        run: the run folder.

    Returns:
        Counts: of proposals by search, of trials by phase, of attempts.
    """
    proposals, plans = proposals_of(run), read_plans(run)
    trials = [trial for plan in plans.values() for trial in plan.trials]
    done = {trial.id: len(complete_attempts(run.trial(trial.id))) for trial in trials}
    own = [trial for one in proposals for trial in one.trials]
    return {
        "proposals": len(proposals),
        "of_each_search": dict(Counter(f"{one.recipe} on {one.task}" for one in proposals)),
        "numbered_in_order": [one.number for one in proposals] == list(range(1, len(proposals) + 1)),
        "repeating_others": sum(one.repeats is not None for one in proposals),
        "proposed_twice": len(own) - len(set(own)),
        "trials": {name: len(plan.trials) for name, plan in plans.items()},
        "complete": sum(count > 0 for count in done.values()),
        "completed_twice": sum(count > 1 for count in done.values()),
        "attempts": sum(len(run.trial(trial).attempt_numbers()) for trial in done),
        "looks": len(run.looks.read_text(encoding="utf-8").splitlines()) if run.looks.exists() else 0,
    }


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """In what two runs of a study differ that must not.

    Args:
        one: an undisturbed run.
        other: the run that was killed.

    Returns:
        A line a difference: proposals and judgements, plans, results, what was found; all compared byte for byte.
    """
    found = []
    for what, path in (("the records of the sweep", one.proposals(PHASE)), ("best.yaml", one.best)):
        if path.read_bytes() != (other.root / path.relative_to(one.root)).read_bytes():
            found.append(f"{what} differ ({path}, {other.root})")
    for name, plan in read_plans(one).items():
        if not other.plan(name).exists() or plan.trials != read_plans(other)[name].trials:
            found.append(f"the plan of the phase {name} differs ({other.plan(name)})")
    ours, theirs = result_hashes(one), result_hashes(other)
    return found + [
        f"the result of {trial} differs" for trial in sorted({*ours, *theirs}) if ours.get(trial) != theirs.get(trial)
    ]


def faults_of_sweep(found: dict[str, Any], proposals: int) -> list[str]:
    """What is wrong with a sweep that is over.

    Args:
        found: of `describe`.
        proposals: how many it must have.

    Returns:
        A line a fault.
    """
    faults = [] if found["proposals"] == proposals else [f"{found['proposals']} proposals in place of {proposals}"]
    if not found["numbered_in_order"]:
        faults.append("the proposals are not numbered in order")
    faults += [f"{found[key]} trials {key.replace('_', ' ')}" for key in ("proposed_twice", "completed_twice") if found[key]]
    planned = sum(found["trials"].values())
    return faults if found["complete"] == planned else [*faults, f"{found['complete']} of {planned} trials are complete"]


def read_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Args:
        words: its arguments.

    Returns:
        What is asked for.
    """
    parser = argparse.ArgumentParser(prog="python -m soak.sweeps", description="A sweep killed and continued.")
    parser.add_argument("--place", type=Path, help="holds the two runs; a new folder for temporary files without it")
    parser.add_argument("--part", choices=("all", UNDISTURBED, KILLED, COMPARE), default="all")
    parser.add_argument("--model", choices=(MINILM, TINY), default=MINILM)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--proposals", type=int, default=15, help="for each recipe and task")
    parser.add_argument("--seed", type=int, default=0, help="governs when it is killed")
    return parser.parse_args(list(words))


def study_at(place: Path, name: str, asked: argparse.Namespace, worker: tuple[str, ...]) -> Study:
    """The study in a run folder of its own.

    Args:
        place: holds the runs.
        name: of the run.
        asked: the command line.
        worker: how a worker is started whose imports are shared; none for one that imports by itself.

    Returns:
        The study.
    """
    overrides = [f"tasks.{task}.{key}={value}" for task in ("mrpc", "rte") for key, value in ROWS[asked.model].items()]
    overrides += ["defaults.training.threads=1", f"sweep.proposals={asked.proposals}"]
    if asked.model == TINY:
        overrides.append(f"defaults.model={materials().make_model('model', DROPOUT)}")
    options = ("--profile", PROFILE, *(word for one in overrides for word in ("--set", one)), "--workers", "1", "--no-check")
    file = place / STUDY.name
    shutil.copyfile(STUDY, file)
    return Study(file, place / name, Home.default().root, worker, options, reported=True)


def main(words: Sequence[str]) -> int:
    """Carry out what is asked for.

    Args:
        words: the command line.

    Returns:
        0 if all holds.
    """
    asked = read_arguments(words)
    place = (asked.place or Path(tempfile.mkdtemp(prefix="sweeps-"))).resolve()
    place.mkdir(parents=True, exist_ok=True)
    print(f"in {place}", flush=True)
    parts = [name for name in (UNDISTURBED, KILLED) if asked.part in ("all", name)]
    imports = Imports(place / "imports", "bert", "method:lora") if asked.model == TINY and parts else None
    worker = client_of(imports.socket) if imports else ()
    went_well = [carry_out(study_at(place, name, asked, worker), asked, place / f"{name}.json") for name in parts]
    if imports is not None:
        imports.close()
    return compare(place, asked) if asked.part in ("all", COMPARE) else int(not all(went_well))


def carry_out(study: Study, asked: argparse.Namespace, told: Path) -> bool:
    """Carry one of the two runs out to its end.

    Args:
        study: the study; it is killed if its run folder is that of the killed one.
        asked: the command line.
        told: gets how it went.

    Returns:
        Whether it came to a good end; if not, all that it said last is printed.
    """
    began, killed = time.monotonic(), list[dict[str, Any]]()
    if study.run.name == KILLED:
        killed = kill(study, Kills(asked.kills, seed=asked.seed), lambda line: print(line, flush=True))
    ended = study.start().wait(PATIENCE_SECONDS)
    said = ended.err[-SAID:] if ended.exit else ""
    body = {"kills": killed, "exit": ended.exit, "seconds": round(time.monotonic() - began, 1), "said": said}
    told.write_text(json.dumps(body), encoding="utf-8")
    print(f"{told.stem}: exit {ended.exit} after {body['seconds']} s{said and f', it said:{chr(10)}{said}'}", flush=True)
    return ended.exit == 0


def read_ends(place: Path, names: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """How the runs ended.

    Args:
        place: holds them.
        names: of the runs.

    Returns:
        What `carry_out` told of each that was carried out, and a line for each of which there is nothing to compare.
    """
    told, lacking = dict[str, dict[str, Any]](), []
    for name in names:
        if not (path := place / f"{name}.json").exists():
            lacking.append(f"{name}: it was not carried out (--part {name})")
            continue
        told[name] = one = json.loads(path.read_text(encoding="utf-8"))
        if one["exit"] or not RunFolder(place / name).best.exists():
            lacking.append(f"{name}: it ended with {one['exit']}{one['said'] and ': '}{one['said'].strip()}")
    return told, lacking


def compare(place: Path, asked: argparse.Namespace) -> int:
    """Compare the two runs, and keep what was found.

    Args:
        place: holds them.
        asked: the command line.

    Returns:
        0 if all holds; 2 if a run did not come to its end, so that there is nothing to compare: its own words are printed.
    """
    runs = {name: RunFolder(place / name) for name in (UNDISTURBED, KILLED)}
    told, lacking = read_ends(place, list(runs))
    if lacking:
        print("\n".join(["there is nothing to compare:", *lacking]))
        return 2
    found = {name: describe(run) for name, run in runs.items()}
    faults = differences(*runs.values())
    for name, one in found.items():
        faults += [f"{name}: {fault}" for fault in faults_of_sweep(one, 4 * asked.proposals)]
    if (made := len(told[KILLED]["kills"])) != asked.kills:
        faults.append(f"it was killed {made} times in place of {asked.kills}")
    return keep(asked, runs, faults, {name: {**told[name], **found[name]} for name in runs})


def keep(asked: argparse.Namespace, runs: dict[str, RunFolder], faults: list[str], found: dict[str, dict[str, Any]]) -> int:
    """Keep and print what was found.

    Args:
        asked: the command line.
        runs: the two runs by name.
        faults: a line for whatever does not hold.
        found: how each of them went, and what it came to.

    Returns:
        0 if all holds.
    """
    options = f"--model {asked.model} --kills {asked.kills} --proposals {asked.proposals} --seed {asked.seed}"
    tried = {
        "study": f"{STUDY.relative_to(ROOT)} --profile {PROFILE}",
        "model": asked.model,
        "rows": ROWS[asked.model],
        "results_compared": len(result_hashes(runs[UNDISTURBED])),
        **{name: {key: value for key, value in one.items() if key != "said"} for name, one in found.items()},
    }
    return keep_finding(f"sweep-{asked.model}", f"python -m soak.sweeps {options}", tried, faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
