"""The product's warm parent and stub job, without torch: it imports only what the stub needs, and starts in a second."""

from __future__ import annotations

import sys
from pathlib import Path

from bakeoff.catalog import registry
from bakeoff.worker import run, warm
from bakeoff.worker.stub import run_stub


def preload(families: list[str]) -> None:
    registry.cards("method")


if __name__ == "__main__":
    assert run_stub
    if sys.argv[1] == "job":
        sys.exit(run.run_job(Path(sys.argv[2])))
    warm.preload = preload
    sys.exit(warm.serve(sys.argv[2:]))
