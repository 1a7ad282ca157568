"""Data and models from outside: fetched, packed, unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakeoff.hub.download import Progress
    from bakeoff.hub.models import LocatedModel
    from bakeoff.preflight.provisions import Provision
    from bakeoff.records.paths import Home


def fetch(
    study: str | Path, profile: str | None = None, overrides: Sequence[str] = (), progress: Progress | None = None
) -> list[Provision]:
    """Have all data and models that a study needs on this machine, every byte verified.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        progress: told (file, bytes here, bytes in all).

    Returns:
        What is here.
    """
    from bakeoff.preflight import provisions
    from bakeoff.records.paths import Home
    from bakeoff.study.loading import find_study, load_study

    resolved = load_study(find_study(str(study)), profile, overrides)
    return provisions.fetch(Home.default(), resolved, fetch_model, progress)


def pack(
    study: str | Path,
    file: Path,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Provision]:
    """Write all data and models that a study needs into one file, for a machine without a network.

    Args:
        study: path of a study file, or the name of a built-in study; its data and models must be here.
        file: the file to write.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        progress: told (path in the pack, bytes done, bytes in all).

    Returns:
        What was packed; what was not has a note.
    """
    from bakeoff.preflight import provisions
    from bakeoff.records.paths import Home
    from bakeoff.study.loading import find_study, load_study

    resolved = load_study(find_study(str(study)), profile, overrides)
    return provisions.pack(Home.default(), resolved, file.absolute(), progress)


def unpack(file: Path, progress: Progress | None = None) -> list[Provision]:
    """Put what a pack holds into the home folder, every byte verified.

    Args:
        file: the pack.
        progress: told (path in the pack, bytes done, bytes in all).

    Returns:
        What is here now.
    """
    from bakeoff.preflight import provisions
    from bakeoff.records.paths import Home

    return provisions.unpack(Home.default(), file.absolute(), progress)


def fetch_model(home: Home, name: str, revision: str = "", progress: Progress | None = None) -> LocatedModel:
    """Have a model on this machine; pickled weights are converted once, in a process of their own.

    Args:
        home: where models are kept.
        name: a catalog name, a hub id, or the path of a folder.
        revision: commit, branch or tag.
        progress: told (file, bytes here, bytes in all).

    Returns:
        The model.
    """
    from bakeoff.hub import fetching
    from bakeoff.running.oneoff import convert_weights

    return fetching.fetch_model(home, name, revision, lambda source, target: convert_weights(home, source, target), progress)
