"""Draws inverted-asl.svg: the gradient of a negative under the asymmetric loss, by the paper and by the inverted weighting.

python docs/figures/inverted_asl.py            writes the file beside this one
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.report.figures import draw
from bakeoff.report.loss_figures import gradient_sketch

CLIP = 0.05
NAME = "inverted-asl"
LOGITS = np.linspace(-6, 6, 121)
GROUND = '<rect width="100%" height="100%" fill="#ffffff"/>'
"""White paper: a page in the dark shows the lines too."""


def paper(x: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """Gradient of -p_m^γ · log(1 - p_m), p_m = max(p - clip, 0)."""
    p = 1 / (1 + np.exp(-x))
    m = np.maximum(p - CLIP, 0)
    return p * (1 - p) * (m**gamma / (1 - m) - gamma * m ** (gamma - 1) * np.log(1 - m))


def inverted(x: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """Gradient of -(1 - p_m)^γ · log(1 - p_m), which is 0 below the margin."""
    p = 1 / (1 + np.exp(-x))
    m = np.maximum(p - CLIP, 0)
    return np.where(p > CLIP, p * (1 - p) * (1 - m) ** (gamma - 1) * (1 + gamma * np.log(1 - m)), 0)


def main(target: Path) -> None:
    """Draw.

    Args:
        target: the SVG to write.
    """
    lines = {"the paper, γ₋ = 4": paper(LOGITS, 4), "inverted, γ₋ = 4": inverted(LOGITS, 4)}
    lines |= {"the paper, γ₋ = 2": paper(LOGITS, 2), "inverted, γ₋ = 2": inverted(LOGITS, 2)}
    plain = {name: values.tolist() for name, values in lines.items()}
    sketch = gradient_sketch("Gradient for a negative (it should be above 0)", NAME, LOGITS.tolist(), plain)
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), sketch)
        svg = (Path(folder) / f"{NAME}.svg").read_text(encoding="utf8")
    head, body = svg.split("<g id=", 1)
    target.write_text(f"{head}{GROUND}\n <g id={body}", encoding="utf8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name(f"{NAME}.svg"))
