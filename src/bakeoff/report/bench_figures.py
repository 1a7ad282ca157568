"""The figures of a benchmark: score against latency with its front, latencies, and throughput by size of requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bakeoff.analysis.bench_model import Bench, Variant
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette
from bakeoff.report.figures import Figure, Sketch, draw, shown, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^Dv<>PX*"
FULLY_MARKED = 8.0
"""Last over first number of a logarithmic axis up to which every mark has room for its number."""


def bench_figures(run: RunFolder, bench: Bench) -> dict[str, Figure]:
    """Draw and write the figures, each with its data as CSV.

    Args:
        run: the run folder.
        bench: what was measured.

    Returns:
        `front`, `latency` and `throughput`.
    """
    tail = slug(bench.task)
    sketches = {
        "front": front(bench, f"bench-front-{tail}"),
        "latency": latencies(bench, f"bench-latency-{tail}"),
        "throughput": throughput(bench, f"bench-throughput-{tail}"),
    }
    return {kind: draw(run.figures, sketch) for kind, sketch in sketches.items()}


def _recipes(bench: Bench) -> list[str]:
    return list(dict.fromkeys(one.recipe for one in bench.variants))


def _colour(bench: Bench, one: Variant) -> str:
    return palette.series(_recipes(bench).index(one.recipe))


def _marker(bench: Bench, one: Variant) -> str:
    ways = list(dict.fromkeys(each.way for each in bench.variants))
    return MARKERS[ways.index(one.way) % len(MARKERS)]


def _span(low: float, high: float, mean: float) -> tuple[float, float]:
    """How far an error bar goes to each side; nothing where nothing is known."""
    return (mean - low, high - mean) if math.isfinite(low) and math.isfinite(high) else (0.0, 0.0)


def front(bench: Bench, name: str) -> Sketch:
    """Score against latency; a line joins the ways that nothing beats in both.

    Args:
        bench: what was measured.
        name: name of its files.

    Returns:
        The sketch.
    """
    best = sorted((one for one in bench.variants if one.on_front), key=lambda one: one.p50.mean)

    def paint(axes: Axes) -> None:
        across = [1e3 * one.p50.mean for one in best]
        axes.plot(across, [one.agreement.score for one in best], color=palette.MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        for one in bench.variants:
            span = _span(one.p50.low, one.p50.high, one.p50.mean)
            axes.errorbar(
                1e3 * one.p50.mean,
                one.agreement.score,
                xerr=[[1e3 * span[0]], [1e3 * span[1]]],
                color=_colour(bench, one),
                marker=_marker(bench, one),
                markersize=6.5,
                markerfacecolor=_colour(bench, one) if one.on_front else "none",
                linewidth=1.2,
                label="." + one.name,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: _between_decades(value, axes.get_xlim()))
        axes.margins(x=0.1, y=0.18)
        axes.set_xlabel("median latency of one text, ms")
        axes.set_title(shown(f"{bench.metric} on validation"), loc="left", fontsize=10, color=palette.INK)
        _legend(axes, bench)

    spoken = "; ".join(f"{one.name} {1e3 * one.p50.mean:.2f} ms, {one.agreement.score:.4f}" for one in best)
    table: list[list[Any]] = [["variant", "recipe", "way", "latency ms", "low", "high", bench.metric, "on front"]]
    table += [
        [
            one.name,
            one.recipe,
            one.way,
            *(1e3 * value for value in (one.p50.mean, one.p50.low, one.p50.high)),
            one.agreement.score,
            one.on_front,
        ]
        for one in bench.variants
    ]
    return Sketch(
        name=name,
        title=f"{bench.metric} against latency on {bench.task}",
        description=f"A mark a way to use a model, its latency with a 95 % interval. The dashed line joins those that no other "
        f"beats in both: {spoken}.",
        size=(4.6, 3.4 + 0.11 * len(bench.variants)),
        draw=paint,
        table=table,
    )


def _between_decades(value: float, ends: tuple[float, float]) -> str:
    """What stands at a mark between powers of ten: on a short axis its number, on a longer one only 2 and 5."""
    digit = round(value / 10 ** math.floor(math.log10(value)))
    return f"{value:g}" if digit in (2, 5) or ends[1] / ends[0] < FULLY_MARKED else ""


def _legend(axes: Axes, bench: Bench) -> None:
    made = axes.legend(frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(-0.12, -0.17), ncols=2, borderaxespad=0)
    # a label that begins with "_" would be left out of a legend, so the texts are set afterwards
    for text, one in zip(made.get_texts(), bench.variants, strict=True):
        text.set_text(shown(one.name, 22))


def latencies(bench: Bench, name: str) -> Sketch:
    """Median, 95th and 99th percentile of each way, a faint dot a launch.

    Args:
        bench: what was measured.
        name: name of its files.

    Returns:
        The sketch.
    """
    count = len(bench.variants)

    def paint(axes: Axes) -> None:
        for row, one in enumerate(bench.variants):
            colour = _colour(bench, one)
            ends = [1e3 * one.p50.mean, 1e3 * one.p99.mean]
            axes.plot(ends, [row, row], color=colour, linewidth=1.2, alpha=0.6)
            for part, marker in ((one.p50, "o"), (one.p95, "|"), (one.p99, "d")):
                axes.plot([1e3 * value for value in part.values], [row] * len(part.values), marker, color=colour, alpha=0.25)
                axes.plot(1e3 * part.mean, row, marker, color=colour, markersize=7)
            heading = axes.annotate(
                shown(one.name, 40), (0, row - 0.22), xycoords=("axes fraction", "data"), va="bottom", fontsize=8.5
            )
            heading.set_in_layout(False)
        axes.set_ylim(count - 0.5, -0.85)
        axes.set_xlim(left=0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("● median, | 95 %, ◆ 99 %")
        axes.set_title(shown("ms from text to answer"), loc="left", fontsize=10, color=palette.INK)

    spoken = "; ".join(
        f"{one.name} {1e3 * one.p50.mean:.2f}, {1e3 * one.p95.mean:.2f}, {1e3 * one.p99.mean:.2f}" for one in bench.variants
    )
    sizes = list(bench.variants[0].rows_per_second)
    heading = ["variant", "launch", "p50 ms", "p95 ms", "p99 ms", "load s", "start s", "memory bytes", "peak bytes"]
    table: list[list[Any]] = [[*heading, *(f"texts/s by {size}" for size in sizes)]]
    for one in bench.variants:
        parts = [one.p50, one.p95, one.p99, one.load, one.start, one.memory, one.peak]
        scales = [1e3, 1e3, 1e3, 1, 1, 1, 1]
        table += [
            [
                one.name,
                launch + 1,
                *(scale * part.values[launch] for part, scale in zip(parts, scales, strict=True)),
                *(one.rows_per_second[size].values[launch] for size in sizes),
            ]
            for launch in range(one.launches)
        ]
    return Sketch(
        name=name,
        title=f"Latency of one text on {bench.task}",
        description=f"Median, 95th and 99th percentile in ms, mean over launches; a faint mark a launch. {spoken}.",
        size=(4.6, 0.7 + 0.42 * count),
        draw=paint,
        table=table,
    )


def throughput(bench: Bench, name: str) -> Sketch:
    """Texts a second by size of requests.

    Args:
        bench: what was measured.
        name: name of its files.

    Returns:
        The sketch.
    """
    sizes = list(bench.variants[0].rows_per_second)

    def curve(one: Variant) -> tuple[list[int], list[float]]:
        return [int(size) for size in sizes], [one.rows_per_second[size].mean for size in sizes]

    def paint(axes: Axes) -> None:
        for one in bench.variants:
            axes.plot(*curve(one), color=_colour(bench, one), marker=_marker(bench, one), markersize=4.5, linewidth=1.4)
        axes.set_xscale("log", base=2)
        axes.set_xticks([int(size) for size in sizes], sizes)
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel("texts of a request")
        axes.set_title(shown("texts a second"), loc="left", fontsize=10, color=palette.INK)

    spoken = "; ".join(f"{one.name} up to {max(curve(one)[1]):,.0f}" for one in bench.variants)
    table: list[list[Any]] = [["variant", "texts of a request", "texts/s", "low", "high"]]
    table += [
        [one.name, int(size), one.rows_per_second[size].mean, one.rows_per_second[size].low, one.rows_per_second[size].high]
        for one in bench.variants
        for size in sizes
    ]
    return Sketch(
        name=name,
        title=f"Texts a second on {bench.task}",
        description=f"A line a way, with the colours and marks of score against latency. {spoken} texts a second.",
        size=(4.6, 3.2),
        draw=paint,
        table=table,
    )
