"""`bakeoff shard`: commands that carry a study out on several machines."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

import typer

from bakeoff.cli.options import AsJson, Overrides, Profile, Study

NAME = "shard"
SHORT = "Deal a study out to several machines."
HELP = """Print the commands that carry a study out on several machines that know nothing of each other, and the one that joins
their runs. By cost, all recipes of a task and seed stay on one machine as far as that is balanced.

\b
Examples:
  bakeoff shard study.yaml --of 3
  bakeoff shard study.yaml --profile quick --of 2 --by task --json
"""

Of = Annotated[int, typer.Option("--of", min=2, max=1000, metavar="N", help="How many machines.")]
How = Annotated[Literal["cost", "task", "recipe"], typer.Option("--by", help="What is kept together on a machine.")]


def command(
    study: Study, of: Of, by: How = "cost", profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Print the commands."""
    from bakeoff import api
    from bakeoff.cli.shown import duration, write, write_json

    found = api.shard(study, of, by, profile, overrides or ())
    if as_json:
        shards = [
            {"trials": [trial.id for trial in one.trials], "seconds": one.seconds, "command": shlex.join(words)}
            for one, words in zip(found.shards, found.commands, strict=True)
        ]
        write_json({"shards": shards, "imbalance": found.imbalance, "merge": shlex.join(found.merging)})
        return
    for number, (one, words) in enumerate(zip(found.shards, found.commands, strict=True), 1):
        write(f"# {number} of {of}: {len(one.trials)} trials, about {duration(one.seconds)}")
        write(shlex.join(words))
    write(
        f"# the dearest is {100 * found.imbalance:.1f} % above an equal share; when all have ended, their folders side by side:"
    )
    write(shlex.join(found.merging))
