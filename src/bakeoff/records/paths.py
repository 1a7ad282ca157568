"""One owner of every path: the home folder, a run, a trial, an attempt. Nobody else joins names to paths of a run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.records.files import canonical_json, sha256_bytes

TOKENS_VERSION = 4
FEATURES_VERSION = 2


def tokens_key(dataset: str, model: str, max_length: int, stride: int | None = None, long_text: str | None = None) -> str:
    """Name of the token store that these make.

    Args:
        dataset: the dataset's fingerprint.
        model: the model's fingerprint (its tokenizer's files are part of it).
        max_length: tokens kept of a text.
        stride: for questions on contexts, and texts in windows: tokens that neighbouring windows share.
        long_text: what is done with longer texts, if they are not truncated.

    Returns:
        32 hexadecimal digits; others when the store's format changes.
    """
    made_of: dict[str, str | int] = {"version": TOKENS_VERSION, "dataset": dataset, "model": model, "max_length": max_length}
    if stride is not None:
        made_of["stride"] = stride
    if long_text is not None:
        made_of["long_text"] = long_text
    return sha256_bytes(canonical_json(made_of).encode())[:32]


def features_key(tokens: str, asked: Mapping[str, Any]) -> str:
    """Name of the feature store that a token store and what is asked of it make.

    Args:
        tokens: key of the token store.
        asked: pooling, precision, threads, and what draws the rows.

    Returns:
        32 hexadecimal digits; others when the store's format changes.
    """
    return sha256_bytes(canonical_json({"version": FEATURES_VERSION, "tokens": tokens, **asked}).encode())[:32]


@dataclass(frozen=True)
class Home:
    """The folder shared by all runs: imported data, fetched models, token stores.

    Attributes:
        root: `$BAKEOFF_HOME`, or the platform's cache folder.
    """

    root: Path

    @staticmethod
    def default() -> Home:
        """The home of this process.

        Returns:
            `$BAKEOFF_HOME` if set, else `$XDG_CACHE_HOME/bakeoff`, else `~/.cache/bakeoff`.
        """
        chosen = os.environ.get("BAKEOFF_HOME")
        if chosen:
            return Home(Path(chosen).expanduser().absolute())
        cache = os.environ.get("XDG_CACHE_HOME")
        base = Path(cache).expanduser() if cache else Path.home() / ".cache"
        return Home((base / "bakeoff").absolute())

    @property
    def datasets(self) -> Path:
        """Imported datasets: `datasets/<name>/<fingerprint>/`."""
        return self.root / "datasets"

    @property
    def models(self) -> Path:
        """Fetched and converted models: `models/<name>/<revision>/`."""
        return self.root / "models"

    @property
    def tokens(self) -> Path:
        """Token stores: `tokens/<key>/`."""
        return self.root / "tokens"

    def token_store(
        self, dataset: str, model: str, max_length: int, stride: int | None = None, long_text: str | None = None
    ) -> Path:
        """The token store of a dataset, a tokenizer and a length, whether it stands or not.

        Args:
            dataset: the dataset's fingerprint.
            model: the model's fingerprint.
            max_length: tokens kept of a text.
            stride: for questions on contexts, and texts in windows: tokens that neighbouring windows share.
            long_text: what is done with longer texts, if they are not truncated.

        Returns:
            `tokens/<key>`.
        """
        return self.tokens / tokens_key(dataset, model, max_length, stride, long_text)

    @property
    def features(self) -> Path:
        """Feature stores: `features/<key>/`."""
        return self.root / "features"

    @property
    def jobs(self) -> Path:
        """Folders of jobs that belong to no run (conversion of a model)."""
        return self.root / "jobs"

    def audit(self, fingerprint: str) -> Path:
        """The audit of a dataset, whether it stands or not.

        Args:
            fingerprint: the dataset's.

        Returns:
            `audits/<fingerprint>.json`.
        """
        return self.root / "audits" / f"{fingerprint}.json"

    @property
    def costs(self) -> Path:
        """`costs.json`: what trials cost on this machine so far."""
        return self.root / "costs.json"


@dataclass(frozen=True)
class AttemptFolder:
    """Where the child of one attempt writes; nobody else does.

    Attributes:
        root: `<trial>/attempts/<n>`, or the folder of another job.
    """

    root: Path

    @property
    def job(self) -> Path:
        """`job.json`: what the child is to do."""
        return self.root / "job.json"

    @property
    def order(self) -> Path:
        """`order.json`: for jobs that use trained models: which, and how."""
        return self.root / "order.json"

    @property
    def log(self) -> Path:
        """`log.jsonl`: progress, a record a line."""
        return self.root / "log.jsonl"

    @property
    def console(self) -> Path:
        """`console.log`: what the child printed."""
        return self.root / "console.log"

    @property
    def outcome(self) -> Path:
        """`outcome.json`: the child's last word."""
        return self.root / "outcome.json"

    @property
    def ending(self) -> Path:
        """`ending.json`: how the attempt ended, as the runner saw it."""
        return self.root / "ending.json"

    @property
    def monitor(self) -> Path:
        """`monitor.jsonl`: what the attempt used of the machine, a sample a line."""
        return self.root / "monitor.jsonl"

    @property
    def stop(self) -> Path:
        """`stop.json`: whether the child goes on after a validation, where a sweep decides on that."""
        return self.root / "stop.json"

    @property
    def checkpoints(self) -> Path:
        """`checkpoints/`."""
        return self.root / "checkpoints"

    @property
    def product(self) -> Path:
        """`product/`: what the runner validates and renames into the trial's folder."""
        return self.root / "product"

    @property
    def rendezvous(self) -> Path:
        """`rendezvous`: the file through which the processes of a trial find one another."""
        return self.root / "rendezvous"

    def rank(self, number: int) -> AttemptFolder:
        """Where one of several processes of a trial writes.

        Args:
            number: its rank; the first, 0, writes into the attempt itself.

        Returns:
            Its paths, `rank-<number>/` for all others.
        """
        return AttemptFolder(self.root / f"rank-{number}") if number else self


@dataclass(frozen=True)
class TrialFolder:
    """One trial's folder.

    Attributes:
        root: `<run>/trials/<trial id>`.
    """

    root: Path

    @property
    def trial(self) -> Path:
        """`trial.json`: the trial's spec."""
        return self.root / "trial.json"

    @property
    def result(self) -> Path:
        """`result.json`: deterministic; a trial is complete if and only if it verifies."""
        return self.root / "result.json"

    @property
    def validation(self) -> Path:
        """`validation.npz`: ids, outputs and gold of the validation examples."""
        return self.root / "validation.npz"

    @property
    def test(self) -> Path:
        """`test.npz`: the same of the test examples, unscored; only analysis opens it."""
        return self.root / "test.npz"

    @property
    def model(self) -> Path:
        """`model/`: the trained model, where the study keeps it."""
        return self.root / "model"

    @property
    def state(self) -> Path:
        """`state.json`: state, reason, attempt."""
        return self.root / "state.json"

    @property
    def circumstances(self) -> Path:
        """`circumstances.json`: times, machine, peaks, deviations: all that may differ between two equal trials."""
        return self.root / "circumstances.json"

    @property
    def attempts(self) -> Path:
        """`attempts/`."""
        return self.root / "attempts"

    def attempt(self, number: int) -> AttemptFolder:
        """The folder of one attempt.

        Args:
            number: from 1.

        Returns:
            Its paths.
        """
        return AttemptFolder(self.attempts / str(number))

    def attempt_numbers(self) -> list[int]:
        """The attempts made so far.

        Returns:
            Their numbers, ascending.
        """
        if not self.attempts.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.attempts.iterdir() if entry.name.isdigit())


@dataclass(frozen=True)
class RunFolder:
    """The folder in which a study is carried out.

    Attributes:
        root: `runs/<name>-<profile>` beside the study unless said otherwise.
    """

    root: Path

    @property
    def study(self) -> Path:
        """`study.yaml`: the resolved study."""
        return self.root / "study.yaml"

    def plan(self, phase: str) -> Path:
        """The plan of a phase.

        Args:
            phase: its name; `final` where the study declares none.

        Returns:
            `plans/<phase>.json`.
        """
        return self.root / "plans" / f"{phase}.json"

    @property
    def plans(self) -> Path:
        """`plans/`."""
        return self.root / "plans"

    @property
    def jobs(self) -> Path:
        """`jobs/<job id>/`: folders of preparing jobs."""
        return self.root / "jobs"

    def job(self, job_id: str) -> AttemptFolder:
        """The folder of a job that fills no trial.

        Args:
            job_id: its id.

        Returns:
            Its paths.
        """
        return AttemptFolder(self.jobs / job_id)

    @property
    def warm_console(self) -> Path:
        """`jobs/warm.log`: what the warm parent printed."""
        return self.jobs / "warm.log"

    @property
    def bridge_console(self) -> Path:
        """`jobs/ray.log`: what the bridge to a Ray cluster printed."""
        return self.jobs / "ray.log"

    @property
    def trials(self) -> Path:
        """`trials/`."""
        return self.root / "trials"

    def trial(self, trial_id: str) -> TrialFolder:
        """The folder of one trial.

        Args:
            trial_id: its id.

        Returns:
            Its paths.
        """
        return TrialFolder(self.trials / trial_id)

    @property
    def decisions(self) -> Path:
        """`decisions/`: what each phase chose, and why."""
        return self.root / "decisions"

    def decision(self, phase: str) -> Path:
        """What a phase chose, and why.

        Args:
            phase: its name.

        Returns:
            `decisions/<phase>.json`.
        """
        return self.decisions / f"{phase}.json"

    def proposals(self, phase: str) -> Path:
        """What a sweep proposed, in order.

        Args:
            phase: the phase that searches.

        Returns:
            `decisions/<phase>.proposals.jsonl`.
        """
        return self.decisions / f"{phase}.proposals.jsonl"

    @property
    def best(self) -> Path:
        """`best.yaml`: the best settings that a sweep found, as recipes that a study can name."""
        return self.root / "best.yaml"

    def audit(self, task: str) -> Path:
        """The audit of a task's data.

        Args:
            task: the task's name.

        Returns:
            `audits/<task>.json`.
        """
        return self.root / "audits" / f"{task}.json"

    def card(self, task: str) -> Path:
        """The card of a task's data.

        Args:
            task: the task's name.

        Returns:
            `cards/<task>.json`.
        """
        return self.root / "cards" / f"{task}.json"

    @property
    def merged(self) -> Path:
        """`merged.json`: where the trials of a joined run are from."""
        return self.root / "merged.json"

    @property
    def representations(self) -> Path:
        """What models make of texts, a folder each: `representations/<name>/`."""
        return self.root / "representations"

    @property
    def drift(self) -> Path:
        """`drift.json`: how far training moved what models make of texts."""
        return self.root / "drift.json"

    @property
    def adapters(self) -> Path:
        """`adapters.json`: what was found of adapters that stood on one pretrained model together."""
        return self.root / "adapters.json"

    @property
    def drift_page(self) -> Path:
        """`drift.html`: the same as a page."""
        return self.root / "drift.html"

    @property
    def launches(self) -> Path:
        """What each launch of a benchmark measured, a folder a variant: `launches/<variant>/<number>.json`."""
        return self.root / "launches"

    @property
    def bench(self) -> Path:
        """`bench.json`: what it costs to use the models of the run."""
        return self.root / "bench.json"

    @property
    def bench_page(self) -> Path:
        """`bench.html`: the same as a page."""
        return self.root / "bench.html"

    @property
    def looks(self) -> Path:
        """`looks.jsonl`: each opening of test scores."""
        return self.root / "looks.jsonl"

    @property
    def analysis(self) -> Path:
        """`analysis.json`."""
        return self.root / "analysis.json"

    @property
    def report(self) -> Path:
        """`report.html`."""
        return self.root / "report.html"

    @property
    def figures(self) -> Path:
        """`figures/`."""
        return self.root / "figures"

    @property
    def exports(self) -> Path:
        """`exports/`: models of the run in other forms, `<task>-<recipe>-s<seed>/<form>/`."""
        return self.root / "exports"

    @property
    def lock(self) -> Path:
        """`lock`: held by the runner while it runs."""
        return self.root / "lock"

    @property
    def cancels(self) -> Path:
        """`cancels/`: what the runner is asked to cancel, an empty file a trial, or one called `all`."""
        return self.root / "cancels"

    @property
    def warnings(self) -> Path:
        """`warnings.jsonl`: what the runner warned of, a record a line."""
        return self.root / "warnings.jsonl"

    @property
    def owner(self) -> Path:
        """`owner.json`: who holds the lock."""
        return self.root / "owner.json"


def runs_folder(beside: Path) -> Path:
    """Where run folders stand.

    Args:
        beside: the folder of the study file, or the current folder.

    Returns:
        `<beside>/runs`.
    """
    return beside / "runs"


def run_folder(beside: Path, study: str, profile: str = "", number: int = 1) -> RunFolder:
    """The folder in which a study is carried out when the user names none.

    Args:
        beside: the folder of the study file.
        study: the study's name.
        profile: the chosen profile, or empty.
        number: 1 for the first run of it; 2 and on for those started anew.

    Returns:
        `<beside>/runs/<study>-<profile or default>`, from the second on with `-<number>`.
    """
    name = re.sub(r"[^\w.-]+", "-", f"{study}-{profile or 'default'}").strip("-.") or "run"
    return RunFolder(runs_folder(beside) / (name if number == 1 else f"{name}-{number}"))
