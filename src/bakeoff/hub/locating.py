"""Find a pretrained model on this machine.

A catalog model is looked for in its Python package (whose code is never imported), then among the fetched ones
(`$BAKEOFF_HOME/models/<owner>--<name>/<commit>/`), then in the ordinary cache of huggingface_hub, which is only read. A hub
id is looked for in the last two, a folder is itself.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path

from bakeoff.catalog.cards import ModelCard
from bakeoff.errors import FormatError, ModelError
from bakeoff.hub.download import is_commit
from bakeoff.hub.fingerprints import file_hash, model_fingerprint
from bakeoff.hub.modelfiles import WEIGHTS, ModelFiles, check_folder, family, folder_files
from bakeoff.hub.naming import Wanted, fetch_remedy, recorded_commit, repository_folder, wanted_model
from bakeoff.records.files import canonical_json, read_document, sha256_bytes
from bakeoff.records.paths import Home
from bakeoff.records.specs import ModelSpec

MODEL_RECORD = "model.json"
MODEL_VERSION = 1


@dataclass(frozen=True)
class LocatedModel:
    """A model on this machine, checked to be whole.

    Attributes:
        spec: what it is, by content.
        folder: where it lies.
        card: its card, if the catalog has one.
    """

    spec: ModelSpec
    folder: Path
    card: ModelCard | None


def locate_model(home: Home, name: str, revision: str = "", verify: bool = False) -> LocatedModel:
    """Find a model on this machine; the network is never asked.

    Args:
        home: where fetched models are kept.
        name: a catalog name, a hub id `owner/name`, or the absolute path of a folder.
        revision: commit, branch or tag; empty means the card's, or the commit that `main` was when it was fetched.
        verify: whether to hash every file anew, whatever hashes are remembered.

    Returns:
        The model, its files checked to be whole.

    Raises:
        ModelError: if it is not here, or torn, or has only pickled weights; the remedy fetches it.
    """
    return _Search(home, wanted_model(name, revision), verify).locate()


@dataclass
class _Search:
    """One search: the places where a model can be, and why each was passed over."""

    home: Home
    wanted: Wanted
    verify: bool
    passed_over: list[str] = field(default_factory=list)

    def locate(self) -> LocatedModel:
        if self.wanted.folder:
            return self.in_folder(self.wanted.folder)
        found = self.in_package() or self.in_home() or self.in_hub_cache()
        if found:
            return found
        raise ModelError(
            f"the model {self.wanted} is not here{''.join(self.passed_over)}", str(self.home.models), fetch_remedy(self.wanted)
        )

    def in_folder(self, folder: Path) -> LocatedModel:
        if not folder.is_dir():
            raise ModelError(
                "the model's folder does not exist", str(folder), "a path in a study is relative to the study's file"
            )
        files = folder_files(folder)
        if files.only_pickled:
            converted = converted_place(self.home, folder, files)
            if converted.is_dir():
                return self.recorded(converted, "")
        return self.described(folder, self.hashes(folder))

    def in_package(self) -> LocatedModel | None:
        card = self.wanted.card
        folder = package_folder(card) if card and card.package and self.wanted.pinned else None
        return self.whole(folder, "", f"the package {card.package}") if card and folder else None

    def in_home(self) -> LocatedModel | None:
        commit = recorded_commit(self.home, self.wanted)
        folder = repository_folder(self.home, self.wanted.repository) / commit
        there = self.wanted.repository and commit and folder.is_dir()
        return self.recorded(folder, commit) if there else None

    def in_hub_cache(self) -> LocatedModel | None:
        place = hub_cache() / f"models--{self.wanted.repository.replace('/', '--')}"
        # a branch that was resolved once stays what it was; only otherwise does the cache say what it is
        commit = recorded_commit(self.home, self.wanted) or _cached_ref(place, self.wanted.revision)
        folder = place / "snapshots" / commit
        there = self.wanted.repository and commit and folder.is_dir()
        return self.whole(folder, commit, "the cache of huggingface_hub") if there else None

    def whole(self, folder: Path, commit: str, place: str) -> LocatedModel | None:
        """A folder that others fill: it is passed over where it is not whole, or not what the card says."""
        try:
            hashes = self.hashes(folder)
        except ModelError as error:
            self.passed_over.append(f"; {place} has it, but not whole ({error.what})")
            return None
        if not self.is_the_cards(hashes):
            self.passed_over.append(f"; {place} has other weights than the catalog's")
            return None
        return self.described(folder, hashes, commit)

    def recorded(self, folder: Path, commit: str) -> LocatedModel:
        """A folder of the home, whose files must be those that its record names."""
        remedy = f"{fetch_remedy(self.wanted)}: what is torn is set aside and fetched again"
        try:
            known = {name: entry["sha256"] for name, entry in self.record(folder)["files"].items()}
            hashes = self.hashes(folder)
        except (FormatError, ModelError) as error:
            raise ModelError(f"the fetched model is torn: {error.what}", error.where or str(folder), remedy) from error
        wrong = sorted(name for name in known.keys() | hashes.keys() if known.get(name) != hashes.get(name))
        if wrong or not self.is_the_cards(hashes):
            raise ModelError("a file of the fetched model was changed", str(folder / (wrong[0] if wrong else WEIGHTS)), remedy)
        return self.described(folder, hashes, commit)

    def record(self, folder: Path) -> dict[str, dict[str, dict[str, str]]]:
        return read_document(folder / MODEL_RECORD, "model", MODEL_VERSION)

    def hashes(self, folder: Path) -> dict[str, str]:
        files = check_folder(folder, self.wanted.name)
        return {name: file_hash(self.home, folder / name, self.verify) for name in files.readable}

    def is_the_cards(self, hashes: dict[str, str]) -> bool:
        known = self.wanted.weights_sha256
        return not known or hashes.get(WEIGHTS) == known

    def described(self, folder: Path, hashes: dict[str, str], commit: str = "") -> LocatedModel:
        name = self.wanted.folder.name if self.wanted.folder else self.wanted.name
        spec = ModelSpec(name=name, revision=commit, fingerprint=model_fingerprint(hashes), family=family(folder))
        return LocatedModel(spec, folder, self.wanted.card)


def converted_place(home: Home, folder: Path, files: ModelFiles) -> Path:
    """Where the safetensors of a folder with only pickled weights are kept.

    Args:
        home: where models are kept.
        folder: the user's folder, which is never written to.
        files: its needed files.

    Returns:
        A folder named by the content of the user's files; it may not exist yet.
    """
    hashes = {name: file_hash(home, folder / name) for name in (*files.pickles, *files.readable)}
    return home.models / "converted" / sha256_bytes(canonical_json(hashes).encode())[:32]


def package_folder(card: ModelCard) -> Path | None:
    """Where a Python package carries a model, found without importing the package.

    Args:
        card: the model's card.

    Returns:
        The folder, which may not exist; None if the package is not installed.
    """
    # Only the top name is asked for: for a dotted one, find_spec would import the packages above it.
    top, _, rest = card.package.partition(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*rest.split(".") if rest else [], card.folder)


def hub_cache() -> Path:
    """The folder in which huggingface_hub keeps what other programs downloaded.

    Returns:
        By `$HF_HUB_CACHE`, `$HF_HOME` or `$XDG_CACHE_HOME`, as the library itself finds it.
    """
    for variable, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(variable):
            return Path(os.path.expandvars(os.environ[variable])).expanduser() / below
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "huggingface" / "hub"


def _cached_ref(place: Path, revision: str) -> str:
    path = place / "refs" / revision
    if ".." in Path(revision).parts or not path.is_file():
        return ""
    commit = path.read_text(encoding="ascii", errors="replace").strip()
    return commit if is_commit(commit) else ""
