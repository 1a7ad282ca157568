"""`bakeoff schema`: the study file for editors."""

from __future__ import annotations

NAME = "schema"
SHORT = "Print a JSON schema of the study file."
HELP = """Print a JSON schema of the study file, with which editors complete names and mark slips.

\b
Example:
  bakeoff schema > study.schema.json
  # and as the study's first line:  # yaml-language-server: $schema=study.schema.json
"""


def command() -> None:
    """Print a JSON schema of the study file."""
    from bakeoff.cli.shown import write_json
    from bakeoff.study.schema import json_schema

    write_json(json_schema())
