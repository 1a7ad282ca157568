"""Trained models over HTTP: micro-batches, limits, guards, a page to try them by hand."""
