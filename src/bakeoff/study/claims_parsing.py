"""From a sentence to a claim.

    claim     = "every trial completes"
              | ["total"] ("peak memory" | "time") "stays below" SIZE-OR-TIME
              | subject says
    subject   = RECIPE | ("any of" | "all of") "[" RECIPE {"," RECIPE} "]"
    says      = "beats" rival ["by" margin] where
              | "is best" where
              | "is within" margin "of" rival where
              | "is no worse than" rival "by more than" margin where
              | "reaches" NUMBER where
              | "takes less" ("time" | "memory") "than" RECIPE ["on" TASK]
              | "drifts" ["at least" NUMBER "%"] "less than" RECIPE ["on" TASK]
    rival     = RECIPE | NUMBER
    margin    = NUMBER ("%" | "point" | "points")
    where     = ["in" METRIC["@" THRESHOLD]] ["on" TASK]

Verbs may stand in the plural. A name of a recipe counts as such even where it is also a number or a word of the grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic_core import PydanticCustomError

from bakeoff.study.claims import (
    PER_LABEL,
    Beats,
    Best,
    Claim,
    DriftsLess,
    EveryTrialCompletes,
    Margin,
    Measure,
    NoWorse,
    Quantity,
    Reaches,
    Several,
    Single,
    Statement,
    StaysBelow,
    TakesLess,
    Vocabulary,
    Within,
)
from bakeoff.study.claims_words import NUMBER, Reader, SentenceError, Word
from bakeoff.study.quantities import parse_duration, parse_size

Make = Callable[[str], Single]
VERBS = ("beats", "beat", "is", "are", "reaches", "reach", "takes", "take", "drifts", "drift")
WIDEST = {True: 1_000.0, False: 100.0}
"""Largest margin in percent and in points."""


def parse_claim(text: str, known: Vocabulary) -> Claim:
    """Read a claim.

    Args:
        text: the sentence.
        known: the names that it may use.

    Returns:
        The claim.

    Raises:
        SentenceError: if it cannot be read, with the word at which it stops.
    """
    reader = Reader(text)
    statement = read_statement(reader, known)
    if not reader.at_end:
        raise reader.fault("the claim should end here", _what_may_follow(statement))
    return Claim(text, statement)


def read_statement(reader: Reader, known: Vocabulary) -> Statement:
    """Read a claim that other words may follow.

    Args:
        reader: at its first word; afterwards behind its last.
        known: the names that it may use.

    Returns:
        What it says.

    Raises:
        SentenceError: if it cannot be read.
    """
    if reader.here.text not in known.recipes:
        observed = _observation(reader)
        if observed is not None:
            return observed
    return _about_recipes(reader, known)


def _what_may_follow(statement: Statement) -> list[str] | str:
    single = statement.parts[0] if isinstance(statement, Several) else statement
    if isinstance(single, TakesLess | DriftsLess):
        return ["on"]
    if isinstance(single, Beats):
        return ["by", "in", "on"] if not single.margin.size else ["in", "on"]
    return "nothing more" if isinstance(single, StaysBelow | EveryTrialCompletes) else ["in", "on"]


def _observation(reader: Reader) -> Single | None:
    if reader.accept("every trial", "all trials"):
        reader.expect("completes", "complete", "completed", after="the trials")
        return EveryTrialCompletes()
    place = reader.place
    total = bool(reader.accept("total"))
    if reader.accept("peak memory", "memory"):
        return _stays_below(reader, "memory", total)
    if reader.accept("time"):
        return _stays_below(reader, "time", total)
    if total:
        reader.expect("peak memory", "time", after="`total`")
    reader.back_to(place)
    return None


def _stays_below(reader: Reader, quantity: Quantity, total: bool) -> StaysBelow:
    reader.expect("stays below", after="what is measured")
    first = reader.take()
    written = first.text
    if NUMBER.fullmatch(written) and not reader.at_end:
        written += " " + reader.take().text
    try:
        limit = float(parse_size(written)) if quantity == "memory" else parse_duration(written)
    except PydanticCustomError as error:
        context = error.context or {}
        raise SentenceError(first, error.message(), context["allowed"], context.get("suggestion", "")) from error
    return StaysBelow(quantity, limit, written, total)


def _about_recipes(reader: Reader, known: Vocabulary) -> Statement:
    how = "" if reader.here.text in known.recipes else reader.accept("any of", "all of")
    recipes = _list(reader, known) if how else [_recipe(reader, known, subject=True)]
    statement = _verb(reader, known, recipes)
    singles = tuple(statement(index) for index in range(len(recipes)))
    for single in singles:
        _check_present(reader, known, single)
    if not how:
        return singles[0]
    return Several("any" if how == "any of" else "all", singles)


def _check_present(reader: Reader, known: Vocabulary, said: Single) -> None:
    """Recipes are compared on a task that they are carried out on."""
    if isinstance(said, StaysBelow | EveryTrialCompletes):
        return
    task = said.task if isinstance(said, TakesLess | DriftsLess) else said.measure.task
    rival = said.rival if isinstance(said, Beats | Within | NoWorse | TakesLess | DriftsLess) else None
    named = [said.recipe, rival] if isinstance(rival, str) else [said.recipe]
    on = [[name for name, words in known.tasks.items() if recipe in words.recipes] for recipe in named]
    if not task and on[0] != on[-1]:
        raise reader.fault(
            f"{named[0]} and {named[1]} are on different tasks", [f"on {name}" for name in on[0] if name in on[1]]
        )
    for name, tasks in zip(named, on, strict=True):
        if task and task not in tasks:
            raise reader.fault(f"{name} is not carried out on {task}", list(known.tasks[task].recipes), reader.find(name))
    if isinstance(said, Best) and known.tasks[task].recipes == (said.recipe,):
        raise reader.fault(f"no other recipe is carried out on {task}", "another task", reader.find(said.recipe))


def _list(reader: Reader, known: Vocabulary) -> list[str]:
    reader.expect("[", after="`of`")
    recipes: list[str] = []
    while True:
        word = reader.here
        recipe = _recipe(reader, known)
        if recipe in recipes:
            raise reader.fault("the recipe stands twice in the list", "each recipe once", word)
        recipes.append(recipe)
        if reader.accept("]"):
            return recipes
        reader.expect(",", "]", after="a recipe of the list")


def _recipe(reader: Reader, known: Vocabulary, subject: bool = False) -> str:
    word = reader.here
    if word.text not in known.recipes:
        more = ["any of", "all of", "every trial completes", "total peak memory"] if subject else []
        problem = "no recipe has this name" if word.text else "the name of a recipe is missing"
        raise reader.fault(problem, [*known.recipes, *more])
    return reader.take().text


def _rival(reader: Reader, known: Vocabulary) -> str | float:
    word = reader.here
    if word.text not in known.recipes and NUMBER.fullmatch(word.text):
        return float(reader.take().text)
    if word.text not in known.recipes:
        problem = "no recipe has this name" if word.text else "the rival is missing"
        raise reader.fault(problem, [*known.recipes, "a number"])
    return reader.take().text


def _verb(reader: Reader, known: Vocabulary, recipes: Sequence[str]) -> Callable[[int], Single]:
    """What is said of each recipe, by its place in the list."""
    start = reader.here
    verb = reader.expect(*VERBS, after="the recipe")
    if verb in ("beats", "beat"):
        make = _beats(reader, known, recipes)
    elif verb in ("reaches", "reach"):
        make = _reaches(reader, known)
    elif verb in ("takes", "take"):
        make = _takes(reader, known, recipes)
    elif verb in ("drifts", "drift"):
        make = _drifts(reader, known, recipes)
    else:
        make = _is(reader, known, recipes, start)
    return lambda index: make(recipes[index])


def _is(reader: Reader, known: Vocabulary, recipes: Sequence[str], start: Word) -> Make:
    said = reader.expect("best", "the best", "within", "no worse than", "not worse than", after=f"`{start.text}`")
    if said in ("best", "the best"):
        if len(recipes) == len(known.recipes):
            raise reader.fault("no recipe is left to be better than", "fewer recipes, or a study with more", start)
        measure = _where(reader, known)
        return lambda recipe: Best(recipe, measure)
    if said == "within":
        margin = _margin(reader, "`within`", below_all=True)
        reader.expect("of", after="the margin")
        number = reader.here
        rival = _other(reader, known, recipes)
        measure = _against(reader, known, rival, number)
        return lambda recipe: Within(recipe, rival, measure, margin)
    number = reader.here
    rival = _other(reader, known, recipes)
    reader.expect("by more than", after="the rival")
    margin = _margin(reader, "`by more than`", below_all=True)
    measure = _against(reader, known, rival, number)
    return lambda recipe: NoWorse(recipe, rival, measure, margin)


def _beats(reader: Reader, known: Vocabulary, recipes: Sequence[str]) -> Make:
    number = reader.here
    rival = _other(reader, known, recipes)
    margin = Margin()
    if reader.accept("by"):
        reader.accept("more than", "at least")
        margin = _margin(reader, "`by`", below_all=False)
    measure = _against(reader, known, rival, number)
    return lambda recipe: Beats(recipe, rival, measure, margin)


def _reaches(reader: Reader, known: Vocabulary) -> Make:
    word = reader.here
    value = reader.number("`reaches`")
    measure = _where(reader, known)
    _check_score(reader, word, value, measure, known)
    return lambda recipe: Reaches(recipe, value, measure)


def _takes(reader: Reader, known: Vocabulary, recipes: Sequence[str]) -> Make:
    said = reader.expect("less time than", "less memory than", after="`takes`")
    quantity: Quantity = "time" if "time" in said else "memory"
    word = reader.here
    rival = _recipe(reader, known)
    _check_other(reader, word, rival, recipes)
    task = _task(reader, known) if reader.accept("on") else ""
    return lambda recipe: TakesLess(recipe, rival, quantity, task or _only(known))


def _drifts(reader: Reader, known: Vocabulary, recipes: Sequence[str]) -> Make:
    share = 0.0
    if reader.accept("at least"):
        word = reader.here
        amount = reader.number("`at least`")
        reader.expect("%", "percent", after="a number")
        if not 0 < amount < 100:
            raise reader.fault("out of range", "more than 0 and below 100 %", word)
        share = amount / 100
    reader.expect("less than", after="`drifts`")
    word = reader.here
    rival = _recipe(reader, known)
    _check_other(reader, word, rival, recipes)
    task = _task(reader, known) if reader.accept("on") else _only(known)
    if not task:
        raise reader.fault("on which task is not said", [f"on {name}" for name in known.tasks])
    return lambda recipe: DriftsLess(recipe, rival, share, task)


def _only(known: Vocabulary) -> str:
    return next(iter(known.tasks)) if len(known.tasks) == 1 else ""


def _other(reader: Reader, known: Vocabulary, recipes: Sequence[str]) -> str | float:
    word = reader.here
    rival = _rival(reader, known)
    _check_other(reader, word, rival, recipes)
    return rival


def _check_other(reader: Reader, word: Word, rival: str | float, recipes: Sequence[str]) -> None:
    if rival in recipes:
        raise reader.fault("a recipe is compared with itself", "another recipe", word)


def _margin(reader: Reader, after: str, *, below_all: bool) -> Margin:
    word = reader.here
    amount = reader.number(after)
    unit = reader.expect("%", "percent", "points", "point", after="a number")
    relative = unit in ("%", "percent")
    widest = 100.0 if below_all else WIDEST[relative]
    if not 0 < amount <= widest or (below_all and amount == widest):
        raise reader.fault("out of range", f"more than 0 and {'below' if below_all else 'at most'} {widest:g} {unit}", word)
    return Margin(amount / 100, relative)


def _against(reader: Reader, known: Vocabulary, rival: str | float, number: Word) -> Measure:
    """The measure of a comparison; a rival that is a number has to be a score of it."""
    measure = _where(reader, known)
    if isinstance(rival, float):
        _check_score(reader, number, rival, measure, known)
    return measure


def _where(reader: Reader, known: Vocabulary) -> Measure:
    """The measure; "in" and "on" in either order, each once."""
    task, metric = "", Word("", 0)
    while True:
        if not metric.text and reader.accept("in"):
            metric = reader.take()
        elif not task and reader.accept("on"):
            task = _task(reader, known)
        else:
            break
    if not task:
        task = _only(known)
    if not task:
        raise reader.fault("on which task is not said", [f"on {name}" for name in known.tasks])
    return _measure(reader, known, metric, task) if metric.place else _task_measure(known, task)


def _task(reader: Reader, known: Vocabulary) -> str:
    if reader.here.text not in known.tasks:
        raise reader.fault("no task has this name" if reader.here.text else "the task is missing", list(known.tasks))
    return reader.take().text


def _task_measure(known: Vocabulary, task: str) -> Measure:
    name, _, rule = known.tasks[task].metric.partition("@")
    return Measure(task, name, rule, name in known.lower)


def _measure(reader: Reader, known: Vocabulary, word: Word, task: str) -> Measure:
    name, at, rule = word.text.partition("@")
    words = known.tasks[task]
    if name not in words.metrics:
        problem = f"no metric of the task {task} has this name" if name else "the metric is missing"
        raise reader.fault(problem, list(words.metrics), word)
    if at and (name in known.plain or not words.thresholds):
        raise reader.fault(f"{name} takes no threshold here", name, word)
    if at and rule != PER_LABEL and not (NUMBER.fullmatch(rule) and 0 < float(rule) < 1):
        raise reader.fault("not a threshold", f"{name}@0.2: a number between 0 and 1, or {PER_LABEL}", word)
    return Measure(task, name, rule if rule == PER_LABEL or not at else str(float(rule)), name in known.lower)


def _check_score(reader: Reader, word: Word, value: float, measure: Measure, known: Vocabulary) -> None:
    if measure.metric in known.scores and not -1 <= value <= 1:
        raise reader.fault(f"{measure.metric} lies between 0 and 1", f"a number such as {value / 100:g}", word)
