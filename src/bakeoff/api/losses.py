"""How losses behave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import CatalogError

if TYPE_CHECKING:
    from bakeoff.records.specs import Component


def inspect_losses(
    names: Sequence[str] = (), study: str | Path | None = None, profile: str | None = None
) -> dict[str, dict[str, Any]]:
    """Compute how losses behave, in a process of its own.

    Args:
        names: losses of the catalog, or, with a study, recipes; none means all.
        study: path of a study file, or the name of a built-in study, whose recipes' losses are meant.
        profile: the profile laid over it.

    Returns:
        What `bakeoff.losses.inspection.inspect_loss` finds of each, by name.

    Raises:
        CatalogError: if a name is not known, or a loss comes without its code.
        StudyError: with all faults of the study.
        JobError: if a loss could not be made or called.
    """
    from bakeoff.records.paths import Home
    from bakeoff.running import oneoff

    known = _losses_of_catalog() if study is None else _losses_of_study(study, profile)
    for name in names:
        if name not in known:
            kind = "loss" if study is None else "recipe with a loss"
            raise CatalogError(
                f"no {kind} is called {name!r}", "" if study is None else str(study), f"known: {', '.join(known)}"
            )
    chosen = list(dict.fromkeys(names)) or list(known)
    found = oneoff.inspect_losses(Home.default(), [known[name] for name in chosen])
    return dict(zip(chosen, found, strict=True))


def _losses_of_catalog() -> dict[str, Component]:
    from bakeoff.catalog import registry
    from bakeoff.records.specs import Component

    cards = [registry.loss(name) for name in registry.cards("loss")]
    return {card.name: Component(name=card.name, version=card.version, settings=dict(card.example)) for card in cards}


def _losses_of_study(study: str | Path, profile: str | None) -> dict[str, Component]:
    from bakeoff.study.loading import find_study, load_study

    recipes = load_study(find_study(str(study)), profile).recipes
    return {name: recipe.loss for name, recipe in recipes.items() if recipe.loss is not None}


def draw_losses(folder: Path, found: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Draw the gradients of losses.

    Args:
        folder: where the files go, each as SVG, PDF, PNG and CSV.
        found: what `inspect_losses` returned.

    Returns:
        The SVG files: for a positive and for a negative.
    """
    from bakeoff.report.loss_figures import write_loss_figures

    return write_loss_figures(folder, found)
