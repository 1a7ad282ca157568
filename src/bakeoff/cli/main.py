"""`bakeoff`: the verbs put together. A fault of the user or the machine is three lines and exit code 2, caught here alone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bakeoff import __version__
from bakeoff.cli import (
    adapters,
    bench,
    cancel,
    check,
    clean,
    compare,
    data,
    drift,
    explain,
    export,
    fetch,
    init,
    logs,
    losses,
    merge,
    model,
    plain,
    plan,
    predict,
    report,
    retry,
    run,
    runs,
    schema,
    serve,
    shard,
    status,
    verdict,
)
from bakeoff.errors import BakeoffError

HELP = """Puts fine-tuning recipes on trial: a study file in, a verdict out.

\b
Begin here:
  bakeoff run demo              the built-in study, in a few minutes
  bakeoff init reviews.csv      a study of your own data: writes study.yaml, says what to do next
  bakeoff run study.yaml        your own; the same command again goes on where it stopped
  bakeoff report                scores and ranking of the newest run as report.html
  bakeoff verdict               its claims answered: green, yellow or red
"""
INTERRUPTED_EXIT = 130

app = typer.Typer(
    name="bakeoff",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: it comes at once
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for verb in (
    init,
    explain,
    check,
    plan,
    fetch,
    run,
    status,
    logs,
    runs,
    retry,
    cancel,
    clean,
    shard,
    merge,
    report,
    verdict,
    compare,
    drift,
    adapters,
    bench,
    export,
    predict,
    serve,
    losses,
    schema,
):
    app.command(verb.NAME, help=verb.HELP, short_help=verb.SHORT)(verb.command)
app.add_typer(data.app, name="data")
app.add_typer(model.app, name="model")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bakeoff {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `bakeoff` itself."""


def main() -> None:
    """Run the command of this process and end it."""
    if sys.platform == "win32":
        sys.stderr.write("Bakeoff does not run on Windows\nremedy: use Linux, or the Windows Subsystem for Linux\n")
        sys.exit(BakeoffError.exit_code)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=plain.HANDLER)  # a terminal that cannot show a letter must not end a run
    try:
        app(prog_name="bakeoff")
    except BakeoffError as error:
        from bakeoff.cli.shown import safe

        sys.stderr.write(safe(error) + "\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT)
