"""What a sweep has proposed and heard, on disk: records are only ever added, each durable before anything follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from bakeoff.errors import FormatError
from bakeoff.records.decisions import Judgement, Proposal
from bakeoff.records.files import append_line, canonical_json, read_lines, sha256_bytes

Record = Proposal | Judgement
KINDS: dict[str, type[Proposal] | type[Judgement]] = {"proposal": Proposal, "judgement": Judgement}


@dataclass
class History:
    """The records of a sweep.

    Attributes:
        path: `decisions/<phase>.proposals.jsonl`.
        proposals: in order.
        judgements: by trial and validation.
    """

    path: Path
    proposals: list[Proposal] = field(default_factory=list)
    judgements: dict[tuple[str, int], Judgement] = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> History:
        """Read the records. A torn last one is left out: nothing followed from it.

        Args:
            path: where they stand.

        Returns:
            The history.

        Raises:
            FormatError: if a record is damaged or a proposal is missing between others.
        """
        history = History(path)
        for place, body in enumerate(read_lines(path), 1):
            history._take(_record(body, path, place))
        if [one.number for one in history.proposals] != list(range(1, len(history.proposals) + 1)):
            raise FormatError("its proposals are not numbered in order", str(path), "restore the file, or use --new")
        return history

    def add(self, record: Record) -> None:
        """Add a record; it is durable when this returns.

        Args:
            record: the record.
        """
        kind = "proposal" if isinstance(record, Proposal) else "judgement"
        body = {"kind": kind, **record.model_dump()}
        append_line(self.path, {**body, "checksum": _checksum(body)})
        self._take(record)

    def _take(self, record: Record) -> None:
        if isinstance(record, Proposal):
            self.proposals.append(record)
        else:
            self.judgements[record.trial, record.rung] = record


def _checksum(body: dict[str, object]) -> str:
    return sha256_bytes(canonical_json(body).encode())[:16]


def _record(body: dict[str, object], path: Path, place: int) -> Record:
    checksum, kind = body.pop("checksum", ""), str(body.get("kind"))
    try:
        if checksum != _checksum(body):
            raise FormatError("its checksum does not match")
        return KINDS[kind].model_validate({key: value for key, value in body.items() if key != "kind"})
    except (FormatError, KeyError, ValidationError) as error:
        raise FormatError(f"record {place} is damaged", str(path), "restore the file, or begin anew with --new") from error
