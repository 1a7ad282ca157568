"""What came of it: states, outcomes of children, results of trials, stored outputs."""

from __future__ import annotations

import io
import itertools
import zipfile
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bakeoff.errors import FormatError
from bakeoff.records.answers import Answers
from bakeoff.records.files import read_document, sha256_bytes, sha256_file, write_bytes, write_document
from bakeoff.records.paths import TrialFolder
from bakeoff.records.specs import Spec

RESULT_VERSION = 1
OUTCOME_VERSION = 1
STATE_VERSION = 1
CIRCUMSTANCES_VERSION = 1


class State(StrEnum):
    """How a trial stands.

    A trial ends in exactly one of `complete`, `failed`, `oom`, `diverged`, `timeout`, `pruned`, `cancelled`.
    """

    PENDING = "pending"
    """Planned, not begun."""
    RUNNING = "running"
    """A child works on it, and a runner watches that child."""
    PREEMPTED = "preempted"
    """Interrupted from outside; it goes on at the next start."""
    COMPLETE = "complete"
    """`result.json` and every file in its manifest verify."""
    FAILED = "failed"
    """The child ended with an error, or without a result."""
    OOM = "oom"
    """Not even a micro-batch of one fitted into memory."""
    DIVERGED = "diverged"
    """Loss or gradients were not finite too often in a row."""
    TIMEOUT = "timeout"
    """The time limit passed, or no step was made for too long."""
    PRUNED = "pruned"
    """A sweep stopped it early."""
    CANCELLED = "cancelled"
    """The user stopped it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen without a user's word."""
        return self not in (State.PENDING, State.RUNNING, State.PREEMPTED)


class FileEntry(Spec):
    """A file of a manifest.

    Attributes:
        sha256: hash of its bytes.
        bytes: its size.
    """

    sha256: str
    bytes: int


class Result(Spec):
    """`result.json`: what a trial found; the same bytes whenever the same trial runs.

    Attributes:
        trial: the trial's id.
        definition: hash of what defines it.
        validation: scores on validation at the chosen checkpoint, by metric.
        training: facts of training: steps, examples, tokens, history, skipped steps, parameters, hash of the weights.
        manifest: every other file of the trial that belongs to the result, by relative path.
    """

    trial: str
    definition: str
    validation: dict[str, Any]
    training: dict[str, Any]
    manifest: dict[str, FileEntry]

    def write(self, path: Path, durable: bool = True) -> None:
        """Write `result.json`.

        Args:
            path: where.
            durable: as for `files.write_bytes`.
        """
        write_document(path, "result", RESULT_VERSION, self.model_dump(), durable)

    @staticmethod
    def read(path: Path) -> Result:
        """Read `result.json`; its manifest is not verified here.

        Args:
            path: where.

        Returns:
            The result.
        """
        return Result.model_validate(read_document(path, "result", RESULT_VERSION))


class Outcome(Spec):
    """`outcome.json`: the child's last word.

    Attributes:
        state: how it ended.
        reason: one line for the user.
        where: file, step or batch that it is about.
        remedy: what to do next.
        traceback: last lines of the traceback, for a fault of ours.
        seconds: from the child's start to its end.
        peak_bytes: largest resident memory.
        device_peak_bytes: most memory that torch held on the GPU; 0 without one.
        imported: modules that were imported after the fork (should be none).
        machine: what the child ran on: device, threads, precision, versions.
        deviations: what the machine forced, in words.
        facts: whatever else the job reports.
    """

    state: State
    reason: str = ""
    where: str = ""
    remedy: str = ""
    traceback: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0
    device_peak_bytes: int = 0
    imported: list[str] = Field(default_factory=list)
    machine: dict[str, Any] = Field(default_factory=dict)
    deviations: list[str] = Field(default_factory=list)
    facts: dict[str, Any] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write `outcome.json`.

        Args:
            path: where.
        """
        # without it the attempt counts as lost, and the trial goes on from its checkpoint
        write_document(path, "outcome", OUTCOME_VERSION, self.model_dump(mode="json"), durable=False)

    @staticmethod
    def read(path: Path) -> Outcome:
        """Read `outcome.json`.

        Args:
            path: where.

        Returns:
            The outcome.
        """
        body = read_document(path, "outcome", OUTCOME_VERSION)
        return Outcome.model_validate({**body, "state": State(body["state"])})


class TrialState(Spec):
    """`state.json`: how a trial stands, for people and for the next start.

    Attributes:
        state: one of `State`.
        reason: one line; empty when all is well.
        where: what the reason is about.
        remedy: what to do next.
        attempt: number of the last attempt; 0 before the first.
        last_lines: the end of the console log of an attempt that failed.
        log: the console log, relative to the run folder.
        again: the command that runs just this trial again.
    """

    state: State
    reason: str = ""
    where: str = ""
    remedy: str = ""
    attempt: int = 0
    last_lines: list[str] = Field(default_factory=list)
    log: str = ""
    again: str = ""

    def write(self, path: Path) -> None:
        """Write `state.json`.

        Args:
            path: where.
        """
        # that a trial runs is of no use to anyone after the machine has lost its power, and that it is complete its result says
        durable = self.state not in (State.RUNNING, State.COMPLETE)
        write_document(path, "state", STATE_VERSION, self.model_dump(mode="json"), durable)

    @staticmethod
    def read(path: Path) -> TrialState:
        """Read `state.json`.

        Args:
            path: where.

        Returns:
            The state.
        """
        body = read_document(path, "state", STATE_VERSION)
        return TrialState.model_validate({**body, "state": State(body["state"])})


class Circumstances(Spec):
    """`circumstances.json`: all that may differ between two equal trials.

    Attributes:
        started: wall-clock time of the last attempt's start, ISO 8601 in UTC.
        ended: wall-clock time of its end.
        seconds: from start to end on the monotonic clock.
        seconds_before: seconds that earlier attempts took which this one went on from.
        attempts: number of attempts made.
        retries: how many of them were retried because the machine broke them.
        executor: what started the child.
        exit: exit status of the child; negative is a signal's number; None if it was lost.
        environment: versions, processor and memory of the machine (see `records.environment`).
        machine: what the child says that it ran on: device, threads, precision.
        peak_bytes: largest resident memory of the child.
        device_peak_bytes: most memory that torch held on the GPU; 0 without one.
        peaks: largest figures that the runner saw, by the keys of `monitor.jsonl`; of what is free, the smallest.
        imported: modules that the child imported after the fork (should be none).
        deviations: what the machine forced, in words.
        facts: whatever else the child reported, speeds for one.
    """

    started: str
    ended: str
    seconds: float
    seconds_before: float = 0.0
    attempts: int
    retries: int = 0
    executor: str = ""
    exit: int | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
    machine: dict[str, Any] = Field(default_factory=dict)
    peak_bytes: int = 0
    device_peak_bytes: int = 0
    peaks: dict[str, Any] = Field(default_factory=dict)
    imported: list[str] = Field(default_factory=list)
    deviations: list[str] = Field(default_factory=list)
    facts: dict[str, Any] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write `circumstances.json`; landing makes it durable, before the result.

        Args:
            path: where.
        """
        write_document(path, "circumstances", CIRCUMSTANCES_VERSION, self.model_dump(), durable=False)

    @staticmethod
    def read(path: Path) -> Circumstances:
        """Read `circumstances.json`.

        Args:
            path: where.

        Returns:
            The circumstances.
        """
        return Circumstances.model_validate(read_document(path, "circumstances", CIRCUMSTANCES_VERSION))


def judged(gold: NDArray[np.uint8], annotated: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Gold as losses and metrics take it.

    Args:
        gold: targets, [N, L].
        annotated: whether somebody decided on the label in the example, [N, L]; None where everything is annotated.

    Returns:
        [N, L]; -1 where nobody decided.
    """
    return gold if annotated is None else np.where(annotated, gold.astype(np.int8), np.int8(-1))


OF_EXAMPLES = ("outputs", "gold", "clusters", "sources", "annotated", "lengths")


@dataclass(frozen=True)
class Outputs:
    """Raw outputs of a model on one split.

    Attributes:
        ids: example ids, [N] text.
        outputs: logits, [N, L] float32; of questions the scores of "no answer" and of the best answer, [N, 2].
        gold: targets, [N, L] uint8.
        answers: the answers to questions; None for other kinds of task.
        clusters: number of what each example belongs to (a dialogue, an article), the same for examples that belong together,
            [N] int32; None where each stands alone.
        sources: number of the source that each example is from, [N] int32; None where there is but one.
        annotated: whether somebody decided on the label in the example, [N, L]; None where everything is annotated. Gold is
            0 where nobody did.
        lengths: characters of each example's text, of both texts of a pair, [N] int32; None where they are not told.
    """

    ids: list[str]
    outputs: NDArray[np.float32]
    gold: NDArray[np.uint8]
    answers: Answers | None = None
    clusters: NDArray[np.int32] | None = None
    sources: NDArray[np.int32] | None = None
    annotated: NDArray[np.bool_] | None = None
    lengths: NDArray[np.int32] | None = None

    @property
    def judged(self) -> NDArray[Any]:
        """Gold as metrics take it: -1 where nobody decided, [N, L]."""
        return judged(self.gold, self.annotated)

    def of(self, rows: NDArray[Any]) -> Outputs:
        """The outputs of some examples.

        Args:
            rows: places or a mask, [N].

        Returns:
            The same of these alone; not for questions.
        """
        places = np.arange(len(self.ids))[rows]
        parts: dict[str, Any] = {name: None if (part := getattr(self, name)) is None else part[places] for name in OF_EXAMPLES}
        return replace(self, ids=[self.ids[place] for place in places], **parts)

    def write(self, path: Path, durable: bool = True) -> None:
        """Write an `.npz` whose bytes depend on the content alone.

        Args:
            path: where.
            durable: as for `files.write_bytes`.
        """
        encoded = [identifier.encode("utf-8", "surrogatepass") for identifier in self.ids]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(item) for item in encoded], out=offsets[1:])
        arrays: dict[str, NDArray[Any]] = {
            "ids": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            "id_offsets": offsets,
            "outputs": np.ascontiguousarray(self.outputs, dtype=np.float32),
            "gold": np.ascontiguousarray(self.gold, dtype=np.uint8),
            **(self.answers.arrays() if self.answers is not None else {}),
            **({} if self.clusters is None else {"clusters": np.ascontiguousarray(self.clusters, dtype=np.int32)}),
            **({} if self.sources is None else {"sources": np.ascontiguousarray(self.sources, dtype=np.int32)}),
            **({} if self.annotated is None else {"annotated": np.packbits(self.annotated, axis=1)}),
            **({} if self.lengths is None else {"lengths": np.ascontiguousarray(self.lengths, dtype=np.int32)}),
        }
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, array, allow_pickle=False)
                # a ZipInfo made here carries the fixed date of 1980, so equal contents are equal bytes
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)
        write_bytes(path, target.getvalue(), durable)

    @staticmethod
    def read(path: Path) -> Outputs:
        """Read stored outputs; no pickle is ever loaded.

        Args:
            path: where.

        Returns:
            The outputs.

        Raises:
            FormatError: if the file is torn.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                raw = archive["ids"].tobytes()
                offsets = archive["id_offsets"]
                ids = [raw[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(offsets)]
                gold, packed = archive["gold"], archive.get("annotated")
                annotated = None if packed is None else np.unpackbits(packed, axis=1, count=gold.shape[1]).astype(np.bool_)
                return Outputs(
                    ids,
                    archive["outputs"],
                    gold,
                    Answers.of(archive),
                    archive.get("clusters"),
                    archive.get("sources"),
                    annotated,
                    archive.get("lengths"),
                )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise FormatError(f"stored outputs cannot be read: {error}", str(path), "run the trial again") from error


def file_entry(path: Path) -> FileEntry:
    """Hash a file for a manifest.

    Args:
        path: the file.

    Returns:
        Its entry.
    """
    return FileEntry(sha256=sha256_file(path), bytes=path.stat().st_size)


def verify_manifest(folder: Path, manifest: dict[str, FileEntry]) -> list[str]:
    """Compare files with a manifest.

    Args:
        folder: what the manifest's paths are relative to.
        manifest: the expected files.

    Returns:
        A line for each file that is missing or differs; empty when all hold.
    """
    faults = []
    for name, entry in manifest.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != entry.bytes or sha256_file(path) != entry.sha256:
            faults.append(f"{name} is not what the manifest says")
    return faults


def read_complete(folder: TrialFolder, definition_hash: str) -> Result | None:
    """Read a trial's result if, and only if, the trial is complete.

    Args:
        folder: the trial's folder.
        definition_hash: what the plan says the trial is.

    Returns:
        The verified result, or None if it is missing, torn, of another definition, or a file of its manifest differs.
    """
    try:
        result = Result.read(folder.result)
    except (FormatError, ValueError):
        return None
    if result.definition != definition_hash or verify_manifest(folder.root, result.manifest):
        return None
    return result


def weights_hash(arrays: dict[str, bytes]) -> str:
    """One hash over named byte strings, in the order of their names.

    Args:
        arrays: bytes by name.

    Returns:
        64 hexadecimal digits.
    """
    return sha256_bytes(b"".join(name.encode() + b"\0" + sha256_bytes(arrays[name]).encode() for name in sorted(arrays)))
