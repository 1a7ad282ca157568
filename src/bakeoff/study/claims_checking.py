"""Claims and rules of the verdict checked where they stand, so that a slip is a fault of the study file, with its line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from bakeoff.catalog.cards import MetricCard
from bakeoff.catalog.registry import cards, metrics_of
from bakeoff.study.claims import TaskWords, Vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.claims_words import SentenceError
from bakeoff.study.faults import Faults
from bakeoff.study.recipes import own_tasks
from bakeoff.study.tree import Node
from bakeoff.study.verdict_rules import parse_rule

MULTILABEL = "multilabel"
OURS = "bakeoff.metrics."


def vocabulary(recipes: Mapping[str, Collection[str]], tasks: Mapping[str, tuple[str, str]]) -> Vocabulary:
    """The names that claims may use.

    Args:
        recipes: for each recipe the names of the tasks that it is carried out on.
        tasks: kind and metric of each task by name; an empty metric means the kind's first.

    Returns:
        The names, with what the catalog says of metrics.
    """
    metrics = {name: card for name, card in cards("metric").items() if isinstance(card, MetricCard)}
    known = {}
    for name, (kind, metric) in tasks.items():
        fitting = metrics_of(kind)
        own = tuple(recipe for recipe, on in recipes.items() if name in on)
        known[name] = TaskWords(metric or (fitting[0] if fitting else ""), fitting, kind == MULTILABEL, own)
    return Vocabulary(
        recipes=tuple(recipes),
        tasks=known,
        lower=frozenset(name for name, card in metrics.items() if not card.higher_is_better),
        plain=frozenset(name for name, card in metrics.items() if not card.thresholded),
        scores=frozenset(name for name, card in metrics.items() if card.path.startswith(OURS)),
    )


def check_claims(root: Node, kinds: dict[str, str], faults: Faults) -> None:
    """Check every claim, and the rules of the verdict.

    Args:
        root: the study's tree, the matrix expanded.
        kinds: kind of each task by name, where known.
        faults: where faults are recorded.
    """
    nodes_of_recipes = (root.at("recipes") or root.holding({})).entries
    recipes = {name: own_tasks(root, node) for name, node in nodes_of_recipes.items()}
    tasks = (root.at("tasks") or root.holding({})).entries
    if not recipes or set(kinds) != set(tasks):
        return  # what is missing there is a fault already, and every sentence would only repeat it
    known = vocabulary(recipes, {name: (kinds[name], _metric(node)) for name, node in tasks.items()})
    claims = root.at("claims")
    nodes = claims.items if claims else []
    for node in nodes:
        if isinstance(node.value, str) and node.value:
            _check(node, lambda text: parse_claim(text, known), faults)
    verdict = root.at("verdict")
    for colour in ("green", "yellow"):
        rule = verdict.at(colour) if verdict else None
        if rule and isinstance(rule.value, str) and rule.value:
            _check(rule, lambda text: parse_rule(text, known, len(nodes)), faults)


def _metric(task: Node) -> str:
    node = task.at("metric")
    return node.value if node is not None and isinstance(node.value, str) else ""


def _check(node: Node, read: Callable[[str], object], faults: Faults) -> None:
    try:
        read(str(node.value))
    except SentenceError as error:
        faults.add(node, str(error), error.allowed, error.suggestion)
