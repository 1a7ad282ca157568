"""Recipes whose speed a study asks about: their trials are measured with nothing beside them."""

from __future__ import annotations

from bakeoff.study.claims import Several, Single, Statement, StaysBelow, TakesLess
from bakeoff.study.claims_checking import vocabulary
from bakeoff.study.claims_parsing import parse_claim
from bakeoff.study.model import Study
from bakeoff.study.verdict_rules import Said, parse_rule

TIME = "time"


def timed_recipes(study: Study) -> frozenset[str]:
    """Recipes whose trials' time a claim, or a rule of the verdict, is about.

    Args:
        study: the study.

    Returns:
        Their names; all of them where a limit on time is claimed.
    """
    tasks = {name: (task.kind, task.metric) for name, task in study.tasks.items()}
    recipes: dict[str, list[str]] = {name: [] for name in study.recipes}
    for name, task, _ in study.pairs:
        recipes[name].append(task)
    known = vocabulary(recipes, tasks)
    said: list[Statement] = [parse_claim(text, known).statement for text in study.claims]
    for text in (study.verdict.green, study.verdict.yellow):
        conditions = parse_rule(text, known, len(study.claims)).conditions if text else ()
        said += [one.means.statement for one in conditions if isinstance(one.means, Said)]
    found: set[str] = set()
    for part in (part for statement in said for part in _parts(statement)):
        if isinstance(part, TakesLess) and part.quantity == TIME:
            found |= {part.recipe, part.rival}
        elif isinstance(part, StaysBelow) and part.quantity == TIME:
            found |= set(recipes)
    return frozenset(found)


def _parts(statement: Statement) -> tuple[Single, ...]:
    return statement.parts if isinstance(statement, Several) else (statement,)
