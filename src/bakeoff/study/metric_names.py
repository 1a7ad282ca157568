"""Metrics as a study writes them: a name, with a fixed threshold where it takes one."""

from __future__ import annotations

import re

from bakeoff.catalog.cards import MetricCard
from bakeoff.catalog.registry import cards
from bakeoff.study.faults import Faults
from bakeoff.study.tree import Node

THRESHOLD = re.compile(r"0?\.[0-9]+")


def check_metric(node: Node, written: str, faults: Faults) -> None:
    """Check a metric that may carry a fixed threshold, such as `f1_macro@0.2`.

    Args:
        node: the node whose key is the metric.
        written: the metric as written.
        faults: where faults are recorded.
    """
    name, at, threshold = written.partition("@")
    card = cards("metric").get(name)
    if card is None:
        faults.add_name(Node(name, node.file, node.key_line, node.key, text=written), "metric", list(cards("metric")))
    elif at and not (isinstance(card, MetricCard) and card.thresholded):
        faults.add(node, f"{name} takes no threshold", name, key=True)
    elif at and not THRESHOLD.fullmatch(threshold):
        faults.add(node, "not a threshold", f"{name}@0.2: a number between 0 and 1", key=True)
