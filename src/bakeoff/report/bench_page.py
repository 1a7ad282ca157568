"""`bench.html`: what it costs to use the models of a run, as a page that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from bakeoff.analysis.bench_model import Bench
from bakeoff.records.paths import RunFolder
from bakeoff.report import bench_words, palette
from bakeoff.report.bench_figures import bench_figures
from bakeoff.report.html import template
from bakeoff.report.pages import write_page


def write_bench_page(run: RunFolder, bench: Bench) -> Path:
    """Write `bench.html` and its figures.

    Args:
        run: the run folder.
        bench: what is shown.

    Returns:
        Path of the page.
    """
    recipes = list(dict.fromkeys(one.recipe for one in bench.variants))
    filters = {"rate": bench_words.rate, "seconds": bench_words.seconds, "change": bench_words.change}
    page = template("bench.html", filters).render(
        bench=bench,
        figures=bench_figures(run, bench),
        headline=bench_words.headline(bench),
        busy=bench_words.busy_words(bench),
        rows=list(zip(bench.variants, bench_words.variant_rows(bench), strict=True)),
        contrasts=list(zip(bench.contrasts, bench_words.contrast_rows(bench), strict=True)),
        places={recipe: place % len(palette.SERIES) + 1 for place, recipe in enumerate(recipes)},
        sizes=list(bench.variants[0].rows_per_second),
        middle=bench_words.middle_size(bench),
        ways=bench_words.WAYS,
        megabytes=bench_words.megabytes,
    )
    write_page(run, run.bench_page, page)
    return run.bench_page
