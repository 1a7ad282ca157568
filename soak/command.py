"""`python -m soak.command …` is `bakeoff …`, with three things set from outside.

`SOAK_WORKER` names another worker, `SOAK_UNREPORTED` leaves the report at the end out, which costs seconds and is no matter of
most rows, and `SOAK_NEWER` says of which components the code is newer, as `kind:name,…`. Without them it is exactly `bakeoff`.
"""

from __future__ import annotations

import json
import os

WORKER, UNREPORTED, NEWER = "SOAK_WORKER", "SOAK_UNREPORTED", "SOAK_NEWER"


def make_newer(components: str) -> None:
    """Raise versions of components, as a change of their arithmetic does.

    Args:
        components: which, `kind:name` joined by commas.
    """
    from dataclasses import replace

    from bakeoff.catalog import registry

    for kind, _, name in (part.partition(":") for part in components.split(",")):
        known = registry.cards(kind)  # type: ignore[arg-type]
        known[name] = replace(known[name], version=known[name].version + 1)


def be_bakeoff() -> None:
    """Go on as `bakeoff`, with the arguments of this process."""
    from bakeoff.cli import run
    from bakeoff.cli.main import main
    from bakeoff.running import warm

    if words := os.environ.pop(WORKER, ""):
        warm.WORKER_COMMAND = tuple(json.loads(words))
    if os.environ.pop(UNREPORTED, ""):
        run.conclude = lambda *_: None
    if components := os.environ.pop(NEWER, ""):
        make_newer(components)
    main()


if __name__ == "__main__":
    be_bakeoff()
