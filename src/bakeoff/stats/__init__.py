"""Intervals, tests, corrections, effect sizes and power, in NumPy and SciPy: what a verdict rests on (docs/statistics.md)."""
