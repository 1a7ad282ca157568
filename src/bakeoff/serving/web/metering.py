"""What the server counts, as text that Prometheus reads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Observations in buckets.

    Args:
        bounds: upper ends, ascending.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.counts, self.sum = tuple(bounds), [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        """Take an observation.

        Args:
            value: what was observed.
        """
        place = next((place for place, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[place] += 1
        self.sum += value


class Meter:
    """Counters, histograms and gauges; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: Counter[tuple[str, Labels]] = Counter()
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Callable[[], float]] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter.

        Args:
            name: its name, without `bakeoff_` and `_total`.
            amount: how much.
            **labels: label values.
        """
        with self._lock:
            self._counters[(name, tuple(sorted(labels.items())))] += amount

    def observe(self, name: str, value: float, bounds: Sequence[float]) -> None:
        """Add to a histogram.

        Args:
            name: its name, without `bakeoff_`.
            value: what was observed.
            bounds: its buckets.
        """
        with self._lock:
            self._histograms.setdefault(name, Histogram(bounds)).observe(value)

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Show a value that is read when it is asked for.

        Args:
            name: its name, without `bakeoff_`.
            read: gives it.
        """
        self._gauges[name] = read

    def text(self) -> str:
        """All of it.

        Returns:
            The exposition format of Prometheus, version 0.0.4.
        """
        lines: list[str] = []
        with self._lock:
            for name in sorted({name for name, _ in self._counters}):
                lines.append(f"# TYPE bakeoff_{name}_total counter")
                found = sorted((labels, value) for (known, labels), value in self._counters.items() if known == name)
                lines += [f"bakeoff_{name}_total{_shown(labels)} {value}" for labels, value in found]
            for name, histogram in sorted(self._histograms.items()):
                lines.append(f"# TYPE bakeoff_{name} histogram")
                below = 0
                for bound, count in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
                    below += count
                    lines.append(f'bakeoff_{name}_bucket{{le="{bound}"}} {below}')
                lines += [f"bakeoff_{name}_sum {histogram.sum:.6f}", f"bakeoff_{name}_count {below}"]
        for name, read in sorted(self._gauges.items()):
            lines += [f"# TYPE bakeoff_{name} gauge", f"bakeoff_{name} {read():g}"]
        return "\n".join(lines) + "\n"


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
