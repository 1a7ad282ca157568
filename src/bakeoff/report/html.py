"""`write_report`: one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.analysis.model import Analysis
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette, words
from bakeoff.report.comparison_figures import comparison_figures
from bakeoff.report.comparison_view import comparison_view, own_intervals
from bakeoff.report.contents import add_contents
from bakeoff.report.data_card_view import data_card_view
from bakeoff.report.data_quality_view import data_quality_view
from bakeoff.report.examples_view import examples_view
from bakeoff.report.funnel_figures import funnel_figures
from bakeoff.report.funnel_view import funnel_view
from bakeoff.report.health_view import health_view
from bakeoff.report.lengths_view import lengths_view
from bakeoff.report.pages import write_page
from bakeoff.report.searches_view import searches_view
from bakeoff.report.sources_view import sources_view
from bakeoff.report.task_figures import make_figures
from bakeoff.report.texts import ExampleTexts
from bakeoff.report.verdict_view import verdict_view
from bakeoff.report.views import task_view

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def write_report(run: RunFolder, analysis: Analysis, texts: ExampleTexts | None = None) -> Path:
    """Write `report.html` and `figures/`.

    Args:
        run: the run folder.
        analysis: what is reported.
        texts: what may be shown of single examples; None means nothing.

    Returns:
        Path of the report.
    """
    tasks = []
    for number, task in enumerate(analysis.tasks, start=1):
        trials = [trial for trial in analysis.trials if trial.task == task.name]
        sections: dict[str, Any] = {"health": health_view(trials), "examples": examples_view(task, texts or ExampleTexts())}
        sections["quality"] = data_quality_view(task, texts or ExampleTexts())
        sections["card"] = data_card_view(task)
        sections["comparison"] = comparison_view(analysis, task)
        sections["sources"] = sources_view(analysis, task)
        sections["lengths"] = lengths_view(analysis, task)
        intervals = own_intervals(analysis, task)
        sections["intervals"] = {recipe: words.score_span(*ends) for recipe, ends in intervals.items()}
        figures = {**make_figures(run, task, trials, number, intervals), **comparison_figures(run, analysis, task, number)}
        tasks.append({"facts": task, "trials": trials, "figures": figures, **task_view(analysis, task, trials), **sections})
    page = template("report.html").render(
        analysis=analysis,
        verdict=verdict_view(analysis),
        funnel=funnel_view(analysis.funnel),
        funnel_figures=funnel_figures(run, analysis),
        searches=searches_view(run, analysis.searches),
        tasks=tasks,
        run_name=run.root.name,
        failed=[trial for trial in analysis.trials if trial.state.ended and trial.state.value != "complete"],
        found=[trial for trial in analysis.trials if trial.findings],
        deviant={trial.id for trial in analysis.trials if trial.deviations},
        deviating=[trial for trial in analysis.trials if trial.deviations],
        noted=[trial for trial in analysis.trials if trial.notes],
    )
    write_page(run, run.report, add_contents(page))
    return run.report


def template(name: str, filters: dict[str, Any] | None = None) -> Any:
    """A template of a page, in which every text of a user is escaped.

    Args:
        name: of the file in `templates`.
        filters: more filters by name.

    Returns:
        The template.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bakeoff.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "policy": POLICY,
        "light": palette.declarations(dark=False),
        "dark": palette.declarations(dark=True),
    }
    formats = {"score": words.score, "summary": words.summary, "points": words.points, "duration": words.duration}
    more = {"threshold": words.threshold, "kappa": words.kappa, "count": words.count, "mean_points": words.mean_points}
    small = {"size": words.size, "rule": words.rule, "share": words.share, "significant": words.significant}
    environment.filters.update({**formats, **more, **small, **(filters or {})})
    return environment.get_template(name)
