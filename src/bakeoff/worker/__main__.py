"""`python -m bakeoff.worker job FOLDER [PARENT]` runs one job, which does not outlive the process PARENT that started it;
`python -m bakeoff.worker warm [FAMILY …]` is the warm parent.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run a job, or wait for requests to fork.

    Args:
        arguments: `job FOLDER [PARENT]` or `warm FAMILY …`.

    Returns:
        The exit status: 0 if an outcome was left.
    """
    match arguments:
        case ["job", folder, *parent] if len(parent) < 2:
            if parent:
                from bakeoff.worker.lineage import die_with_parent

                # before anything else is imported: whoever goes on with what was killed shall be the only one that works on it
                die_with_parent(int(parent[0]))
            from bakeoff.worker.run import run_job

            return run_job(Path(folder))
        case ["warm", *families]:
            from bakeoff.worker.warm import serve

            return serve(families)
        case _:
            sys.stderr.write("usage: python -m bakeoff.worker job FOLDER [PARENT] | warm [FAMILY …]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
