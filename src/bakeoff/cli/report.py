"""`bakeoff report`: scores and ranking of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli.options import AsJson, Run
from bakeoff.report.texts import Show

NAME = "report"
SHORT = "Print the ranking of a run, write its report."
HELP = """Analyse a run (anew if it has changed since), print its ranking, and write report.html into its folder.

Test scores are opened only when every trial has ended; each opening is recorded in looks.jsonl. With --json the whole
analysis is printed.

--texts says what the report shows of single examples that recipes miss: nothing, their ids, or their texts as well. Without
it, texts are shown of the built-in corpora alone.

\b
Examples:
  bakeoff report
  bakeoff report runs/demo-default --json
  bakeoff report --texts ids
"""


def command(
    run: Run = None,
    texts: Annotated[
        Show | None,
        typer.Option("--texts", help="What is shown of single examples."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Analyse a run and write its report."""
    from bakeoff import api
    from bakeoff.cli.shown import shown_path, write, write_json

    folder = api.find_run(run)
    analysis = api.analyse(folder.root)
    path = api.write_report(folder, analysis, texts)
    if as_json:
        write_json(analysis.model_dump(mode="json"))
        return
    from bakeoff.cli.ranking import print_ranking

    print_ranking(analysis)
    write(f"report: {shown_path(path)}")
