"""Predictions from elsewhere as a recipe: the file is found, and its content becomes part of the recipe."""

from __future__ import annotations

from pathlib import Path

from bakeoff.records.files import sha256_file
from bakeoff.records.predictions import SUFFIXES
from bakeoff.records.specs import Component
from bakeoff.study.faults import Faults
from bakeoff.study.tree import Node

EXTERNAL = "external"


def place_predictions(method: Component, node: Node, folder: Path, faults: Faults) -> Component | None:
    """Find the file of a recipe of predictions.

    Args:
        method: the recipe's method, `external`.
        node: the method's node.
        folder: what paths are relative to: the study file's folder.
        faults: where faults are recorded.

    Returns:
        The method with the file's absolute path and its hash; None if there is no such file, or it is another than the one
        whose hash the study gives.
    """
    place = node.at("file") or node
    path = (folder / Path(str(method.settings["file"])).expanduser()).resolve()
    if path.suffix.lower() not in SUFFIXES:
        faults.add(place, "no file of predictions has this suffix", ", ".join(SUFFIXES))
        return None
    try:
        digest = sha256_file(path)
    except OSError as error:
        faults.add(place, f"the predictions cannot be read: {error.strerror}", f"a path relative to the study file ({path})")
        return None
    stated = method.settings["sha256"]
    if stated and stated != digest:
        faults.add(place, "these are other predictions than the study was made with", f"a file with the hash {stated}")
        return None
    return method.model_copy(update={"settings": {**method.settings, "file": str(path), "sha256": digest}})
