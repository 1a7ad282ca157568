"""Trained models put to use: predictions, exports, deployment measurements, a server. Reached through `worker` alone."""
