"""`bakeoff data audit` and `bakeoff data draws`: what is wrong with data, and what treatments make of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson

if TYPE_CHECKING:
    from bakeoff.data.dataset import Dataset
    from bakeoff.records.audits import Audit, AuditFinding

FINDING_COLUMNS = {"severity": "severity", "what": "found", "remedy": "remedy"}
SPLIT_COLUMNS = {
    "split": "split",
    "rows": ">rows",
    "groups": ">groups",
    "characters": "characters a text",
    "languages": "languages (a guess)",
}
PAIR_COLUMNS = {"first": "label", "second": "with", "together": ">together", "lift": ">lift", "implied": ">of the rarer"}
DOUBT_COLUMNS = {
    "label": "label",
    "wrongly_given": ">probably wrongly given",
    "wrongly_missing": ">probably missing",
    "quality": ">average precision of the model that doubts",
}
CASE_COLUMNS = {"split": "split", "id": "id", "labels": "labels", "text": "text"}
DRAW_COLUMNS = {"label": "label", "rows": ">rows", "meant": ">meant", "realised": ">realised", "growth": ">growth"}
SHOWN_PAIRS, SHOWN_DOUBTS, SHOWN_LANGUAGES = 10, 10, 3
LONGEST_TEXT = 100
SEVERE_EXIT = 3
KEPT_EXAMPLES = 20


def card(
    name: Annotated[
        str, typer.Argument(metavar="NAME|STUDY", help="A stored dataset, or a study: the data of each of its tasks.")
    ],
    profile: Annotated[str | None, typer.Option("--profile", help="Of a study: the profile laid over it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the card of data as they are used."""
    from bakeoff.api import dataset_cards
    from bakeoff.cli.shown import write, write_json

    cards = dataset_cards(name, profile=profile)
    if as_json:
        write_json(cards)
        return
    for text in cards.values():
        write(text)


def audit(
    name: Annotated[
        str, typer.Argument(metavar="NAME|STUDY", help="A stored dataset, or a study: the data of each of its tasks.")
    ],
    similarity: Annotated[
        float, typer.Option("--similarity", min=0.3, max=1.0, help="From where on texts are near duplicates.")
    ] = 0.7,
    noise: Annotated[
        bool, typer.Option("--noise/--no-noise", help="Whether labels are doubted, which takes the longest.")
    ] = True,
    examples: Annotated[int, typer.Option("--examples", min=0, help="Cases shown of each finding.")] = 2,
    profile: Annotated[str | None, typer.Option("--profile", help="Of a study: the profile laid over it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong with data."""
    from bakeoff import api
    from bakeoff.cli.shown import write_json
    from bakeoff.data.audit.options import AuditOptions

    options = AuditOptions(similarity, noise, max(KEPT_EXAMPLES, examples))
    found = api.audit(name, profile=profile, options=options, told=_tell)
    if as_json:
        bodies = [made.model_dump() for _, made in found]
        write_json(bodies[0] if len(bodies) == 1 else bodies)
    for dataset, made in found if not as_json else ():
        _print(dataset, made, examples)
    raise typer.Exit(SEVERE_EXIT if any(made.worst == "error" for _, made in found) else 0)


def _tell(text: str) -> None:
    from bakeoff.cli.shown import say

    if sys.stderr.isatty():
        say(text)


def _print(dataset: Dataset, made: Audit, examples: int) -> None:
    from bakeoff.cli.shown import console, make_table, safe

    out = console()
    rows = sum(split.rows for split in made.splits.values())
    counts = {severity: sum(one.severity == severity for one in made.findings) for severity in ("error", "warning", "note")}
    said = ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items() if count)
    out.print(
        safe(f"{made.dataset}: {rows:,} rows, {len(made.labels)} labels, {made.fingerprint[:12]}: {said or 'nothing found'}")
    )
    out.print(make_table(FINDING_COLUMNS, [finding.model_dump() for finding in made.findings]))
    out.print(make_table(SPLIT_COLUMNS, _splits(made)))
    if made.pairs:
        out.print(make_table(PAIR_COLUMNS, [pair.model_dump() for pair in made.pairs[:SHOWN_PAIRS]]))
    if made.doubts:
        out.print(make_table(DOUBT_COLUMNS, [doubt.model_dump() for doubt in made.doubts[:SHOWN_DOUBTS]]))
    for finding in made.findings:
        if examples and finding.examples:
            out.print(safe(finding.what))
            out.print(make_table(CASE_COLUMNS, _cases(dataset, finding, examples)))


def _splits(made: Audit) -> list[dict[str, Any]]:
    return [
        {
            "split": name,
            "rows": f"{split.rows:,}",
            "groups": f"{split.groups:,}",
            "characters": "mean {:.0f}, median {:.0f}, 95 % {:.0f}, longest {:.0f}".format(*split.characters),
            "languages": ", ".join(
                f"{language} {count:,}" for language, count in list(split.languages.items())[:SHOWN_LANGUAGES]
            ),
        }
        for name, split in made.splits.items()
    ]


def _cases(dataset: Dataset, finding: AuditFinding, examples: int) -> list[dict[str, str]]:
    import numpy as np

    rows = [(case, row) for case in finding.examples[:examples] for row in case.rows]
    places = {split: {row: place for place, row in enumerate(dataset.ids(split))} for split in {row.split for _, row in rows}}
    return [
        {
            "split": row.split,
            "id": row.id,
            "labels": ", ".join(row.labels) + (f" ({case.why})" if case.why else ""),
            "text": dataset.texts(row.split, np.array([places[row.split][row.id]]))[0][:LONGEST_TEXT],
        }
        for case, row in rows
    ]


def draws(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or the name of a built-in study.")],
    profile: Annotated[str | None, typer.Option("--profile", help="The profile laid over it.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A value laid over both.")] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="First epochs whose draws are counted.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Show what the samplings of a study draw."""
    from bakeoff import api
    from bakeoff.cli.shown import console, make_table, safe, write, write_json

    found = api.drawn_labels(study, profile=profile, overrides=overrides or (), epochs=epochs)
    if as_json:
        write_json(found)
        return
    if not found:
        write("no recipe of this study draws some examples more often than others (treatment.sampling)")
    out = console()
    for one in found:
        grown = one["examples"] / one["rows"] - 1
        out.print(
            safe(
                f"{one['recipe']} on {one['task']}: {one['sampling']}; an epoch draws {one['examples']:,} of {one['rows']:,} "
                f"examples ({grown:+.1%}); realised: mean of {epochs} epochs, seed {one['seed']}"
            )
        )
        out.print(make_table(DRAW_COLUMNS, [_draw(label) for label in one["labels"]]))


def _draw(label: dict[str, Any]) -> dict[str, str]:
    rows = label["rows"]
    return {
        "label": label["label"],
        "rows": f"{rows:,}",
        "meant": f"{label['meant']:,}",
        "realised": f"{label['realised']:,.1f}",
        "growth": f"{label['realised'] / rows - 1:+.1%}" if rows else "–",
    }
