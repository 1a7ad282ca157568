"""Scores, thresholds and decisions, in pure NumPy: no catalog, no files, no learning library."""
