"""`python -m soak.command …` is `bakeoff …`, with two things set from outside.

`SOAK_WORKER` names another worker, `SOAK_UNREPORTED` leaves the report at the end out, which costs seconds and is no matter of
most rows. Without them it is exactly `bakeoff`.
"""

from __future__ import annotations

import json
import os

WORKER, UNREPORTED = "SOAK_WORKER", "SOAK_UNREPORTED"

if __name__ == "__main__":
    from bakeoff.cli import run
    from bakeoff.cli.main import main
    from bakeoff.running import warm

    if words := os.environ.pop(WORKER, ""):
        warm.WORKER_COMMAND = tuple(json.loads(words))
    if os.environ.pop(UNREPORTED, ""):
        run.conclude = lambda *_: None
    main()
