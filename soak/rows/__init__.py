"""One file a row, or a few rows that belong together."""
