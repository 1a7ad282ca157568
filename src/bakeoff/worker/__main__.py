"""`python -m bakeoff.worker job FOLDER` runs one job; `python -m bakeoff.worker warm [FAMILY …]` is the warm parent."""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run a job, or wait for requests to fork.

    Args:
        arguments: `job FOLDER` or `warm FAMILY …`.

    Returns:
        The exit status: 0 if an outcome was left.
    """
    match arguments:
        case ["job", folder]:
            from bakeoff.worker.run import run_job

            return run_job(Path(folder))
        case ["warm", *families]:
            from bakeoff.worker.warm import serve

            return serve(families)
        case _:
            sys.stderr.write("usage: python -m bakeoff.worker job FOLDER | warm [FAMILY …]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
