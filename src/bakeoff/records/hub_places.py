"""Where a dataset of the hub is, as studies and commands write it: `owner/name`, `owner/name@revision`, `owner/name/part`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PREFIX = "hf://datasets/"
_PART = r"[A-Za-z0-9][\w.-]{0,95}"
_PLACE = re.compile(
    rf"({_PART}/{_PART})(?:@(refs/(?:convert/[\w-]+|pr/[0-9]+)|[\w.+-]{{1,200}}))?(?:/([\w.+ /=-]{{1,300}}))?", re.ASCII
)
_BARE = re.compile(rf"({_PART}/{_PART})(?:/([\w.+ =-]+(?:/[\w.+ =-]+)*))?(?:@([\w./+-]{{1,200}}))?", re.ASCII)
FILE_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather", ".yaml", ".yml")
"""A bare place that ends so is a file that is missing, and no dataset of the hub."""


@dataclass(frozen=True)
class HubPlace:
    """A dataset of the hub, or a part of it.

    Attributes:
        repository: `owner/name`.
        revision: commit, branch or tag; empty means the main branch.
        part: a configuration, a folder or a file in it; empty means that there is one, or that it names a default.
    """

    repository: str
    revision: str = ""
    part: str = ""

    def __str__(self) -> str:
        part = f"/{self.part}" if self.part else ""
        return f"{self.repository}{part}{'@' + self.revision if self.revision else ''}"

    @property
    def name(self) -> str:
        """What a dataset made of it is called in a study: letters, digits and a few signs."""
        return re.sub(r"[^A-Za-z0-9._+-]+", "-", f"{self.repository}/{self.part}".strip("/"))[:60].strip("-.+_")


def hub_place(place: str, beside: Path | None = None) -> HubPlace | None:
    """Understand a place that is no file on this machine.

    Args:
        place: as a study or a command says it: `owner/name`, with `/part` and `@revision` where they are needed; or
            `hf://datasets/owner/name@revision/part`, as the hub's own library writes it.
        beside: the folder that paths are relative to; None where nothing is known of files.

    Returns:
        The place; None if it is something else, such as the path of a file. What begins with a folder that is there is a path,
        also where the rest of it is missing.
    """
    if place.startswith(PREFIX):
        found = _PLACE.fullmatch(place.removeprefix(PREFIX).rstrip("/"))
        return _sound(HubPlace(found[1], found[2] or "", found[3] or "")) if found else None
    found = _BARE.fullmatch(place)
    if found is not None and beside is not None and (beside / place.split("/", maxsplit=1)[0]).exists():
        return None
    if found is None or (found[3] is None and place.lower().endswith(FILE_ENDINGS)):
        return None
    return _sound(HubPlace(found[1], found[3] or "", found[2] or ""))


def _sound(place: HubPlace) -> HubPlace | None:
    return None if ".." in str(place).replace("@", "/").split("/") or "--" in place.repository else place
