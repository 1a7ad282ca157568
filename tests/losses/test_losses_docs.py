"""What docs/losses.md shows: the figure of the inverted weighting, each loss and each of its settings."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from broken_losses import Inverted

from bakeoff.catalog import registry
from bakeoff.catalog.cards import Settings
from bakeoff.losses.base import Loss, make_loss
from bakeoff.losses.inspection import FACTS, curve

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "figures" / "inverted_asl.py"))


@pytest.mark.parametrize(
    ("drawn", "loss"),
    [("paper", make_loss("asymmetric", {"gamma_neg": 4, "clip": 0.05}, FACTS)), ("inverted", Inverted(Settings(), FACTS))],
    ids=["paper", "inverted"],
)
def test_the_drawn_curves_are_the_gradients(drawn: str, loss: Loss) -> None:
    logits = SCRIPT["LOGITS"]
    gradients = curve(loss, "negative", torch.from_numpy(logits))[1].numpy()
    np.testing.assert_allclose(SCRIPT[drawn](logits, 4), gradients, atol=1e-6)


def test_the_figure_in_the_docs_is_the_scripts(tmp_path: Path) -> None:
    SCRIPT["main"](tmp_path / "figure.svg")
    shown, made = (
        (path).read_text(encoding="utf8") for path in (DOCS / "figures" / "inverted-asl.svg", tmp_path / "figure.svg")
    )
    texts = [
        [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")] for svg in (shown, made)
    ]
    assert texts[0] == texts[1]
    assert "inverted, γ₋ = 4" in texts[0]
    assert len(shown) < 50_000


@pytest.mark.parametrize("name", ["bce", "focal", "asymmetric", "class-balanced", "distribution-balanced", "combined"])
def test_every_setting_stands_on_the_page_with_its_default(name: str) -> None:
    page = (DOCS / "losses.md").read_text(encoding="utf8")
    part = re.search(rf"^## {name}$(.*?)(?=^## )", page, re.M | re.S)
    assert part
    shared = (
        page[page.index("## For every sum") : page.index("## bce")] + "`gamma_neg`, `gamma_pos`, `clip`, `alpha` and `gamma`"
    )
    settings = registry.loss(name).settings.model_fields
    for setting, field in settings.items():
        assert f"`{setting}`" in part.group(1) + shared, setting
        row = re.search(rf"^\| `{setting}` \| ([^|]*) \|", part.group(1), re.M)
        if row and isinstance(field.default, float):
            assert float(row.group(1)) == field.default
    named = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", part.group(1), re.M))
    assert {word for cell in named for word in re.findall(r"`(\w+)`", cell)} <= set(settings)
